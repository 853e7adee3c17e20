//! Running worlds as bytes: a safetensors file of the caches and the frame, whose header has all else.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::state::Rollout;
use crate::ops::KeyValue;
use crate::transformer::{FrameState, TransformerCache};
use crate::{Error, Frame, RolloutError, SamplerSettings, WorldModel};

/// What the header has.
#[derive(Serialize, Deserialize)]
struct SavedState {
    fingerprint: u64,
    sampler: SamplerSettings,
    rng: ChaCha8Rng,
    time: u64,
    tokens: Vec<u32>,
    action: u32,
    past: usize,
    decoder_past: usize,
}

impl Rollout {
    /// Saves the world: all that is needed to go on from here to the same frames.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the memory cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let state = SavedState {
            fingerprint: self.model.fingerprint(),
            sampler: self.sampler.clone(),
            rng: self.rng.clone(),
            time: self.time,
            tokens: self.tokens.clone(),
            action: self.action,
            past: self.past.len(),
            decoder_past: self.decoder_past.len(),
        };
        let state = serde_json::to_string(&state).expect("plain data structures serialise");
        let metadata = HashMap::from([("rollout".to_owned(), state)]);
        let mut tensors: Vec<(String, Tensor)> = Vec::new();
        for (name, cache) in [("past", &self.past), ("decoder_past", &self.decoder_past)] {
            for (i, frame) in cache.frames.iter().enumerate() {
                for (j, kv) in frame.blocks.iter().enumerate() {
                    tensors.push((format!("{name}.{i}.{j}.keys"), kv.keys.clone()));
                    tensors.push((format!("{name}.{i}.{j}.values"), kv.values.clone()));
                }
            }
        }
        let pixels =
            Tensor::from_slice(self.frame.pixels(), self.frame.pixels().len(), &Device::Cpu)?;
        tensors.push(("frame".to_owned(), pixels));
        Ok(safetensors::serialize(tensors, Some(metadata)).map_err(candle_core::Error::wrap)?)
    }

    /// Resumes a world that was saved with [`to_bytes`](Self::to_bytes) on the same checkpoint.
    ///
    /// # Errors
    /// [`Error::Rollout`] if the bytes are damaged or belong to another checkpoint.
    pub fn from_bytes(model: &WorldModel, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |what: String| RolloutError::Damaged(what);
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let state = metadata
            .get("rollout")
            .ok_or_else(|| damaged("the header has no `rollout`".to_owned()))?;
        let state: SavedState = serde_json::from_str(state).map_err(|e| damaged(e.to_string()))?;
        if state.fingerprint != model.fingerprint() {
            return Err(RolloutError::OtherCheckpoint {
                saved: state.fingerprint,
                loaded: model.fingerprint(),
            }
            .into());
        }
        state.sampler.validate()?;
        let config = model.config();
        let tokens = config.tokens_per_frame();
        let codes = config.tokenizer.quantizer.codes() as u32;
        if state.tokens.len() != config.codes_per_frame()
            || state.tokens.iter().any(|&t| t >= codes)
        {
            return Err(damaged("its tokens do not fit the model".to_owned()).into());
        }
        if state.action as usize > model.action_count() {
            return Err(damaged("its action does not exist".to_owned()).into());
        }
        let read = |name: String, width: usize, rows: usize| -> Result<Tensor, Error> {
            let view = file.tensor(&name).map_err(|e| damaged(e.to_string()))?;
            if view.dtype() != safetensors::Dtype::F32 || view.shape() != [rows, width] {
                return Err(damaged(format!("tensor `{name}` does not fit the model")).into());
            }
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            Ok(Tensor::from_vec(values, (rows, width), model.device())?)
        };
        let cache = |name: &str,
                     frames: usize,
                     config: &crate::TransformerConfig,
                     rows: usize|
         -> Result<TransformerCache, Error> {
            if frames >= config.window.max(1) {
                return Err(damaged(format!("`{name}` is longer than the window")).into());
            }
            let width = config.attention_width();
            let mut cache = TransformerCache::default();
            for i in 0..frames {
                let blocks = (0..config.layers)
                    .map(|j| {
                        Ok(KeyValue {
                            keys: read(format!("{name}.{i}.{j}.keys"), width, rows)?,
                            values: read(format!("{name}.{i}.{j}.values"), width, rows)?,
                        })
                    })
                    .collect::<Result<_, Error>>()?;
                cache.push(FrameState { blocks }, config.window);
            }
            Ok(cache)
        };
        let extra = match config.dynamics.conditioning {
            crate::ActionConditioning::Added => 0,
            crate::ActionConditioning::Prepended => 1,
        };
        let past = cache(
            "past",
            state.past,
            &config.dynamics.transformer,
            tokens + extra,
        )?;
        let decoder = &config.tokenizer.decoder;
        let decoder_past = cache("decoder_past", state.decoder_past, decoder, tokens)?;
        let pixels = file.tensor("frame").map_err(|e| damaged(e.to_string()))?;
        let frame = Frame::from_rgb(
            config.frame_width,
            config.frame_height,
            pixels.data().to_vec(),
        )?;
        Ok(Self {
            model: model.clone(),
            sampler: state.sampler,
            rng: state.rng,
            time: state.time,
            tokens: state.tokens,
            action: state.action,
            past,
            decoder_past,
            frame,
        })
    }
}
