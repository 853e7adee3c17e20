//! The folder of a run: configuration, saved states, metrics and pictures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use genie_model::atomic_file;

use super::config::TrainConfig;
use super::error::TrainError;
use super::saved_state::SavedState;
use crate::pictures::{RgbFrame, write_sheet};

/// How much pictures are enlarged.
const PICTURE_SCALE: usize = 2;

/// Paths and files of one training run.
///
/// - `config.toml`: what was trained;
/// - `tokenizer/`, `dynamics/`: for each phase `state.safetensors` (weights, optimiser, step), `metrics.jsonl` and
///   `pictures/`;
/// - `world.genie.safetensors`: the world, refreshed with every state of the second phase.
#[derive(Clone, Debug)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Opens a run's folder, creates it if it does not exist, and writes its configuration.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] if there is a run already and `resume` is not set; [`TrainError::OtherConfig`] if it was
    /// started with another configuration.
    pub fn open(root: &Path, config: &TrainConfig, resume: bool) -> Result<Self, TrainError> {
        let folder = Self {
            root: root.to_owned(),
        };
        let path = root.join("config.toml");
        let text = toml::to_string_pretty(config).map_err(|e| TrainError::Config {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        if let Some(old) = Self::config_of(root)? {
            if !resume {
                return Err(TrainError::RunExists {
                    path: root.to_owned(),
                });
            }
            // Only the length of a phase may change: a run can be extended.
            let mut comparable = old;
            comparable.tokenizer.steps = config.tokenizer.steps;
            comparable.dynamics.steps = config.dynamics.steps;
            if &comparable != config {
                return Err(TrainError::OtherConfig { path });
            }
        }
        for phase in ["tokenizer", "dynamics"] {
            let pictures = root.join(phase).join("pictures");
            std::fs::create_dir_all(&pictures).map_err(|e| TrainError::io(&pictures, e))?;
        }
        atomic_file::write(&path, text.as_bytes()).map_err(|e| TrainError::io(&path, e))?;
        Ok(folder)
    }

    /// The configuration of the run in a folder, if there is one.
    pub(super) fn config_of(root: &Path) -> Result<Option<TrainConfig>, TrainError> {
        let path = root.join("config.toml");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|e| TrainError::io(&path, e))?;
        let config = toml::from_str(&text).map_err(|e| TrainError::Config {
            path,
            reason: e.to_string(),
        })?;
        Ok(Some(config))
    }

    /// The exported world.
    pub fn world(&self) -> PathBuf {
        self.root.join("world.genie.safetensors")
    }

    pub(super) fn metrics(&self, phase: &str) -> PathBuf {
        self.root.join(phase).join("metrics.jsonl")
    }

    /// Writes rows of frames (RGB bytes of `height * width` pixels each) as one picture.
    pub(super) fn save_strips(
        &self,
        phase: &str,
        name: &str,
        step: u64,
        rows: &[Vec<Vec<u8>>],
        (height, width): (usize, usize),
    ) -> Result<(), TrainError> {
        let path = self
            .root
            .join(phase)
            .join("pictures")
            .join(format!("{name}-{step:06}.png"));
        let rows = rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|frame| RgbFrame::new(height, width, frame))
                    .collect()
            })
            .collect::<Result<Vec<Vec<_>>, _>>()?;
        Ok(write_sheet(&path, &rows, PICTURE_SCALE)?)
    }

    fn state(&self, phase: &str) -> PathBuf {
        self.root.join(phase).join("state.safetensors")
    }

    pub(super) fn save_state(
        &self,
        phase: &str,
        step: u64,
        tensors: &HashMap<String, Tensor>,
    ) -> Result<(), TrainError> {
        let path = self.state(phase);
        let metadata = HashMap::from([("step".to_owned(), step.to_string())]);
        let bytes =
            safetensors::serialize(tensors, Some(metadata)).map_err(candle_core::Error::wrap)?;
        atomic_file::write(&path, &bytes).map_err(|e| TrainError::io(&path, e))
    }

    /// The state that a phase resumes from; `None` before it has saved one.
    pub(super) fn saved_state(&self, phase: &str) -> Result<Option<SavedState>, TrainError> {
        let path = self.state(phase);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = std::fs::read(&path).map_err(|e| TrainError::io(&path, e))?;
        let damaged = |reason: String| TrainError::State {
            path: path.clone(),
            reason,
        };
        let (_, header) =
            safetensors::SafeTensors::read_metadata(&bytes).map_err(|e| damaged(e.to_string()))?;
        let step = header
            .metadata()
            .as_ref()
            .and_then(|m| m.get("step"))
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| damaged("the header has no step".to_owned()))?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|e| damaged(e.to_string()))?;
        Ok(Some(SavedState { step, tensors }))
    }
}
