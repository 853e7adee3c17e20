//! Actions, orders and time become requests to the worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::asset::LoadState;
use bevy::prelude::*;

use crate::prompt::{Origin, PromptSource};
use crate::session::Session;
use crate::systems::receive::fail;
use crate::worker::{Moment, Request, StartOrder, StepOrder, Worker};
use crate::{
    GamepadControl, GenieError, GenieModel, GenieOrderFailed, GeniePrompt, GenieSettings,
    GenieTexture, GenieWorld, InputAction, KeyboardControl, LatentActionMap, MouseControl,
    OrderKind, PromptError, Timeline, WorldCommand, WorldOrder, WorldPhase, WorldStatus,
};

/// Notes which actions are held.
pub(crate) fn follow_actions(
    mut actions: MessageReader<InputAction>,
    mut worlds: Query<&mut Session>,
) {
    for action in actions.read() {
        if let Ok(mut session) = worlds.get_mut(action.world) {
            session.held.apply(action);
        }
    }
}

/// Binds the checkpoint's labels in maps that the game has put in place of others.
pub(crate) fn learn_labels(
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<(&GenieWorld, &mut LatentActionMap), Changed<LatentActionMap>>,
) {
    for (genie, mut map) in &mut worlds {
        if !map.has_learned()
            && let Some(model) = models.get(&genie.model)
        {
            map.learn(model.actions());
        }
    }
}

/// Carries out the game's orders.
pub(crate) fn obey_commands(
    mut orders: MessageReader<WorldCommand>,
    mut worlds: Query<(&mut GenieWorld, &mut WorldStatus, &mut Session)>,
    mut worker: ResMut<Worker>,
    mut commands: Commands,
) {
    for WorldCommand { world, order } in orders.read() {
        let world = *world;
        let Ok((mut genie, mut status, mut session)) = worlds.get_mut(world) else {
            continue;
        };
        let alive = status.phase.is_alive();
        let ticket = session.ticket;
        let mut jump = |session: &mut Session, kind, to| {
            if !alive {
                return refuse(&mut commands, world, kind, GenieError::NotRunning);
            }
            session.in_flight += 1;
            worker.push(Request::Jump { world, ticket, to });
        };
        match order {
            WorldOrder::Pause => genie.paused = true,
            WorldOrder::Resume => {
                genie.paused = false;
                if status.phase == WorldPhase::Ended {
                    status.phase = WorldPhase::Running;
                }
            }
            WorldOrder::Step if status.phase == WorldPhase::Ended => {}
            WorldOrder::Step => session.owed_steps = session.owed_steps.saturating_add(1),
            WorldOrder::Reset => {
                session.restart(worker.ticket());
                status.late_ticks = 0;
                status.replaying = false;
                if alive {
                    let ticket = session.ticket;
                    worker.push(Request::Reset { world, ticket });
                    // No ticks before the worker has gone back.
                    session.in_flight = 1;
                    status.phase = WorldPhase::Running;
                } else {
                    status.phase = WorldPhase::Loading;
                }
            }
            WorldOrder::Prompt(prompt) => {
                genie.prompt = prompt.clone();
                session.restart(worker.ticket());
                *status = WorldStatus::default();
            }
            WorldOrder::Rewind(frames) => {
                if !alive {
                    refuse(
                        &mut commands,
                        world,
                        OrderKind::Rewind,
                        GenieError::NotRunning,
                    );
                    continue;
                }
                let from = session.rewinding_to.unwrap_or(session.tick);
                let to = from.saturating_sub(*frames);
                session.rewinding_to = Some(to);
                session.in_flight += u32::from(worker.push_rewind(world, ticket, to));
            }
            WorldOrder::Restore(snapshot) => {
                let to = Moment::Snapshot(snapshot.clone());
                jump(&mut session, OrderKind::Restore, to);
            }
            WorldOrder::Load(path) => {
                jump(&mut session, OrderKind::Load, Moment::File(path.clone()));
            }
            WorldOrder::Replay(replay) => {
                let to = Moment::Replay(Arc::clone(replay));
                jump(&mut session, OrderKind::Replay, to);
            }
            WorldOrder::Snapshot if alive => worker.push(Request::Snapshot { world, ticket }),
            WorldOrder::Snapshot => {
                refuse(
                    &mut commands,
                    world,
                    OrderKind::Snapshot,
                    GenieError::NotRunning,
                );
            }
            WorldOrder::Save(path) if alive => worker.push(Request::Save {
                world,
                ticket,
                path: path.clone(),
            }),
            WorldOrder::Save(_) => {
                refuse(
                    &mut commands,
                    world,
                    OrderKind::Save,
                    GenieError::NotRunning,
                );
            }
            WorldOrder::Fork { into } => {
                let into = *into;
                if into == world || commands.get_entity(into).is_err() {
                    let error = GenieError::NoEntity(into);
                    refuse(&mut commands, world, OrderKind::Fork, error);
                    continue;
                }
                commands.queue(move |app: &mut World| fork(app, world, into, alive));
            }
        }
    }
}

/// Tells that an order could not be carried out.
pub(crate) fn refuse(commands: &mut Commands, world: Entity, order: OrderKind, error: GenieError) {
    warn!("world {world}: {order:?}: {error}");
    commands.trigger(GenieOrderFailed {
        world,
        order,
        error,
    });
}

/// Makes `into` a world like `of`; it takes over the present moment of that world if the worker has it.
fn fork(app: &mut World, of: Entity, into: Entity, alive: bool) {
    let Ok(source) = app.get_entity(of) else {
        return;
    };
    let (Some(genie), map, timeline) = (
        source.get::<GenieWorld>().cloned(),
        source.get::<LatentActionMap>().cloned(),
        source.get::<Timeline>().copied(),
    ) else {
        return;
    };
    let controls = (
        source.get::<KeyboardControl>().copied().unwrap_or_default(),
        source.get::<MouseControl>().copied().unwrap_or_default(),
        source.get::<GamepadControl>().copied().unwrap_or_default(),
        map.unwrap_or_default(),
        timeline.unwrap_or_default(),
    );
    let Ok(mut target) = app.get_entity_mut(into) else {
        return;
    };
    target.insert_if_new(controls).insert(genie);
    if alive && let Some(mut session) = target.get_mut::<Session>() {
        session.fork_of = Some(of);
    }
}

/// Hands worlds whose model and prompt are there to the worker.
pub(crate) fn start_worlds(
    mut changes: MessageReader<AssetEvent<GenieModel>>,
    mut worlds: Query<(
        Entity,
        &GenieWorld,
        &mut GenieTexture,
        &mut LatentActionMap,
        &mut WorldStatus,
        &mut Session,
    )>,
    models: Res<Assets<GenieModel>>,
    images: Res<Assets<Image>>,
    server: Res<AssetServer>,
    mut worker: ResMut<Worker>,
    mut commands: Commands,
) {
    for change in changes.read() {
        if let AssetEvent::Modified { id } | AssetEvent::Removed { id } = *change {
            worker.push(Request::Forget { model: id });
        }
        if let AssetEvent::Modified { id } = *change {
            for (_, genie, _, _, mut status, mut session) in &mut worlds {
                if genie.model.id() == id {
                    *status = WorldStatus::default();
                    session.restart(worker.ticket());
                }
            }
        }
    }
    for (world, genie, mut texture, mut map, mut status, mut session) in &mut worlds {
        if status.phase != WorldPhase::Loading {
            continue;
        }
        let Some(model) = models.get(&genie.model) else {
            if let LoadState::Failed(error) = server.load_state(&genie.model) {
                let error = GenieError::Load(error.to_string());
                fail(&mut commands, world, &mut status, error);
            }
            continue;
        };
        let origin = match session.fork_of.take() {
            Some(of) => Ok(Some(Origin::Fork(of))),
            None => source(&genie.prompt, &images, &server),
        };
        let origin = match origin {
            Ok(Some(origin)) => origin,
            Ok(None) => continue,
            Err(error) => {
                fail(&mut commands, world, &mut status, error.into());
                continue;
            }
        };
        if texture.0 == Handle::default() {
            texture.0 = images.reserve_handle();
        }
        map.learn(model.actions());
        status.phase = WorldPhase::Starting;
        session.in_flight = 1;
        worker.push(Request::Start(Box::new(StartOrder {
            world,
            ticket: session.ticket,
            model: genie.model.id(),
            checkpoint: model.checkpoint().clone(),
            origin,
            fit: genie.fit,
            seed: genie.seed,
            sampler: genie.sampler.clone(),
        })));
    }
}

/// The prompt's pixels, or where the worker finds them; `None` while they are loading.
fn source(
    prompt: &GeniePrompt,
    images: &Assets<Image>,
    server: &AssetServer,
) -> Result<Option<Origin>, PromptError> {
    let picture = match prompt {
        GeniePrompt::Frame(frame) => PromptSource::Frame(frame.clone()),
        GeniePrompt::File(path) => PromptSource::File(path.clone()),
        GeniePrompt::Saved(path) => return Ok(Some(Origin::Saved(path.clone()))),
        GeniePrompt::Image(handle) => match images.get(handle) {
            Some(image) => PromptSource::Image(Box::new(image.clone())),
            None => match server.load_state(handle) {
                LoadState::Failed(error) => return Err(PromptError::Asset(error.to_string())),
                _ => return Ok(None),
            },
        },
    };
    Ok(Some(Origin::Picture(picture)))
}

/// Time passes at most this much faster.
const MAX_SPEED: f32 = 1e3;

/// Asks for the frames that are due, all in one request.
pub(crate) fn pace_worlds(
    time: Res<Time>,
    settings: Res<GenieSettings>,
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<(
        Entity,
        &mut GenieWorld,
        &LatentActionMap,
        &Timeline,
        &mut WorldStatus,
        &mut Session,
    )>,
    mut worker: ResMut<Worker>,
) {
    let mut orders = Vec::new();
    let asked = Instant::now();
    let keeps_up = worker.keeps_up();
    for (world, mut genie, map, timeline, mut status, mut session) in &mut worlds {
        if status.phase != WorldPhase::Running {
            continue;
        }
        let model_rate = models
            .get(&genie.model)
            .map(|m| m.config().frames_per_second);
        let Some(period) = [genie.tick_rate, settings.tick_rate, model_rate]
            .into_iter()
            .flatten()
            .find_map(period)
        else {
            continue;
        };
        session.period = period;
        let paused = genie.paused || settings.paused;
        if !paused {
            let speed = (genie.speed * settings.speed).clamp(0.0, MAX_SPEED);
            let speed = if speed.is_nan() { 0.0 } else { speed };
            let late = session.accrue(time.delta().mul_f32(speed), period);
            if late > 0 {
                status.late_ticks += late;
            }
        }
        if session.in_flight > 0 || !keeps_up {
            continue;
        }
        if session.owed_steps > 0 {
            session.owed_steps -= 1;
        } else if !paused && session.debt >= period {
            session.debt -= period;
        } else {
            continue;
        }
        let (mut action, mut pressed) = session.held.take(map);
        if let Some(replay) = session.replay.clone()
            && let Some(&played) = replay.actions.get(session.tick as usize)
        {
            action = played.into();
            pressed = None;
            let sampler = replay.sampler_after(session.tick);
            if genie.sampler != *sampler {
                genie.sampler = sampler.clone();
            }
        }
        let ticket = session.ticket;
        if session.sampler.as_ref() != Some(&genie.sampler) {
            let sampler = genie.sampler.clone();
            session.sampler = Some(sampler.clone());
            worker.push(Request::Tune {
                world,
                ticket,
                sampler,
            });
        }
        session.in_flight = 1;
        orders.push(StepOrder {
            world,
            ticket,
            action,
            asked,
            pressed,
            keep: timeline.capacity,
        });
    }
    if !orders.is_empty() {
        worker.push(Request::Step(orders));
    }
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
    mut worlds: Query<(Entity, &mut WorldStatus), With<GenieWorld>>,
    mut commands: Commands,
) {
    if worker.flush() {
        return;
    }
    for (world, mut status) in &mut worlds {
        if status.phase != WorldPhase::Failed {
            fail(&mut commands, world, &mut status, GenieError::WorkerGone);
        }
    }
}
