//! The game's commands are carried out.

use std::sync::Arc;

use bevy::prelude::*;

use crate::error::GenieError;
use crate::input::action_map::GenieActionMap;
use crate::input::devices::{GenieGamepad, GenieKeyboard, GenieMouse};
use crate::timeline::component::GenieTimeline;
use crate::worker::Worker;
use crate::worker::request::{JumpTarget, Request};
use crate::world::command::{GenieCommand, GenieCommandKind};
use crate::world::component::{GenieClock, GeniePhase, GenieSampler, GenieStatus, GenieWorld};
use crate::world::events::{GenieFailedCommand, refuse};
use crate::world::runtime::WorldRuntime;

/// Carries out the game's commands.
pub(crate) fn execute_commands(
    mut messages: MessageReader<GenieCommand>,
    mut worlds: Query<(
        &mut GenieWorld,
        &mut GenieClock,
        &mut GenieStatus,
        &mut WorldRuntime,
    )>,
    mut worker: ResMut<Worker>,
    mut commands: Commands,
) {
    for GenieCommand { world, kind } in messages.read() {
        let world = *world;
        let Ok((mut genie, mut clock, mut status, mut runtime)) = worlds.get_mut(world) else {
            continue;
        };
        let alive = status.phase.is_alive();
        let generation = runtime.generation;
        let mut jump = |runtime: &mut WorldRuntime, command, to| {
            if !alive {
                return refuse(&mut commands, world, command, GenieError::NotRunning);
            }
            runtime.in_flight += 1;
            worker.push(Request::Jump {
                world,
                generation,
                to,
            });
        };
        match kind {
            GenieCommandKind::Pause => clock.paused = true,
            GenieCommandKind::Resume => {
                clock.paused = false;
                if status.phase == GeniePhase::Ended {
                    let tick = runtime.tick;
                    runtime.passed_limit = clock.tick_limit.filter(|&limit| tick >= limit);
                    status.phase = GeniePhase::Running;
                }
            }
            GenieCommandKind::Step if status.phase == GeniePhase::Ended => {}
            GenieCommandKind::Step => runtime.owed_steps = runtime.owed_steps.saturating_add(1),
            GenieCommandKind::Reset => {
                runtime.restart(worker.generation());
                status.late_ticks = 0;
                status.replaying = false;
                if alive {
                    let generation = runtime.generation;
                    worker.push(Request::Reset { world, generation });
                    // No ticks before the worker has gone back.
                    runtime.in_flight = 1;
                    status.phase = GeniePhase::Running;
                } else {
                    status.phase = GeniePhase::Loading;
                }
            }
            GenieCommandKind::Prompt(prompt) => {
                genie.prompt = prompt.clone();
                runtime.restart(worker.generation());
                *status = GenieStatus::default();
            }
            GenieCommandKind::Rewind(frames) => {
                if !alive {
                    refuse(
                        &mut commands,
                        world,
                        GenieFailedCommand::Rewind,
                        GenieError::NotRunning,
                    );
                    continue;
                }
                let from = runtime.rewinding_to.unwrap_or(runtime.tick);
                let to = from.saturating_sub(*frames);
                runtime.rewinding_to = Some(to);
                runtime.in_flight += u32::from(worker.push_rewind(world, generation, to));
            }
            GenieCommandKind::Restore(snapshot) => {
                let to = JumpTarget::Snapshot(snapshot.clone());
                jump(&mut runtime, GenieFailedCommand::Restore, to);
            }
            GenieCommandKind::Load(path) => {
                jump(
                    &mut runtime,
                    GenieFailedCommand::Load,
                    JumpTarget::File(path.clone()),
                );
            }
            GenieCommandKind::Replay(replay) => {
                let to = JumpTarget::Replay(Arc::clone(replay));
                jump(&mut runtime, GenieFailedCommand::Replay, to);
            }
            GenieCommandKind::Snapshot if alive => {
                worker.push(Request::Snapshot { world, generation });
            }
            GenieCommandKind::Snapshot => {
                refuse(
                    &mut commands,
                    world,
                    GenieFailedCommand::Snapshot,
                    GenieError::NotRunning,
                );
            }
            GenieCommandKind::Save(path) if alive => worker.push(Request::Save {
                world,
                generation,
                path: path.clone(),
            }),
            GenieCommandKind::Save(_) => {
                refuse(
                    &mut commands,
                    world,
                    GenieFailedCommand::Save,
                    GenieError::NotRunning,
                );
            }
            GenieCommandKind::Fork { into } => {
                let into = *into;
                if into == world || commands.get_entity(into).is_err() {
                    let error = GenieError::NoEntity(into);
                    refuse(&mut commands, world, GenieFailedCommand::Fork, error);
                    continue;
                }
                commands.queue(move |app: &mut World| fork(app, world, into, alive));
            }
        }
    }
}

/// Makes `into` a world like `of`; it takes over the present moment of that world if the worker has it.
fn fork(app: &mut World, of: Entity, into: Entity, alive: bool) {
    let Ok(source) = app.get_entity(of) else {
        return;
    };
    let (Some(genie), map, timeline) = (
        source.get::<GenieWorld>().cloned(),
        source.get::<GenieActionMap>().cloned(),
        source.get::<GenieTimeline>().copied(),
    ) else {
        return;
    };
    let settings = (
        source.get::<GenieClock>().copied().unwrap_or_default(),
        source.get::<GenieSampler>().cloned().unwrap_or_default(),
        source.get::<GenieKeyboard>().copied().unwrap_or_default(),
        source.get::<GenieMouse>().copied().unwrap_or_default(),
        source.get::<GenieGamepad>().copied().unwrap_or_default(),
        map.unwrap_or_default(),
        timeline.unwrap_or_default(),
    );
    let Ok(mut target) = app.get_entity_mut(into) else {
        return;
    };
    target.insert_if_new(settings).insert(genie);
    if alive && let Some(mut runtime) = target.get_mut::<WorldRuntime>() {
        runtime.fork_of = Some(of);
    }
}
