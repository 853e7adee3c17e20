//! The window is drawn again only when something moves.

use std::time::Duration;

use bevy::prelude::*;
use bevy::winit::{UpdateMode, WinitSettings};
use bevy_egui::{EguiInput, egui};
use bevy_genie::prelude::*;

use crate::export::Exports;
use crate::files::Files;
use crate::lines::Lines;
use crate::project::Project;
use crate::study::Study;

/// Time from frame to frame while something moves.
const MOVING: Duration = Duration::from_millis(25);
/// Time from frame to frame while nothing does.
const RESTING: Duration = Duration::from_secs(5);

/// Chooses how often the program wakes up.
pub(crate) struct PacePlugin;

impl Plugin for PacePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(WinitSettings::desktop_app())
            .add_systems(Update, drop_repeated_modifiers)
            .add_systems(Last, choose_pace);
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

fn choose_pace(
    lines: Res<Lines>,
    study: Res<Study>,
    files: Res<Files>,
    exports: Res<Exports>,
    project: Res<Project>,
    worlds: Query<(&GenieStatus, &GenieClock)>,
    mut settings: ResMut<WinitSettings>,
) {
    let ticking = worlds.iter().any(|(status, clock)| match status.phase {
        GeniePhase::Loading | GeniePhase::Starting => true,
        GeniePhase::Running => !clock.paused,
        GeniePhase::Ended | GeniePhase::Failed => false,
    });
    let moving =
        ticking || study.pending() || files.busy() || exports.pending() || lines.waiting(&project);
    let wait = if moving { MOVING } else { RESTING };
    let mode = UpdateMode::reactive_low_power(wait);
    if settings.focused_mode != mode {
        settings.focused_mode = mode;
        settings.unfocused_mode = mode;
    }
}
