//! Which keys reach the panels: none of those that the world is played with, and no news that is none.

use bevy::prelude::*;
use bevy_egui::{EguiContext, EguiInput, egui};

use crate::ui::viewport_id;

/// Filters what egui hears.
pub(crate) struct KeysPlugin;

impl Plugin for KeysPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (drop_repeated_modifiers, keep_game_keys));
    }
}

/// `bevy_egui` reports the modifier keys in every frame, and egui draws again after every event: nothing would ever rest.
fn drop_repeated_modifiers(
    mut inputs: Query<&mut EguiInput>,
    mut last: Local<Option<egui::Modifiers>>,
) {
    for mut input in &mut inputs {
        input.events.retain(|event| match event {
            egui::Event::ModifiersChanged(now) => last.replace(*now) != Some(*now),
            _ => true,
        });
    }
}

/// While the world has the focus, arrow keys would move it on to the next widget, at least in the first frame.
fn keep_game_keys(mut contexts: Query<(&mut EguiContext, &mut EguiInput)>) {
    for (mut context, mut input) in &mut contexts {
        let ctx = context.get_mut();
        if !ctx.memory(|memory| memory.has_focus(viewport_id())) {
            continue;
        }
        input.events.retain(|event| match event {
            egui::Event::Key { key, modifiers, .. } => {
                *key == egui::Key::Escape || modifiers.command
            }
            egui::Event::Text(_) => false,
            _ => true,
        });
    }
}
