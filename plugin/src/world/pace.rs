//! The clocks of the worlds: which frames are due, and when they are asked for.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use crate::error::GenieError;
use crate::input::action_map::GenieActionMap;
use crate::input::collect::HeldActions;
use crate::model::GenieModel;
use crate::settings::GenieSettings;
use crate::timeline::component::GenieTimeline;
use crate::worker::Worker;
use crate::worker::request::{Request, StepRequest};
use crate::world::component::{GenieClock, GeniePhase, GenieSampler, GenieStatus, GenieWorld};
use crate::world::events::fail;
use crate::world::runtime::WorldRuntime;
use crate::world::starvation::RateWatch;

/// Time passes at most this much faster.
const MAX_SPEED: f32 = 1e3;

/// What decides whether a frame of a world is due, and under which action.
type ClockedWorld = (
    Entity,
    &'static GenieWorld,
    &'static GenieClock,
    &'static mut GenieSampler,
    &'static GenieActionMap,
    &'static GenieTimeline,
    &'static mut HeldActions,
    &'static mut GenieStatus,
    &'static mut WorldRuntime,
);

/// Asks for the frames that are due, all in one request.
pub(crate) fn pace_worlds(
    time: Res<Time>,
    settings: Res<GenieSettings>,
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<ClockedWorld>,
    mut worker: ResMut<Worker>,
) {
    let mut steps = Vec::new();
    let asked = Instant::now();
    let keeps_up = worker.keeps_up();
    let floor = if settings.rate_floor.is_nan() {
        0.0
    } else {
        settings.rate_floor.clamp(0.0, 1.0)
    };
    for (world, genie, clock, mut sampling, map, timeline, mut held, mut status, mut runtime) in
        &mut worlds
    {
        if status.phase != GeniePhase::Running {
            continue;
        }
        let model_rate = models
            .get(&genie.model)
            .map(|m| m.config().frames_per_second);
        let Some(period) = [clock.tick_rate, settings.tick_rate, model_rate]
            .into_iter()
            .flatten()
            .find_map(period)
        else {
            continue;
        };
        runtime.period = period;
        let speed = (clock.speed * settings.speed).clamp(0.0, MAX_SPEED);
        let speed = if clock.paused || speed.is_nan() {
            0.0
        } else {
            speed
        };
        let late = runtime.accrue(time.delta().mul_f32(speed), period);
        if late > 0 {
            status.late_ticks += late;
        }
        let free = runtime.in_flight == 0 && keeps_up;
        let single = free && runtime.owed_steps > 0;
        let due = free && !single && !clock.paused && runtime.debt >= period;
        if speed > 0.0 {
            watch_rate(world, &mut runtime, &mut status, asked, (due, late), floor);
        } else {
            runtime.rates = RateWatch::default();
            if status.starving {
                status.starving = false;
            }
        }
        if single {
            runtime.owed_steps -= 1;
        } else if due {
            runtime.debt -= period;
        } else {
            continue;
        }
        let (mut action, mut pressed) = held.take(map);
        if let Some(replay) = runtime.replay.clone()
            && let Some(&played) = replay.actions.get(runtime.tick as usize)
        {
            action = played.into();
            pressed = None;
            let sampler = replay.sampler_after(runtime.tick);
            if sampling.settings != *sampler {
                sampling.settings = sampler.clone();
            }
        }
        let generation = runtime.generation;
        if runtime.sampler.as_ref() != Some(&sampling.settings) {
            let sampler = sampling.settings.clone();
            runtime.sampler = Some(sampler.clone());
            worker.push(Request::Tune {
                world,
                generation,
                sampler,
            });
        }
        runtime.in_flight = 1;
        steps.push(StepRequest {
            world,
            generation,
            action,
            asked,
            pressed,
            keep: timeline.capacity,
            interval: longest_interval(period, speed, floor),
        });
    }
    if !steps.is_empty() {
        worker.push(Request::Step(steps));
    }
}

/// Counts what a running world gets of its ticks, and logs when it has begun to starve.
fn watch_rate(
    world: Entity,
    runtime: &mut WorldRuntime,
    status: &mut Mut<GenieStatus>,
    now: Instant,
    counts: (bool, u64),
    floor: f32,
) {
    let times = runtime.times;
    if let Some(starvation) = runtime.rates.count(now, counts, floor, times) {
        warn!("world {world} starves: {starvation}");
    }
    let starving = runtime.rates.starving();
    if status.starving != starving {
        status.starving = starving;
    }
}

/// Time between two frames of a world that gets `floor` of its ticks.
fn longest_interval(period: Duration, speed: f32, floor: f32) -> Duration {
    let ticks_per_frame = 1.0 / f64::from(speed * floor);
    Duration::try_from_secs_f64(period.as_secs_f64() * ticks_per_frame).unwrap_or(Duration::MAX)
}

/// Time between two ticks at `rate` per second, if that is a rate at all.
fn period(rate: f32) -> Option<Duration> {
    if rate.is_nan() || rate <= 0.0 {
        return None;
    }
    // Between a thousand ticks a second and one in eleven days.
    Some(Duration::from_secs_f64(
        (1.0 / f64::from(rate)).clamp(1e-3, 1e6),
    ))
}

/// Sends what the channel has room for. Without a worker all worlds fail.
pub(crate) fn send_requests(
    mut worker: ResMut<Worker>,
    mut worlds: Query<(Entity, &mut GenieStatus), With<GenieWorld>>,
    mut commands: Commands,
) {
    if worker.flush() {
        return;
    }
    for (world, mut status) in &mut worlds {
        if status.phase != GeniePhase::Failed {
            fail(&mut commands, world, &mut status, GenieError::WorkerGone);
        }
    }
}
