//! Lists that are longer than their place: the selected item stays in sight, and the mouse wheel scrolls.

use bevy::input::mouse::{MouseScrollUnit, MouseWheel};
use bevy::prelude::*;

use crate::menu::{Menu, MenuItem, MenuSystems};
use crate::states::GameSystems;

/// Pixels that a line of the wheel scrolls.
const LINE: f32 = 40.0;

/// A node that shows a part of the items of a menu. Its own height must not follow from theirs.
#[derive(Component)]
#[require(ScrollPosition)]
pub(crate) struct ScrolledList {
    /// The entity with the [`Menu`].
    pub(crate) menu: Entity,
}

/// Scrolls lists.
pub(crate) struct ScrollPlugin;

impl Plugin for ScrollPlugin {
    fn build(&self, app: &mut App) {
        let follow = follow.after(MenuSystems).in_set(GameSystems);
        app.add_systems(Update, follow);
    }
}

fn follow(
    mut wheel: MessageReader<MouseWheel>,
    menus: Query<Ref<Menu>>,
    items: Query<(&MenuItem, &UiGlobalTransform, &ComputedNode)>,
    mut lists: Query<(
        &ScrolledList,
        &mut ScrollPosition,
        &UiGlobalTransform,
        Ref<ComputedNode>,
    )>,
) {
    let turned: f32 = wheel
        .read()
        .map(|turn| match turn.unit {
            MouseScrollUnit::Line => turn.y * LINE,
            MouseScrollUnit::Pixel => turn.y,
        })
        .sum();
    for (list, scroll, place, node) in &mut lists {
        let Ok(menu) = menus.get(list.menu) else {
            continue;
        };
        let density = node.inverse_scale_factor;
        let most = (node.content_size.y - node.size.y).max(0.0) * density;
        let mut to = scroll.0.y - turned;
        let selected = items
            .iter()
            .find(|(item, ..)| item.menu == list.menu && item.index == menu.selected);
        if let Some((_, item_place, item)) = selected
            && (menu.is_changed() || node.is_changed())
        {
            let top = |place: &UiGlobalTransform, node: &ComputedNode| {
                place.translation.y - node.size.y / 2.0
            };
            let above = top(place, &node) - top(item_place, item);
            let below = item.size.y - node.size.y - above;
            to -= above.max(0.0) * density;
            to += below.max(0.0) * density;
        }
        scroll
            .map_unchanged(|scroll| &mut scroll.0)
            .set_if_neq(vec2(0.0, to.clamp(0.0, most)));
    }
}
