//! Latent actions of clips, inferred as the world's training did.

use std::path::Path;

use genie_model::{LatentActionModel, WorldModel};

use super::EvaluateError;
use crate::actions::{AnchoredAgent, ClipActions, ClipsInMemory};

/// Clips that the encoder sees at once.
const BATCH: usize = 16;

/// What infers the latent actions of clips for a world.
#[derive(Clone, Debug)]
pub enum ActionInference<'a> {
    /// The encoder of its latent action model.
    Encoder(&'a LatentActionModel),
    /// The player that was found in its footage.
    Agent(Box<AnchoredAgent>),
}

impl<'a> ActionInference<'a> {
    /// That of a world.
    ///
    /// # Errors
    /// [`EvaluateError::NoActionEncoder`] if the checkpoint was made for play alone, [`EvaluateError::Agent`] if what it says of the
    /// player is damaged.
    pub(super) fn of(world: &'a WorldModel) -> Result<Self, EvaluateError> {
        match (world.latent_action_model(), world.agent()) {
            (Some(encoder), _) => Ok(Self::Encoder(encoder)),
            (None, Some(agent)) => {
                let source = Path::new("the checkpoint's player");
                let agent = AnchoredAgent::from_bytes(source, agent)?;
                if agent.actions() != world.action_count() {
                    return Err(EvaluateError::AgentActions {
                        agent: agent.actions(),
                        world: world.action_count(),
                    });
                }
                Ok(Self::Agent(Box::new(agent)))
            }
            (None, None) => Err(EvaluateError::NoActionEncoder),
        }
    }

    /// Frames before a transition that help to infer its action.
    pub(super) fn frames_before(&self, world: &WorldModel) -> usize {
        match self {
            Self::Encoder(_) => world.config().latent_actions.encoder.window,
            Self::Agent(agent) => agent.frames_before(),
        }
    }

    /// The latent action of every transition of some clips of frames of `(height, width)` pixels.
    ///
    /// # Errors
    /// Bytes that are not whole frames, or a clip of fewer than two.
    pub(super) fn infer(
        &self,
        clips: &[&[u8]],
        frame_size: (usize, usize),
    ) -> Result<Vec<Vec<usize>>, EvaluateError> {
        match self {
            Self::Encoder(encoder) => {
                let mut actions = Vec::with_capacity(clips.len());
                // Clips of one length go through the encoder together.
                for alike in clips.chunk_by(|a, b| a.len() == b.len()) {
                    for clips in alike.chunks(BATCH) {
                        let found = encoder.infer(&clips.concat(), clips.len())?;
                        actions.extend(found.into_iter().map(|clip| {
                            clip.into_iter().map(|it| it as usize).collect::<Vec<_>>()
                        }));
                    }
                }
                Ok(actions)
            }
            Self::Agent(agent) => {
                let found = apply(agent, clips, frame_size)?;
                Ok(found
                    .into_iter()
                    .map(|clip| clip.into_iter().map(|it| it.code).collect())
                    .collect())
            }
        }
    }

    /// Where the player is in every frame of some clips but their last one, [x, y] in pixels; `None` in a frame that does not show it. `None`
    /// altogether if nothing is known of a player.
    ///
    /// # Errors
    /// Bytes that are not whole frames, or a clip of fewer than two.
    pub(super) fn player_places(
        &self,
        clips: &[&[u8]],
        frame_size: (usize, usize),
    ) -> Result<Option<Vec<PlayerPlaces>>, EvaluateError> {
        let Self::Agent(agent) = self else {
            return Ok(None);
        };
        let found = apply(agent, clips, frame_size)?;
        let places = found.into_iter().map(|clip| {
            let places = clip.into_iter();
            places.map(|it| it.present.then_some(it.position)).collect()
        });
        Ok(Some(places.collect()))
    }
}

/// Where the player is in each frame of a clip, [x, y] in pixels.
pub type PlayerPlaces = Vec<Option<[f32; 2]>>;

/// What the player does in clips in memory.
fn apply(
    agent: &AnchoredAgent,
    clips: &[&[u8]],
    frame_size: (usize, usize),
) -> Result<Vec<ClipActions>, EvaluateError> {
    let clips = ClipsInMemory {
        frame_size,
        clips: clips.iter().map(|clip| clip.to_vec()).collect(),
    };
    Ok(agent.apply(&clips)?)
}
