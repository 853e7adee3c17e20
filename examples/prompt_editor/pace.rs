//! The window is drawn again only when something moves.

use std::time::{Duration, Instant};

use bevy::input::keyboard::KeyboardInput;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;
use bevy::winit::{UpdateMode, WinitSettings};
use bevy_genie::prelude::*;

use crate::export::Exports;
use crate::files::Files;
use crate::lines::Lines;
use crate::project::Project;
use crate::study::Study;
use crate::toasts::Toasts;

/// Time from frame to frame while something moves.
const MOVING: Duration = Duration::from_millis(25);
/// Time from frame to frame while a line is played again, a frame of it in each.
const HURRYING: Duration = Duration::from_millis(5);
/// Time from frame to frame just after something was touched: tooltips come up when the mouse rests.
const SETTLING: Duration = Duration::from_millis(150);
/// For how long.
const SETTLED: Duration = Duration::from_millis(1500);
/// Waits for what is due are whole multiples of this.
const STEP: Duration = Duration::from_millis(500);
/// Time from frame to frame while nothing moves.
const RESTING: Duration = Duration::from_mins(1);

/// How long to wait for something that is due after a time: a little too long, in whole steps. A change of the pace draws the window at
/// once, and a pace that counts down would change in every frame.
fn wait_for(due: Duration) -> Duration {
    let steps = due.as_millis().div_ceil(STEP.as_millis()).max(1);
    STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
        .min(RESTING)
}

/// Chooses how often the program wakes up.
pub(crate) struct PacePlugin;

impl Plugin for PacePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(WinitSettings::desktop_app())
            .add_systems(Last, choose_pace);
    }
}

#[allow(clippy::too_many_arguments)] // A system's arguments are what it asks the world for.
fn choose_pace(
    lines: Res<Lines>,
    study: Res<Study>,
    files: Res<Files>,
    exports: Res<Exports>,
    project: Res<Project>,
    toasts: Res<Toasts>,
    worlds: Query<(&GenieStatus, &GenieClock)>,
    mut cursor: MessageReader<CursorMoved>,
    mut buttons: MessageReader<MouseButtonInput>,
    mut keys: MessageReader<KeyboardInput>,
    mut touched: Local<Option<Instant>>,
    mut settings: ResMut<WinitSettings>,
) {
    let now = Instant::now();
    if cursor.read().count() + buttons.read().count() + keys.read().count() > 0 {
        *touched = Some(now);
    }
    let settling = touched.is_some_and(|touched| now.duration_since(touched) < SETTLED);
    let ticking = worlds.iter().any(|(status, clock)| match status.phase {
        GeniePhase::Loading | GeniePhase::Starting => true,
        GeniePhase::Running => !clock.paused,
        GeniePhase::Ended | GeniePhase::Failed => false,
    });
    let moving = ticking
        || study.pending()
        || files.busy()
        || exports.pending()
        || lines.waiting(&project)
        || lines.unkept();
    let next_toast = toasts.all.iter().map(|toast| toast.until).min();
    let next_toast = next_toast.map(|until| until.saturating_duration_since(now));
    let autosave = files.until_autosave(&project).map(Duration::from_secs_f32);
    let wait = if lines.arriving().is_some() {
        HURRYING
    } else if moving {
        MOVING
    } else if settling {
        SETTLING
    } else {
        let next = next_toast.into_iter().chain(autosave).min();
        next.map_or(RESTING, wait_for)
    };
    let mode = UpdateMode::reactive_low_power(wait);
    if settings.focused_mode != mode {
        settings.focused_mode = mode;
        settings.unfocused_mode = mode;
    }
}
