//! The settings on the screen.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::bindings::Control;
use crate::look::{FAINT, GOLD, SHADE, TEXT, cover, panel, text};
use crate::menu::{
    ItemText, Menu, MenuAdjusted, MenuCancelled, MenuChosen, MenuItem, MenuSystems, item_node,
};
use crate::scroll::ScrolledList;
use crate::settings::{LOUDEST, Quality, Settings};
use crate::sound;
use crate::states::{GameSystems, Overlay, Screen};
use crate::sticks::Sticks;

/// Speeds to choose from.
const SPEEDS: [f32; 5] = [0.5, 0.75, 1.0, 1.5, 2.0];
/// Largest scale to choose.
const LARGEST_SCALE: i32 = 16;

/// The settings screen.
pub(crate) struct SettingsScreenPlugin;

impl Plugin for SettingsScreenPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Overlay::Settings), set_up)
            .add_systems(
                Update,
                (capture, write)
                    .chain()
                    .run_if(in_state(Overlay::Settings))
                    // The key that was just bound does nothing in the menu.
                    .after(MenuSystems)
                    .in_set(GameSystems),
            );
    }
}

/// What a row of the screen changes.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    Scale,
    Speed,
    Quality,
    Scanlines,
    Frame,
    Ghost,
    Volume,
    Key(Control),
    Defaults,
    Back,
}

/// All rows, in the order of their indices.
fn rows() -> Vec<Row> {
    use Row::{Back, Defaults, Frame, Ghost, Key, Quality, Scale, Scanlines, Speed, Volume};
    let mut rows = vec![Scale, Speed, Quality, Scanlines, Frame, Ghost, Volume];
    rows.extend(Control::ALL.map(Key));
    rows.extend([Defaults, Back]);
    rows
}

impl Row {
    fn name(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Speed => "speed",
            Self::Quality => "quality",
            Self::Scanlines => "scanlines",
            Self::Frame => "frame",
            Self::Ghost => "ghost of the best run",
            Self::Volume => "volume",
            Self::Key(control) => control.name(),
            Self::Defaults => "as at the beginning",
            Self::Back => "back",
        }
    }

    /// Whether left and right change it.
    fn is_adjustable(self) -> bool {
        let is_there = self != Self::Volume || sound::BUILT_IN;
        is_there && !matches!(self, Self::Key(_) | Self::Defaults | Self::Back)
    }
}

/// The text on the right of a row.
#[derive(Component)]
struct Value(Row);

/// Waits for the key or button of a control.
#[derive(Component)]
struct Waiting {
    control: Control,
    /// Keys of the frame in which the waiting began do not count.
    fresh: bool,
}

fn set_up(mut commands: Commands) {
    let menu = commands
        .spawn((
            Menu::new(2),
            DespawnOnExit(Overlay::Settings),
            GlobalZIndex(20),
            cover(),
            BackgroundColor(SHADE),
        ))
        .observe(choose)
        .observe(adjust)
        .observe(cancel)
        .id();
    commands.entity(menu).with_children(|screen| {
        screen.spawn(panel()).with_children(|panel| {
            panel.spawn(text("SETTINGS", 26.0, GOLD));
            panel
                .spawn((ScrolledList { menu }, list()))
                .with_children(|list| {
                    for (index, row) in rows().into_iter().enumerate() {
                        let item = MenuItem {
                            menu,
                            index,
                            adjustable: row.is_adjustable(),
                        };
                        list.spawn((
                            item,
                            row_node(),
                            BackgroundColor(Color::NONE),
                            BorderColor::all(Color::NONE),
                            children![
                                (ItemText, text(row.name(), 16.0, TEXT)),
                                (ItemText, Value(row), text("", 16.0, TEXT)),
                            ],
                        ));
                    }
                });
            panel.spawn(text(
                "Left and right change a value, Enter waits for a new key or button.",
                13.0,
                FAINT,
            ));
        });
    });
}

/// All rows, or as many as fit into the window.
fn list() -> Node {
    Node {
        width: px(540),
        max_width: percent(100),
        min_height: px(0),
        flex_shrink: 1.0,
        flex_direction: FlexDirection::Column,
        overflow: Overflow::scroll_y(),
        ..default()
    }
}

/// A name on the left, a value on the right.
fn row_node() -> Node {
    Node {
        justify_content: JustifyContent::SpaceBetween,
        column_gap: px(16),
        flex_shrink: 0.0,
        padding: UiRect::axes(px(12), px(3)),
        ..item_node()
    }
}

fn write(settings: Res<Settings>, waiting: Query<&Waiting>, mut texts: Query<(&Value, &mut Text)>) {
    let waits = waiting.iter().next().map(|waiting| waiting.control);
    for (&Value(row), text) in &mut texts {
        let value = match row {
            Row::Key(control) if waits == Some(control) => "press a key or a button".to_owned(),
            _ => value(&settings, row),
        };
        let now = if row.is_adjustable() {
            format!("< {value} >")
        } else {
            value
        };
        text.map_unchanged(|text| &mut text.0).set_if_neq(now);
    }
}

/// What a row says on its right.
fn value(settings: &Settings, row: Row) -> String {
    let on = |on: bool| if on { "on" } else { "off" }.to_owned();
    match row {
        Row::Scale if settings.scale == 0 => "as large as fits".to_owned(),
        Row::Scale => format!("{} x", settings.scale),
        Row::Speed => format!("{} x", settings.speed),
        Row::Quality => settings.quality.name().to_owned(),
        Row::Scanlines => on(settings.scanlines),
        Row::Frame => on(settings.frame),
        Row::Ghost => on(settings.ghost),
        Row::Volume if !sound::BUILT_IN => "built without sound".to_owned(),
        Row::Volume if settings.volume == 0 => "mute".to_owned(),
        Row::Volume => format!("{} of {LOUDEST}", settings.volume),
        Row::Key(control) => {
            let keys = settings.bindings.keys_in_words(control);
            format!("{keys} | {}", settings.bindings.buttons_in_words(control))
        }
        Row::Defaults | Row::Back => String::new(),
    }
}

fn choose(
    chosen: On<MenuChosen>,
    mut settings: ResMut<Settings>,
    mut menus: Query<&mut Menu>,
    screen: Res<State<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
    mut commands: Commands,
) {
    match rows().get(chosen.index) {
        Some(Row::Key(control)) => {
            if let Ok(mut menu) = menus.get_mut(chosen.menu) {
                menu.enabled = false;
            }
            commands.entity(chosen.menu).insert(Waiting {
                control: *control,
                fresh: true,
            });
        }
        Some(Row::Defaults) => *settings = Settings::default(),
        Some(Row::Back) => close(**screen, &mut overlay),
        Some(row) => change(&mut settings, *row, 1),
        None => {}
    }
}

fn adjust(adjusted: On<MenuAdjusted>, mut settings: ResMut<Settings>) {
    if let Some(row) = rows().get(adjusted.index) {
        change(&mut settings, *row, adjusted.by);
    }
}

/// Goes to the next or the last value, around the ends.
fn change(settings: &mut Settings, row: Row, by: i32) {
    let turn = |at: usize, of: usize| (at as i32 + by).rem_euclid(of as i32) as usize;
    match row {
        Row::Scale => {
            settings.scale = (settings.scale as i32 + by).rem_euclid(LARGEST_SCALE + 1) as u32;
        }
        Row::Speed => {
            let at = SPEEDS
                .iter()
                .position(|speed| (speed - settings.speed).abs() < 0.01);
            settings.speed = SPEEDS[turn(at.unwrap_or(2), SPEEDS.len())];
        }
        Row::Quality => {
            let all = Quality::ALL;
            let at = all.iter().position(|other| *other == settings.quality);
            settings.quality = all[turn(at.unwrap_or(1), all.len())];
        }
        Row::Scanlines => settings.scanlines = !settings.scanlines,
        Row::Frame => settings.frame = !settings.frame,
        Row::Ghost => settings.ghost = !settings.ghost,
        Row::Volume => {
            let louder = settings.volume.saturating_add_signed(by);
            settings.volume = louder.min(LOUDEST);
        }
        Row::Key(_) | Row::Defaults | Row::Back => {}
    }
}

/// The next key, button or push of a stick is bound; Escape keeps what there was.
fn capture(
    keys: Res<ButtonInput<KeyCode>>,
    pads: Query<&Gamepad>,
    sticks: Res<Sticks>,
    mut waiting: Query<(Entity, &mut Waiting, &mut Menu)>,
    mut settings: ResMut<Settings>,
    mut commands: Commands,
) {
    for (entity, mut waiting, mut menu) in &mut waiting {
        if std::mem::take(&mut waiting.fresh) {
            continue;
        }
        let key = keys.get_just_pressed().next().copied();
        let button = pads
            .iter()
            .find_map(|pad| pad.get_just_pressed().next().copied());
        let push = sticks.get_just_pressed().next().copied();
        let pad = button.map(Into::into).or(push.map(Into::into));
        let source: Option<GenieInputSource> = key.map(Into::into).or(pad);
        let Some(source) = source else {
            continue;
        };
        if key != Some(KeyCode::Escape) {
            settings.bindings.rebind(waiting.control, source);
        }
        menu.enabled = true;
        commands.entity(entity).remove::<Waiting>();
    }
}

fn cancel(
    _: On<MenuCancelled>,
    screen: Res<State<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
) {
    close(**screen, &mut overlay);
}

/// Back to where they were opened.
fn close(screen: Screen, overlay: &mut NextState<Overlay>) {
    overlay.set(if screen == Screen::Play {
        Overlay::Pause
    } else {
        Overlay::Closed
    });
}
