//! How the worlds are doing, in Bevy's `DiagnosticsStore`.

use std::collections::VecDeque;
use std::time::Duration;

use bevy::diagnostic::{Diagnostic, DiagnosticPath, Diagnostics, RegisterDiagnostic};
use bevy::prelude::*;
use genie_model::percentile;

use crate::output::frame::GenieFrame;
use crate::settings::GenieSystems;
use crate::worker::Worker;
use crate::world::component::{GenieStatus, GenieWorld};

/// Frames that the percentiles of the latencies look back on.
const FRAMES: usize = 512;

/// Measures all worlds together and stores the figures in Bevy's `DiagnosticsStore`, four times a second.
///
/// Part of [`GeniePlugin`](crate::GeniePlugin). Add it to an app, before or after that one, to measure at other intervals.
///
/// Bevy's `LogDiagnosticsPlugin` prints them, and so may the game:
///
/// ```
/// # use bevy::prelude::*;
/// use bevy::diagnostic::DiagnosticsStore;
/// use bevy_genie::GenieDiagnosticsPlugin;
///
/// fn print(store: Res<DiagnosticsStore>) {
///     let latency = store.get(&GenieDiagnosticsPlugin::INPUT_LATENCY_P99);
///     if let Some(milliseconds) = latency.and_then(|latency| latency.value()) {
///         println!("99 of 100 presses were seen within {milliseconds} ms");
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct GenieDiagnosticsPlugin {
    /// Time between two measurements.
    pub interval: Duration,
}

impl Default for GenieDiagnosticsPlugin {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(250),
        }
    }
}

impl GenieDiagnosticsPlugin {
    /// Frames of all worlds that arrived per second.
    pub const FRAMES_PER_SECOND: DiagnosticPath = DiagnosticPath::const_new("genie/fps");
    /// Milliseconds from the request for a frame to its texture: half of the last 512 frames took no longer.
    pub const LATENCY_P50: DiagnosticPath = DiagnosticPath::const_new("genie/latency_p50");
    /// Milliseconds from the request for a frame to its texture: 99 of 100 of the last 512 frames took no longer.
    pub const LATENCY_P99: DiagnosticPath = DiagnosticPath::const_new("genie/latency_p99");
    /// As [`LATENCY_P50`](Self::LATENCY_P50), from a press or release to the texture that shows it. The wait for the next
    /// tick is part of it.
    pub const INPUT_LATENCY_P50: DiagnosticPath =
        DiagnosticPath::const_new("genie/input_latency_p50");
    /// As [`LATENCY_P99`](Self::LATENCY_P99), from a press or release to the texture that shows it.
    pub const INPUT_LATENCY_P99: DiagnosticPath =
        DiagnosticPath::const_new("genie/input_latency_p99");
    /// Requests and replies that wait between the main thread and the worker.
    pub const QUEUE: DiagnosticPath = DiagnosticPath::const_new("genie/queue");
    /// Ticks that the present worlds have left out since their starts.
    pub const LATE_TICKS: DiagnosticPath = DiagnosticPath::const_new("genie/late_ticks");
    /// Worlds below their floor, see [`GenieStatus::starving`].
    pub const STARVING: DiagnosticPath = DiagnosticPath::const_new("genie/starving");
    /// MiB that weights, worlds and their timelines take on the worker, snapshots held by the game not counted.
    pub const MEMORY: DiagnosticPath = DiagnosticPath::const_new("genie/memory");
    /// Number of worlds.
    pub const WORLDS: DiagnosticPath = DiagnosticPath::const_new("genie/worlds");
}

/// What has been seen since the app started.
#[derive(Resource, Default)]
pub(crate) struct Measurements {
    interval: Duration,
    elapsed: Duration,
    frames: u32,
    latencies: VecDeque<Duration>,
    input_latencies: VecDeque<Duration>,
}

impl Plugin for GenieDiagnosticsPlugin {
    // `GeniePlugin` has added it, or will not.
    fn is_unique(&self) -> bool {
        false
    }

    fn build(&self, app: &mut App) {
        if let Some(mut measurements) = app.world_mut().get_resource_mut::<Measurements>() {
            measurements.interval = self.interval;
            return;
        }
        for (path, suffix) in [
            (Self::FRAMES_PER_SECOND, ""),
            (Self::LATENCY_P50, " ms"),
            (Self::LATENCY_P99, " ms"),
            (Self::INPUT_LATENCY_P50, " ms"),
            (Self::INPUT_LATENCY_P99, " ms"),
            (Self::QUEUE, ""),
            (Self::LATE_TICKS, ""),
            (Self::STARVING, ""),
            (Self::MEMORY, " MiB"),
            (Self::WORLDS, ""),
        ] {
            app.register_diagnostic(Diagnostic::new(path).with_suffix(suffix));
        }
        app.insert_resource(Measurements {
            interval: self.interval,
            ..default()
        })
        .add_systems(PreUpdate, measure.after(GenieSystems::Receive));
    }
}

fn measure(
    time: Res<Time<Real>>,
    worker: Option<Res<Worker>>,
    worlds: Query<&GenieStatus, With<GenieWorld>>,
    mut arrived: MessageReader<GenieFrame>,
    mut seen: ResMut<Measurements>,
    mut diagnostics: Diagnostics,
) {
    let seen = &mut *seen;
    for frame in arrived.read() {
        seen.frames += 1;
        keep(&mut seen.latencies, Some(frame.latency));
        keep(&mut seen.input_latencies, frame.input_latency);
    }
    seen.elapsed += time.delta();
    if seen.elapsed < seen.interval || seen.elapsed.is_zero() {
        return;
    }
    let elapsed = std::mem::take(&mut seen.elapsed).as_secs_f64();
    let frames = f64::from(std::mem::take(&mut seen.frames));
    let mut measured =
        |path: DiagnosticPath, value: f64| diagnostics.add_measurement(&path, || value);
    measured(GenieDiagnosticsPlugin::FRAMES_PER_SECOND, frames / elapsed);
    for (latencies, half, most) in [
        (
            &seen.latencies,
            GenieDiagnosticsPlugin::LATENCY_P50,
            GenieDiagnosticsPlugin::LATENCY_P99,
        ),
        (
            &seen.input_latencies,
            GenieDiagnosticsPlugin::INPUT_LATENCY_P50,
            GenieDiagnosticsPlugin::INPUT_LATENCY_P99,
        ),
    ] {
        let mut sorted: Vec<_> = latencies.iter().copied().collect();
        sorted.sort_unstable();
        for (path, share) in [(half, 0.5), (most, 0.99)] {
            if let Some(latency) = percentile(&sorted, share) {
                measured(path, latency.as_secs_f64() * 1e3);
            }
        }
    }
    measured(
        GenieDiagnosticsPlugin::LATE_TICKS,
        worlds.iter().map(|status| status.late_ticks).sum::<u64>() as f64,
    );
    measured(
        GenieDiagnosticsPlugin::STARVING,
        worlds.iter().filter(|status| status.starving).count() as f64,
    );
    measured(GenieDiagnosticsPlugin::WORLDS, worlds.iter().len() as f64);
    if let Some(worker) = worker {
        measured(GenieDiagnosticsPlugin::QUEUE, worker.queue() as f64);
        let bytes = worker.memory_bytes() as f64;
        measured(GenieDiagnosticsPlugin::MEMORY, bytes / f64::from(1 << 20));
    }
}

fn keep(latencies: &mut VecDeque<Duration>, latency: Option<Duration>) {
    latencies.extend(latency);
    if latencies.len() > FRAMES {
        latencies.pop_front();
    }
}
