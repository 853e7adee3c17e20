//! The folder of a run: configuration, saved states, metrics and pictures.

use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use genie_model::checkpoint::Checkpoint;
use genie_model::{ActionLabel, atomic_file};

use super::config::TrainConfig;
use super::differences::differences;
use super::error::TrainError;
use super::saved_state::{Part, Progress, SavedState, StateFile};
use crate::pictures::{RgbFrame, write_sheet};

/// How much pictures are enlarged.
const PICTURE_SCALE: usize = 2;

/// Paths and files of one training run.
///
/// - `config.toml`: what was trained; `data.json`: on what;
/// - `tokenizer/`, `dynamics/`: for each phase `state.safetensors` (weights, optimiser, step), `metrics.jsonl` and
///   `pictures/`;
/// - `dynamics/tokens/`: the tokens of the footage, so that a resumed run need not make them again; it may be removed;
/// - `start.genie.safetensors`: the world that it went on from, if it did, so that the run goes on without that world's file;
/// - `world.genie.safetensors`: the world, refreshed with every state of the second phase.
#[derive(Clone, Debug)]
pub struct RunFolder {
    root: PathBuf,
    /// Held as long as the run is, against a second training in the same folder, by the rank that writes.
    _lock: Option<Arc<File>>,
}

/// The phases, by the names of their folders.
const PHASES: [&str; 2] = ["tokenizer", "dynamics"];

fn read_config(path: &Path) -> Result<TrainConfig, TrainError> {
    let text = std::fs::read_to_string(path).map_err(|e| TrainError::io(path, e))?;
    toml::from_str(&text).map_err(|e| TrainError::Config {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

impl RunFolder {
    /// Opens a run's folder, creates it if it does not exist, and writes its configuration.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] if there is a run already and `resume` is not set, [`TrainError::NoRun`] if there is none and
    /// it is; [`TrainError::OtherConfig`] if it was started with another configuration; [`TrainError::Busy`] while another
    /// training has the folder.
    pub fn open(root: &Path, config: &TrainConfig, resume: bool) -> Result<Self, TrainError> {
        let path = root.join("config.toml");
        Self::check(root, resume)?;
        let lock = lock(root)?;
        let text = toml::to_string_pretty(config).map_err(|e| TrainError::Config {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        if let Some(old) = Self::config_of(root)?
            && let Some(differences) = differences(&old, config)
        {
            return Err(TrainError::OtherConfig { path, differences });
        }
        for phase in PHASES {
            let pictures = root.join(phase).join("pictures");
            std::fs::create_dir_all(&pictures).map_err(|e| TrainError::io(&pictures, e))?;
        }
        atomic_file::write(&path, text.as_bytes()).map_err(|e| TrainError::io(&path, e))?;
        Ok(Self {
            root: root.to_owned(),
            _lock: Some(Arc::new(lock)),
        })
    }

    /// The folder of a run that another rank has opened, and the configuration that it has written there.
    pub(super) fn opened_by_another(root: &Path) -> Result<(Self, TrainConfig), TrainError> {
        let folder = Self {
            root: root.to_owned(),
            _lock: None,
        };
        Ok((folder, read_config(&root.join("config.toml"))?))
    }

    /// Whether a run can begin in a folder, or be resumed in it, without looking any closer.
    pub(super) fn check(root: &Path, resume: bool) -> Result<(), TrainError> {
        let path = root.to_owned();
        if !resume && Self::is_begun(root) {
            Err(TrainError::RunExists { path })
        } else if resume && !root.join("config.toml").exists() {
            Err(TrainError::NoRun {
                path,
                beside: runs_beside(root),
            })
        } else {
            Ok(())
        }
    }

    /// Whether a run in a folder has saved a state. Before that there is nothing to resume and nothing to lose.
    pub fn is_begun(root: &Path) -> bool {
        PHASES.iter().any(|phase| state(root, phase).exists())
    }

    /// The configuration of the run in a folder, if one has begun.
    pub(super) fn config_of(root: &Path) -> Result<Option<TrainConfig>, TrainError> {
        let path = root.join("config.toml");
        if !Self::is_begun(root) || !path.exists() {
            return Ok(None);
        }
        read_config(&path).map(Some)
    }

    /// The world that the run in a folder went on from, as it was then.
    pub(super) fn start_of(root: &Path) -> PathBuf {
        root.join("start.genie.safetensors")
    }

    /// The exported world.
    pub fn world(&self) -> PathBuf {
        Self::world_of(&self.root)
    }

    /// The exported world of the run in a folder.
    pub fn world_of(root: &Path) -> PathBuf {
        root.join("world.genie.safetensors")
    }

    /// The world that the run went on from, as it was then.
    pub(super) fn start(&self) -> PathBuf {
        Self::start_of(&self.root)
    }

    /// The labels of the world that the run went on from.
    pub(super) fn start_labels(&self) -> Option<Vec<ActionLabel>> {
        Checkpoint::read(self.start())
            .ok()
            .map(|world| world.actions)
    }

    /// Where the tokens of the footage are kept for the second phase.
    pub(super) fn tokens(&self) -> PathBuf {
        self.root.join("dynamics").join("tokens")
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

    /// Whether the exported world is there, whole, and that of so many steps of the dynamics: a run may have been killed after its state was
    /// written and before the world was.
    pub(super) fn has_world_after(&self, step: u64) -> bool {
        let world = Checkpoint::read(self.world());
        world.is_ok_and(|it| it.provenance.get("dynamics_steps") == Some(&step.to_string()))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn state(&self, phase: &str) -> PathBuf {
        state(&self.root, phase)
    }

    /// Whether a phase has saved a state.
    pub(super) fn has_state(&self, phase: &str) -> bool {
        self.state(phase).exists()
    }

    /// The names that somebody gave to the actions of the world, where they did.
    pub(super) fn labels(&self) -> Option<Vec<ActionLabel>> {
        let world = Checkpoint::read(self.world()).ok()?;
        let named = |(number, label): (usize, &ActionLabel)| {
            label.hidden || !label.keys.is_empty() || label.name != format!("action_{number}")
        };
        world
            .actions
            .iter()
            .enumerate()
            .any(named)
            .then_some(world.actions)
    }

    /// Writes the state of a phase, part by part.
    pub(super) fn save_state<'a>(
        &self,
        phase: &str,
        progress: Progress,
        parts: impl IntoIterator<Item = (String, Part<'a>)>,
    ) -> Result<(), TrainError> {
        let path = self.state(phase);
        let Progress { step, skipped } = progress;
        let numbers = [("step", step), ("skipped", skipped)];
        let metadata = numbers.map(|(name, number)| (name.to_owned(), number.to_string()));
        let metadata = HashMap::from(metadata);
        let written = atomic_file::write_by(&path, |temporary| {
            let written = safetensors::serialize_to_file(parts, Some(metadata), temporary);
            written.map_err(|error| match error {
                safetensors::SafeTensorError::IoError(error) => error,
                other => std::io::Error::other(other),
            })?;
            // A machine that goes down must not leave an empty file in the place of the last state.
            File::options().write(true).open(temporary)?.sync_all()
        });
        written.map_err(|error| TrainError::io(&path, error))
    }

    /// The state that a phase resumes from; `None` before it has saved one.
    pub(super) fn saved_state(&self, phase: &str) -> Result<Option<SavedState>, TrainError> {
        let path = self.state(phase);
        if !path.exists() {
            return Ok(None);
        }
        let damaged = |reason: String| TrainError::State {
            path: path.clone(),
            reason,
        };
        let tensors = StateFile::open(&path).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => damaged(error.to_string()),
            _ => TrainError::io(&path, error),
        })?;
        let step = tensors.number("step");
        let progress = Progress {
            step: step.ok_or_else(|| damaged("the header has no step".to_owned()))?,
            // Earlier versions skipped none.
            skipped: tensors.number("skipped").unwrap_or(0),
        };
        Ok(Some(SavedState { progress, tensors }))
    }
}

fn state(root: &Path, phase: &str) -> PathBuf {
    root.join(phase).join("state.safetensors")
}

/// Makes the folder and keeps others from training in it as long as the file is open.
fn lock(root: &Path) -> Result<File, TrainError> {
    std::fs::create_dir_all(root).map_err(|e| TrainError::io(root, e))?;
    let path = root.join(".lock");
    let file = File::create(&path).map_err(|e| TrainError::io(&path, e))?;
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(TrainError::Busy {
            path: root.to_owned(),
        }),
        // Some file systems have no locks; they are no reason not to train.
        Ok(()) | Err(std::fs::TryLockError::Error(_)) => Ok(file),
    }
}

/// The runs in the folder above, for somebody who mistyped one.
fn runs_beside(root: &Path) -> String {
    let above = match root.parent() {
        Some(above) if above != Path::new("") => above,
        _ => Path::new("."),
    };
    let mut names: Vec<String> = std::fs::read_dir(above)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| RunFolder::is_begun(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.truncate(8);
    if names.is_empty() {
        String::new()
    } else {
        format!("; beside it: {}", names.join(", "))
    }
}
