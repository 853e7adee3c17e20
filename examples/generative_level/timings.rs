//! What the game's own systems cost the main thread, printed at the end.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_genie::triggers::GenieTriggerSystems;

use crate::states::GameSystems;

/// Measures [`GameSystems`] and the triggers in each frame.
pub(crate) struct TimingsPlugin;

impl Plugin for TimingsPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Timings {
            since: Instant::now(),
            frame: Duration::ZERO,
            frames: Vec::new(),
        })
        .add_systems(
            PreUpdate,
            (
                begin.before(GenieTriggerSystems),
                end.after(GenieTriggerSystems),
            ),
        )
        .add_systems(Update, (begin.before(GameSystems), end.after(GameSystems)))
        .add_systems(
            Last,
            (next_frame, report.run_if(on_message::<AppExit>)).chain(),
        );
    }
}

#[derive(Resource)]
struct Timings {
    since: Instant,
    frame: Duration,
    /// Milliseconds.
    frames: Vec<f64>,
}

fn begin(mut timings: ResMut<Timings>) {
    timings.since = Instant::now();
}

fn end(mut timings: ResMut<Timings>) {
    let spent = timings.since.elapsed();
    timings.frame += spent;
}

fn next_frame(mut timings: ResMut<Timings>) {
    let spent = std::mem::take(&mut timings.frame);
    timings.frames.push(spent.as_secs_f64() * 1e3);
}

fn report(mut timings: ResMut<Timings>) {
    // The first frames load and lay out.
    let start = timings.frames.len().min(60);
    let mut spent = timings.frames.split_off(start);
    spent.sort_by(f64::total_cmp);
    let Some(last) = spent.len().checked_sub(1) else {
        return;
    };
    let at = |share: f64| spent[(last as f64 * share) as usize];
    println!(
        "the game's own systems: {} frames, median {:.3} ms, 99th percentile {:.3} ms, most {:.3} ms",
        spent.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
