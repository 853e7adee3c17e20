//! Worlds whose model and prompt are loaded start.

use bevy::asset::LoadState;
use bevy::prelude::*;

use crate::error::{GenieError, reason};
use crate::input::action_map::GenieActionMap;
use crate::model::GenieModel;
use crate::output::frame::GenieTexture;
use crate::worker::Worker;
use crate::worker::request::{Request, StartRequest};
use crate::world::component::{GeniePhase, GenieSampler, GenieStatus, GenieWorld};
use crate::world::events::fail;
use crate::world::prompt::{GeniePrompt, GeniePromptError, Origin, PromptSource};
use crate::world::runtime::WorldRuntime;

/// Hands worlds whose model and prompt are there to the worker.
pub(crate) fn start_worlds(
    mut changes: MessageReader<AssetEvent<GenieModel>>,
    mut worlds: Query<(
        Entity,
        &GenieWorld,
        &GenieSampler,
        &mut GenieTexture,
        &mut GenieActionMap,
        &mut GenieStatus,
        &mut WorldRuntime,
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
            for (_, genie, _, _, _, mut status, mut runtime) in &mut worlds {
                if genie.model.id() == id {
                    *status = GenieStatus::default();
                    runtime.restart(worker.generation());
                }
            }
        }
    }
    for (world, genie, sampler, mut texture, mut map, mut status, mut runtime) in &mut worlds {
        if status.phase != GeniePhase::Loading {
            continue;
        }
        let Some(model) = models.get(&genie.model) else {
            if let LoadState::Failed(error) = server.load_state(&genie.model) {
                let error = GenieError::of_asset(&error);
                fail(&mut commands, world, &mut status, error);
            }
            continue;
        };
        let origin = match runtime.fork_of.take() {
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
        status.phase = GeniePhase::Starting;
        runtime.in_flight = 1;
        worker.push(Request::Start(Box::new(StartRequest {
            world,
            generation: runtime.generation,
            model: genie.model.id(),
            checkpoint: model.checkpoint().clone(),
            origin,
            fit: genie.fit,
            seed: genie.seed,
            sampler: sampler.settings.clone(),
        })));
    }
}

/// The prompt's pixels, or where the worker finds them; `None` while they are loading.
fn source(
    prompt: &GeniePrompt,
    images: &Assets<Image>,
    server: &AssetServer,
) -> Result<Option<Origin>, GeniePromptError> {
    let picture = match prompt {
        GeniePrompt::Frame(frame) => PromptSource::Frame(frame.clone()),
        GeniePrompt::File(path) => PromptSource::File(path.clone()),
        GeniePrompt::Saved(path) => return Ok(Some(Origin::Saved(path.clone()))),
        GeniePrompt::Image(handle) => match images.get(handle) {
            Some(image) => PromptSource::Image(Box::new(image.clone())),
            None => match server.load_state(handle) {
                LoadState::Failed(error) => return Err(GeniePromptError::Asset(reason(&error))),
                _ => return Ok(None),
            },
        },
    };
    Ok(Some(Origin::Picture(picture)))
}

/// Binds the checkpoint's labels in action maps that have been replaced.
pub(crate) fn learn_labels(
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<(&GenieWorld, &mut GenieActionMap), Changed<GenieActionMap>>,
) {
    for (genie, mut map) in &mut worlds {
        if !map.has_learned()
            && let Some(model) = models.get(&genie.model)
        {
            map.learn(model.actions());
        }
    }
}
