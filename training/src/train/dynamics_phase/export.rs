//! The world as it is now, as a checkpoint.

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor};
use genie_model::checkpoint::Checkpoint;
use genie_model::{ActionLabel, TokenAdjacency};

use crate::train::config::TrainConfig;

/// A checkpoint of these `tensors`, without what only training needs, and with unnamed actions.
pub(super) fn checkpoint(
    config: &TrainConfig,
    mut tensors: HashMap<String, Tensor>,
    adjacency: Option<TokenAdjacency>,
    agent: Option<Vec<u8>>,
    frames: u64,
    step: u64,
) -> candle_core::Result<Checkpoint> {
    let mut model = config.model.clone();
    model.latent_actions.decoder = None;
    tensors.retain(|name, _| !name.starts_with("latent_actions.decoder."));
    let actions = (0..model.latent_actions.actions)
        .map(|action| ActionLabel {
            name: format!("action_{action}"),
            keys: Vec::new(),
            ..ActionLabel::default()
        })
        .collect();
    let provenance = [
        ("frames", frames),
        ("dynamics_steps", step),
        ("tokenizer_steps", config.tokenizer.steps),
        ("seed", config.seed),
    ];
    let mut provenance: BTreeMap<_, _> = provenance
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .collect();
    if let Some(world) = config.start_from.as_ref().and_then(|it| it.file_name()) {
        provenance.insert(
            "started_from".to_owned(),
            world.to_string_lossy().into_owned(),
        );
    }
    let tensors = tensors
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor.to_device(&Device::Cpu)?)))
        .collect::<candle_core::Result<_>>()?;
    Ok(Checkpoint {
        config: model,
        actions,
        provenance,
        tensors,
        adjacency,
        agent,
    })
}
