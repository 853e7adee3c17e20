//! Latent actions of clips, inferred as the world's training did.

use std::path::Path;

use genie_model::{LatentActionModel, WorldModel, frames_to_patches};

use super::EvaluateError;
use crate::actions::{
    AnchoredAgent, ClipActions, ClipsInMemory, DescribedClip, TokenClip, Trust, action_evidence,
};

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

    /// The latent action of every transition of some clips of frames of `(height, width)` pixels, by these frames alone.
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
                Ok(found.into_iter().map(codes).collect())
            }
        }
    }

    /// The latent action of every transition of real clips: as [`infer`](Self::infer) has it, but the codes of a found player are
    /// [revised](AnchoredAgent::revise_all) by what the dynamics of its `world` tell.
    ///
    /// # Errors
    /// As for [`infer`](Self::infer), and a model that breaks down.
    pub(super) fn infer_with(
        &self,
        world: &WorldModel,
        clips: &[&[u8]],
        frame_size: (usize, usize),
    ) -> Result<Vec<Vec<usize>>, EvaluateError> {
        match self {
            Self::Agent(agent) if agent.can_be_revised() => {
                let source = in_memory(clips, frame_size);
                let mut described = agent.describe(&source)?;
                let token_clips = (described.iter().zip(clips).enumerate())
                    .map(|(clip, (described, bytes))| {
                        Ok(TokenClip {
                            tokens: tokens_of(world, bytes)?,
                            actions: described.codes(),
                            candidates: agent.candidates(described, Trust::goes_by(clip)),
                        })
                    })
                    .collect::<Result<Vec<_>, EvaluateError>>()?;
                let told = action_evidence(world, &token_clips)?;
                let numbers: Vec<usize> = (0..clips.len()).collect();
                agent.revise_all(&mut described, &told, &numbers, &|_| ());
                Ok(described.iter().map(DescribedClip::codes).collect())
            }
            _ => self.infer(clips, frame_size),
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
    Ok(agent.apply(&in_memory(clips, frame_size))?)
}

fn in_memory(clips: &[&[u8]], frame_size: (usize, usize)) -> ClipsInMemory {
    ClipsInMemory {
        frame_size,
        clips: clips.iter().map(|clip| clip.to_vec()).collect(),
    }
}

fn codes(clip: ClipActions) -> Vec<usize> {
    clip.into_iter().map(|it| it.code).collect()
}

/// The codes of the tokens of a clip's frames, in order.
fn tokens_of(world: &WorldModel, bytes: &[u8]) -> Result<Vec<u32>, EvaluateError> {
    let c = world.config();
    let (height, width, patch) = (c.frame_height, c.frame_width, c.tokenizer.patch);
    let patches = frames_to_patches(bytes, height, width, patch, world.device())?;
    let tokens = world.tokenizer().tokenize(&patches.unsqueeze(0)?)?;
    Ok(tokens.flatten_all()?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use candle_core::{D, DType};
    use genie_model::{Fit, Frame, SamplerSettings};

    use super::*;
    use crate::evaluate::tests::{tiny_dataset, tiny_world};

    /// Clips of different lengths go through the dynamics together; a world that is shown the same frames one by one says the same of each
    /// action.
    #[test]
    fn dynamics_tell_what_a_world_says_that_is_shown_the_frames() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 2, 24);
        let world = tiny_world(3);
        let config = world.config();
        let frame_bytes = config.frame_height * config.frame_width * 3;
        let frames = [20, 11];
        let clips: Vec<Vec<Frame>> = (frames.iter().enumerate())
            .map(|(clip, &frames)| {
                let mut bytes = Vec::new();
                dataset.read_frames(clip, 0, frames, &mut bytes).unwrap();
                let (width, height) = (config.frame_width, config.frame_height);
                let frames = bytes.chunks_exact(frame_bytes);
                let frames = frames.map(|it| Frame::from_rgb(width, height, it.to_vec()).unwrap());
                frames.collect()
            })
            .collect();
        let prompt = |frame: &Frame| {
            let settings = SamplerSettings::default();
            world
                .prompt_with(frame, 0, Fit::default(), settings)
                .unwrap()
        };
        // One action is no candidate of some transitions.
        let all: Vec<usize> = (0..world.action_count()).collect();
        let token_clips: Vec<TokenClip> = clips
            .iter()
            .map(|frames| TokenClip {
                tokens: (frames.iter())
                    .flat_map(|frame| prompt(frame).tokens().to_vec())
                    .collect(),
                actions: (1..frames.len()).map(|at| at % 3).collect(),
                candidates: (1..frames.len()).map(|at| all[at % 2..].to_vec()).collect(),
            })
            .collect();
        let told = action_evidence(&world, &token_clips).unwrap();
        for ((frames, clip), told) in clips.iter().zip(&token_clips).zip(&told) {
            let mut shown = prompt(&frames[0]);
            assert_eq!(told.len(), clip.actions.len());
            for (at, told) in told.iter().enumerate() {
                let mut after = shown.clone();
                after.observe(&frames[at + 1], clip.actions[at]).unwrap();
                for (action, &told) in told.iter().enumerate() {
                    if !clip.candidates[at].contains(&action) {
                        assert!(told.is_infinite() && told < 0.0);
                        continue;
                    }
                    let stages = shown.next_logits_given(action, after.tokens()).unwrap();
                    let mut likelihood = 0.0;
                    for (stage, logits) in stages.iter().enumerate() {
                        let logits = logits.to_dtype(DType::F32).unwrap();
                        let rows = candle_nn::ops::log_softmax(&logits, D::Minus1).unwrap();
                        let codes = after.tokens().chunks_exact(stages.len());
                        for (row, codes) in rows.to_vec2::<f32>().unwrap().iter().zip(codes) {
                            likelihood += row[codes[stage] as usize];
                        }
                    }
                    assert!((told - likelihood).abs() < 2e-3, "{told} {likelihood}");
                }
                shown = after;
            }
        }
    }
}
