//! Actions, orders and time become requests to the worker.

use std::time::{Duration, Instant};

use bevy::asset::LoadState;
use bevy::prelude::*;

use crate::plugin::GenieSettings;
use crate::prompt::PromptSource;
use crate::session::Session;
use crate::systems::receive::fail;
use crate::worker::{Request, StartOrder, StepOrder, Worker};
use crate::{
    GenieError, GenieModel, GeniePrompt, GenieTexture, GenieWorld, InputAction, LatentActionMap,
    PromptError, WorldCommand, WorldOrder, WorldPhase, WorldStatus,
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

/// Carries out the game's orders.
pub(crate) fn obey_commands(
    mut commands: MessageReader<WorldCommand>,
    mut worlds: Query<(&mut GenieWorld, &mut WorldStatus, &mut Session)>,
    mut worker: ResMut<Worker>,
) {
    for WorldCommand { world, order } in commands.read() {
        let Ok((mut genie, mut status, mut session)) = worlds.get_mut(*world) else {
            continue;
        };
        match order {
            WorldOrder::Pause => genie.paused = true,
            WorldOrder::Resume => genie.paused = false,
            WorldOrder::Step => session.owed_steps = session.owed_steps.saturating_add(1),
            WorldOrder::Reset => {
                session.restart(worker.ticket());
                status.late_ticks = 0;
                if status.phase == WorldPhase::Running {
                    let (world, ticket) = (*world, session.ticket);
                    worker.push(Request::Reset { world, ticket });
                    // No ticks before the worker has gone back.
                    session.in_flight = true;
                } else {
                    status.phase = WorldPhase::Loading;
                }
            }
            WorldOrder::Prompt(prompt) => {
                genie.prompt = prompt.clone();
                session.restart(worker.ticket());
                *status = WorldStatus::default();
            }
        }
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
        let prompt = match source(&genie.prompt, &images, &server) {
            Ok(Some(prompt)) => prompt,
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
        session.in_flight = true;
        worker.push(Request::Start(Box::new(StartOrder {
            world,
            ticket: session.ticket,
            model: genie.model.id(),
            checkpoint: model.checkpoint().clone(),
            prompt,
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
) -> Result<Option<PromptSource>, PromptError> {
    Ok(match prompt {
        GeniePrompt::Frame(frame) => Some(PromptSource::Frame(frame.clone())),
        GeniePrompt::File(path) => Some(PromptSource::File(path.clone())),
        GeniePrompt::Image(handle) => match images.get(handle) {
            Some(image) => Some(PromptSource::Image(Box::new(image.clone()))),
            None => match server.load_state(handle) {
                LoadState::Failed(error) => return Err(PromptError::Asset(error.to_string())),
                _ => None,
            },
        },
    })
}

/// Asks for the frames that are due, all in one request.
pub(crate) fn pace_worlds(
    time: Res<Time>,
    settings: Res<GenieSettings>,
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<(
        Entity,
        &GenieWorld,
        &LatentActionMap,
        &mut WorldStatus,
        &mut Session,
    )>,
    mut worker: ResMut<Worker>,
) {
    let mut orders = Vec::new();
    let asked = Instant::now();
    let keeps_up = worker.keeps_up();
    for (world, genie, map, mut status, mut session) in &mut worlds {
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
        if !genie.paused {
            let late = session.accrue(time.delta(), period);
            if late > 0 {
                status.late_ticks += late;
            }
        }
        if session.in_flight || !keeps_up {
            continue;
        }
        if session.owed_steps > 0 {
            session.owed_steps -= 1;
        } else if !genie.paused && session.debt >= period {
            session.debt -= period;
        } else {
            continue;
        }
        session.in_flight = true;
        orders.push(StepOrder {
            world,
            ticket: session.ticket,
            action: session.held.take(map),
            asked,
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
