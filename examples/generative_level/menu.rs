//! Menus that keyboard, gamepad and mouse move through alike.

use bevy::prelude::*;
use bevy_genie::prelude::GenieStickDirection::{
    LeftStickDown, LeftStickLeft, LeftStickRight, LeftStickUp, RightStickDown, RightStickLeft,
    RightStickRight, RightStickUp,
};

use crate::look::{EDGE, GOLD, TEXT, text};
use crate::states::GameSystems;
use crate::sticks::Sticks;

/// A menu. Of several, the one in the highest layer has the keys.
#[derive(Component)]
pub(crate) struct Menu {
    /// Higher for what lies over the rest.
    pub(crate) layer: i32,
    /// Which item is selected.
    pub(crate) selected: usize,
    /// Whether it takes keys.
    pub(crate) enabled: bool,
}

impl Menu {
    /// A menu in this layer with its first item selected.
    pub(crate) fn new(layer: i32) -> Self {
        Self {
            layer,
            selected: 0,
            enabled: true,
        }
    }
}

/// An item of a menu.
#[derive(Component)]
#[require(Interaction)]
pub(crate) struct MenuItem {
    /// The entity with the [`Menu`].
    pub(crate) menu: Entity,
    /// Its number from 0.
    pub(crate) index: usize,
    /// Whether left and right change it instead of moving on.
    pub(crate) adjustable: bool,
}

/// The text of an item, which is lit while the item is selected.
#[derive(Component)]
pub(crate) struct ItemText;

/// Event: an item has been chosen.
#[derive(EntityEvent)]
pub(crate) struct MenuChosen {
    /// The menu.
    #[event_target]
    pub(crate) menu: Entity,
    /// Which item.
    pub(crate) index: usize,
}

/// Event: left or right on an item that is adjustable.
#[derive(EntityEvent)]
pub(crate) struct MenuAdjusted {
    /// The menu.
    #[event_target]
    pub(crate) menu: Entity,
    /// Which item.
    pub(crate) index: usize,
    /// -1 or 1.
    pub(crate) by: i32,
}

/// Event: Escape, or the gamepad's right button.
#[derive(EntityEvent)]
pub(crate) struct MenuCancelled {
    /// The menu.
    #[event_target]
    pub(crate) menu: Entity,
}

/// An item with a line of text.
pub(crate) fn text_item(menu: Entity, index: usize, label: &str) -> impl Bundle {
    (
        MenuItem {
            menu,
            index,
            adjustable: false,
        },
        item_node(),
        BackgroundColor(Color::NONE),
        BorderColor::all(Color::NONE),
        children![(ItemText, text(label, 20.0, TEXT))],
    )
}

/// The node of an item.
pub(crate) fn item_node() -> Node {
    Node {
        min_width: px(220),
        justify_content: JustifyContent::Center,
        padding: UiRect::axes(px(16), px(6)),
        border: UiRect::all(px(2)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    }
}

/// Where menus are moved through, in `Update`. Systems that hand the keys back to a menu run after it.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MenuSystems;

/// Moves through menus.
pub(crate) struct MenuPlugin;

impl Plugin for MenuPlugin {
    fn build(&self, app: &mut App) {
        let systems = (point, steer, light).chain();
        app.add_systems(Update, systems.in_set(MenuSystems).in_set(GameSystems));
    }
}

type Items<'w, 's> = Query<
    'w,
    's,
    (
        &'static MenuItem,
        &'static UiGlobalTransform,
        &'static ComputedNode,
    ),
>;

/// The menu with the keys: the uppermost one, or none while that takes no keys.
fn active(menus: &Query<(Entity, &mut Menu)>) -> Option<Entity> {
    let uppermost = menus.iter().max_by_key(|(_, menu)| menu.layer);
    uppermost
        .filter(|(_, menu)| menu.enabled)
        .map(|(entity, _)| entity)
}

/// The mouse selects what it is moved over, and chooses what it is pressed on. What comes up under a mouse at rest stays as it is.
fn point(
    mut moves: MessageReader<CursorMoved>,
    items: Query<(&MenuItem, Ref<Interaction>)>,
    mut menus: Query<(Entity, &mut Menu)>,
    mut commands: Commands,
) {
    let moved = moves.read().count() > 0;
    let Some(menu) = active(&menus) else {
        return;
    };
    for (item, interaction) in &items {
        let pressed = *interaction == Interaction::Pressed && interaction.is_changed();
        let hovered = *interaction == Interaction::Hovered && moved;
        if item.menu != menu || !(pressed || hovered) {
            continue;
        }
        if let Ok((_, mut menu)) = menus.get_mut(menu)
            && menu.selected != item.index
        {
            menu.selected = item.index;
        }
        if pressed {
            commands.trigger(MenuChosen {
                menu,
                index: item.index,
            });
        }
    }
}

/// Arrow keys, WASD, the directional pad and the sticks go to the next item in that direction.
fn steer(
    keys: Res<ButtonInput<KeyCode>>,
    pads: Query<&Gamepad>,
    sticks: Res<Sticks>,
    items: Items,
    mut menus: Query<(Entity, &mut Menu)>,
    mut commands: Commands,
) {
    let Some(menu) = active(&menus) else {
        return;
    };
    let pressed = |wanted: &[KeyCode], button: GamepadButton| {
        keys.any_just_pressed(wanted.iter().copied())
            || pads.iter().any(|pad| pad.just_pressed(button))
    };
    let directions = [
        (
            [KeyCode::ArrowLeft, KeyCode::KeyA],
            GamepadButton::DPadLeft,
            [LeftStickLeft, RightStickLeft],
            -Vec2::X,
        ),
        (
            [KeyCode::ArrowRight, KeyCode::KeyD],
            GamepadButton::DPadRight,
            [LeftStickRight, RightStickRight],
            Vec2::X,
        ),
        (
            [KeyCode::ArrowUp, KeyCode::KeyW],
            GamepadButton::DPadUp,
            [LeftStickUp, RightStickUp],
            -Vec2::Y,
        ),
        (
            [KeyCode::ArrowDown, KeyCode::KeyS],
            GamepadButton::DPadDown,
            [LeftStickDown, RightStickDown],
            Vec2::Y,
        ),
    ];
    let Ok((_, mut state)) = menus.get_mut(menu) else {
        return;
    };
    for (wanted, button, pushes, direction) in directions {
        if !(pressed(&wanted, button) || sticks.any_just_pressed(pushes)) {
            continue;
        }
        let selected = items
            .iter()
            .find(|(item, ..)| item.menu == menu && item.index == state.selected);
        let Some((item, place, _)) = selected else {
            state.selected = 0;
            continue;
        };
        if item.adjustable && direction.x != 0.0 {
            let (index, by) = (item.index, direction.x as i32);
            commands.trigger(MenuAdjusted { menu, index, by });
            continue;
        }
        let next = neighbour(menu, place.translation, direction, &items);
        state.selected = next.unwrap_or(state.selected);
    }
    if pressed(
        &[KeyCode::Enter, KeyCode::NumpadEnter, KeyCode::Space],
        GamepadButton::South,
    ) {
        let index = state.selected;
        if items
            .iter()
            .any(|(item, ..)| item.menu == menu && item.index == index)
        {
            commands.trigger(MenuChosen { menu, index });
        }
    } else if pressed(&[KeyCode::Escape], GamepadButton::East) {
        commands.trigger(MenuCancelled { menu });
    }
}

/// The nearest item in a direction, or where there is none the furthest on the other side.
fn neighbour(menu: Entity, from: Vec2, direction: Vec2, items: &Items) -> Option<usize> {
    let mut nearest: Option<(f32, usize)> = None;
    let mut furthest: Option<(f32, usize)> = None;
    for (item, place, _) in items.iter().filter(|(item, ..)| item.menu == menu) {
        let by = place.translation - from;
        let (along, aside) = (by.dot(direction), by.perp_dot(direction).abs());
        if along > 1.0 {
            let cost = along + 3.0 * aside;
            if nearest.is_none_or(|(least, _)| cost < least) {
                nearest = Some((cost, item.index));
            }
        } else if along < -1.0 && aside < 1.0 && furthest.is_none_or(|(most, _)| -along > most) {
            furthest = Some((-along, item.index));
        }
    }
    nearest.or(furthest).map(|(_, index)| index)
}

/// The selected item has a golden edge.
fn light(
    menus: Query<&Menu>,
    mut items: Query<(
        &MenuItem,
        &mut BorderColor,
        &mut BackgroundColor,
        Option<&Children>,
    )>,
    mut texts: Query<&mut TextColor, With<ItemText>>,
) {
    for (item, mut border, mut background, children) in &mut items {
        let lit = menus
            .get(item.menu)
            .is_ok_and(|menu| menu.selected == item.index);
        let edge = BorderColor::all(if lit { GOLD } else { Color::NONE });
        border.set_if_neq(edge);
        background.set_if_neq(BackgroundColor(if lit { EDGE } else { Color::NONE }));
        for &child in children.into_iter().flatten() {
            if let Ok(mut colour) = texts.get_mut(child) {
                colour.set_if_neq(TextColor(if lit { GOLD } else { TEXT }));
            }
        }
    }
}
