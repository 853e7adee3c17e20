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

/// While the world has the focus, its keys are no business of the panels. Arrow keys never move the focus from widget to widget:
/// one that is pressed together with the click on the world would take the focus away again.
fn keep_game_keys(mut contexts: Query<(&mut EguiContext, &mut EguiInput)>) {
    use egui::Key::{ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Escape};
    for (mut context, mut input) in &mut contexts {
        let focused = context.get_mut().memory(egui::Memory::focused);
        let playing = focused == Some(viewport_id());
        if focused.is_some() && !playing {
            continue;
        }
        input.events.retain(|event| match event {
            egui::Event::Key { key, modifiers, .. } if playing => {
                *key == Escape || modifiers.command
            }
            egui::Event::Key { key, .. } => {
                ![ArrowLeft, ArrowRight, ArrowUp, ArrowDown].contains(key)
            }
            egui::Event::Text(_) => !playing,
            _ => true,
        });
    }
}
