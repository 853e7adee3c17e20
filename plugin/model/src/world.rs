//! A world model ready for play.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use crate::checkpoint::{ActionLabel, Checkpoint};
use crate::patch::{frames_to_patches, patches_to_frames};
use crate::{
    AdjacentPairs, DynamicsModel, Error, Fnv1a, Frame, GenieConfig, LatentActionModel,
    TokenAdjacency, VideoTokenizer,
};

/// A model ready for play: tokenizer, dynamics, the codes of the latent actions and their labels.
///
/// Cloning it is cheap and shares the weights.
#[derive(Clone, Debug)]
pub struct WorldModel {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    config: GenieConfig,
    labels: Vec<ActionLabel>,
    provenance: std::collections::BTreeMap<String, String>,
    tokenizer: VideoTokenizer,
    dynamics: DynamicsModel,
    latent_actions: Option<LatentActionModel>,
    adjacency: Option<TokenAdjacency>,
    agent: Option<Vec<u8>>,
    /// `[V + 1, D]`, computed once.
    token_embeddings: Tensor,
    /// `[A + 1, D]`: one row per latent action, then the one of a first frame.
    action_embeddings: Tensor,
    fingerprint: u64,
    device: Device,
}

impl WorldModel {
    /// Loads a checkpoint file for play on the CPU.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] says what is wrong with the file, and with which tensor.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::new(Checkpoint::read(path)?, &Device::Cpu)
    }

    /// Builds a world model from a checkpoint in memory on the given device.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the weights do not fit the configuration or the device.
    pub fn new(checkpoint: Checkpoint, device: &Device) -> Result<Self, Error> {
        let has_encoder = checkpoint.has_latent_action_encoder();
        let fingerprint = fingerprint(&checkpoint)?;
        let Checkpoint {
            mut config,
            actions: labels,
            provenance,
            tensors,
            adjacency,
            agent,
        } = checkpoint;
        config.validate()?;
        // The decoder is for training only and never part of a checkpoint.
        config.latent_actions.decoder = None;
        let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
        let tokenizer = VideoTokenizer::new(&config, vb.pp("tokenizer"))?;
        let dynamics = DynamicsModel::new(&config, vb.pp("dynamics"))?;
        let latent = vb.pp("latent_actions");
        let codebook = latent.get(
            (config.latent_actions.actions, config.latent_actions.dim),
            "codebook",
        )?;
        let latent_actions = has_encoder
            .then(|| LatentActionModel::new(&config, latent))
            .transpose()?;
        let token_embeddings = dynamics.token_embeddings(tokenizer.quantizer().codebook())?;
        let actions = dynamics.action_embeddings(&codebook)?;
        let unknown = actions.mean_keepdim(0)?;
        let action_embeddings = Tensor::cat(&[&actions, dynamics.start_embedding(), &unknown], 0)?;
        Ok(Self {
            parts: Arc::new(Parts {
                config,
                labels,
                provenance,
                tokenizer,
                dynamics,
                latent_actions,
                adjacency,
                agent,
                token_embeddings,
                action_embeddings,
                fingerprint,
                device: device.clone(),
            }),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &GenieConfig {
        &self.parts.config
    }

    /// One label per latent action.
    pub fn actions(&self) -> &[ActionLabel] {
        &self.parts.labels
    }

    /// Number `A` of latent actions.
    pub fn action_count(&self) -> usize {
        self.parts.config.latent_actions.actions
    }

    /// The latent action with this label, or with this number written out. Capitals do not count, and neither does the order
    /// in which a label joins its parts: `Right` is `right`, and `jump+right` is `right_jump`.
    pub fn action_named(&self, name: &str) -> Option<usize> {
        let labelled = |same: &dyn Fn(&str) -> bool| {
            let mut labels = self.actions().iter();
            labels.position(|label| same(&label.name))
        };
        let numbered = || {
            name.parse()
                .ok()
                .filter(|&action: &usize| action < self.action_count())
        };
        labelled(&|label| label == name)
            .or_else(numbered)
            .or_else(|| labelled(&|label| held_together(label) == held_together(name)))
    }

    /// Provenance of the weights: free text by topic.
    pub fn provenance(&self) -> &std::collections::BTreeMap<String, String> {
        &self.parts.provenance
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &VideoTokenizer {
        &self.parts.tokenizer
    }

    /// The dynamics model.
    pub fn dynamics(&self) -> &DynamicsModel {
        &self.parts.dynamics
    }

    /// The latent action model, if the checkpoint has its encoder.
    pub fn latent_action_model(&self) -> Option<&LatentActionModel> {
        self.parts.latent_actions.as_ref()
    }

    /// The player that was found in the footage, as the training crate wrote it: it infers actions where the checkpoint has no encoder.
    pub fn agent(&self) -> Option<&[u8]> {
        self.parts.agent.as_deref()
    }

    /// Token adjacency of the footage, if it was counted.
    pub fn adjacency(&self) -> Option<&TokenAdjacency> {
        self.parts.adjacency.as_ref()
    }

    /// The device that the weights are on.
    pub fn device(&self) -> &Device {
        &self.parts.device
    }

    /// A hash of the weights, which identifies the checkpoint.
    pub fn fingerprint(&self) -> u64 {
        self.parts.fingerprint
    }

    /// Token embeddings `[Q (V + 1), D]` of the dynamics model, see [`DynamicsModel::token_embeddings`].
    pub fn token_embeddings(&self) -> &Tensor {
        &self.parts.token_embeddings
    }

    /// Action embeddings `[A + 2, D]` of the dynamics model: those of the actions, that of a first frame, and that of a frame whose
    /// action is not known, which is the mean of those of the actions.
    pub fn action_embeddings(&self) -> &Tensor {
        &self.parts.action_embeddings
    }

    /// Row of the action embeddings that stands for an action which is not known.
    pub(crate) fn unknown_action(&self) -> u32 {
        self.action_count() as u32 + 1
    }

    /// Patches `[1, N, P]` of a frame of the world's size.
    pub(crate) fn patches(&self, frame: &Frame) -> Result<Tensor, Error> {
        let config = self.config();
        let (height, width) = (config.frame_height, config.frame_width);
        if (frame.height(), frame.width()) != (height, width) {
            return Err(Error::FrameSize {
                width,
                height,
                channels: 3,
                expected: width * height * 3,
                actual: frame.pixels().len(),
            });
        }
        let patch = config.tokenizer.patch;
        frames_to_patches(frame.pixels(), height, width, patch, self.device())
    }

    /// The frames of patches `[R, N, P]`.
    pub(crate) fn frames(&self, patches: &Tensor) -> Result<Vec<Frame>, Error> {
        let config = self.config();
        let (height, width) = (config.frame_height, config.frame_width);
        let bytes = patches_to_frames(patches, height, width, config.tokenizer.patch)?;
        bytes
            .chunks_exact(height * width * 3)
            .map(|frame| Frame::from_rgb(width, height, frame.to_vec()))
            .collect()
    }
}

/// The parts of a label in an order of their own.
fn held_together(label: &str) -> Vec<String> {
    let mut parts: Vec<String> = label
        .split(['+', '_', '-', ' '])
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    parts.sort();
    parts
}

/// A hash of the values of all tensors in the order of their names.
fn fingerprint(checkpoint: &Checkpoint) -> Result<u64, Error> {
    let mut names: Vec<_> = checkpoint.tensors.keys().collect();
    names.sort();
    let mut hash = Fnv1a::new();
    for name in names {
        let values = checkpoint.tensors[name].flatten_all()?.to_vec1::<f32>()?;
        for value in values {
            hash.write(value.to_bits());
        }
    }
    if let Some(adjacency) = &checkpoint.adjacency {
        let AdjacentPairs { right, below } = adjacency.pairs();
        let tokens = right.iter().chain(below).flatten();
        for &token in tokens {
            hash.write(token);
        }
        hash.write(adjacency.penalty().to_bits());
    }
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::held_together;

    #[test]
    fn labels_are_the_same_in_any_order_and_case() {
        for name in ["right_jump", "Right+Jump", "jump + right", "JUMP-RIGHT"] {
            assert_eq!(held_together(name), ["jump", "right"], "{name}");
        }
        assert_ne!(held_together("right"), held_together("right_jump"));
    }
}
