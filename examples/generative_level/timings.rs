//! What the game's own systems cost the main thread, printed at the end.

use std::time::{Duration, Instant};

use bevy::ecs::schedule::SingleThreadedExecutor;
use bevy::prelude::*;
use bevy_genie::genie_model::percentile;
use bevy_genie::triggers::GenieTriggerSystems;

use crate::states::GameSystems;

/// Frames at the start that load and lay out.
const FIRST: usize = 60;

/// Measures [`GameSystems`] and the triggers in each frame. Their schedules then run on the main thread alone, so that nothing
/// else counts with them; frames in which the system took the processor away from that thread are counted apart.
pub(crate) struct TimingsPlugin;

impl Plugin for TimingsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Timings>()
            .edit_schedule(PreUpdate, |schedule| {
                schedule.set_executor(SingleThreadedExecutor::new());
            })
            .edit_schedule(Update, |schedule| {
                schedule.set_executor(SingleThreadedExecutor::new());
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

#[derive(Resource, Default)]
struct Timings {
    began: Option<(Instant, Option<u64>)>,
    frame: Duration,
    interrupted: bool,
    /// Milliseconds of each frame, and whether the thread was interrupted in it.
    frames: Vec<(f64, bool)>,
}

/// How often this thread has been given a processor, where the system says so.
fn times_scheduled() -> Option<u64> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split_whitespace().nth(2)?.parse().ok()
}

fn begin(mut timings: ResMut<Timings>) {
    timings.began = Some((Instant::now(), times_scheduled()));
}

fn end(mut timings: ResMut<Timings>) {
    if let Some((since, scheduled)) = timings.began.take() {
        timings.frame += since.elapsed();
        timings.interrupted |= scheduled != times_scheduled();
    }
}

fn next_frame(mut timings: ResMut<Timings>) {
    let spent = std::mem::take(&mut timings.frame).as_secs_f64() * 1e3;
    let interrupted = std::mem::take(&mut timings.interrupted);
    timings.frames.push((spent, interrupted));
}

fn report(timings: Res<Timings>) {
    let frames = timings.frames.get(FIRST..).unwrap_or_default();
    let undisturbed = frames.iter().filter(|(_, interrupted)| !interrupted);
    let mut spent: Vec<f64> = undisturbed.map(|(spent, _)| *spent).collect();
    spent.sort_by(f64::total_cmp);
    if spent.is_empty() {
        println!("the game's own systems: too few frames to say");
        return;
    }
    let at = |share: f64| percentile(&spent, share).unwrap_or(0.0);
    println!(
        "the game's own systems: median {:.3} ms, 99th percentile {:.3} ms, most {:.3} ms of {} frames; {} more were interrupted",
        at(0.5),
        at(0.99),
        at(1.0),
        spent.len(),
        frames.len() - spent.len()
    );
}
