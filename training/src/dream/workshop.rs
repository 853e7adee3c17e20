//! The folder beside the world in which a dream leaves what it has done.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use genie_model::atomic_file;
use serde::{Deserialize, Serialize};

use super::imported::Imported;
use super::{DreamError, DreamOptions};
use crate::dataset::{Dataset, INDEX_NAME};
use crate::train::{ActionSource, TrainConfig};

/// What was asked for, and how long it has been worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    /// Hours that the training was chosen for.
    hours: f64,
    actions: ActionSource,
    latent_actions: Option<usize>,
    #[serde(default = "likeliest")]
    player: usize,
    seed: u64,
    paths: Vec<PathBuf>,
    footage: serde_json::Value,
    /// Seconds of work so far, those of stopped calls included.
    spent: f64,
}

/// Dreams of before took the likeliest player.
fn likeliest() -> usize {
    1
}

/// The folder of one dream, held by one process.
#[derive(Debug)]
pub(super) struct Workshop {
    root: PathBuf,
    /// Whether this call made the folder.
    made: bool,
    state: State,
    /// Hours that the training was chosen for before, if others are asked for now.
    before: Option<f64>,
    /// Whether the training is chosen for the hours of now.
    chosen: AtomicBool,
    /// The dataset that is dreamt as it is, where that was given in place of films.
    dataset: Option<PathBuf>,
    _lock: File,
}

impl Workshop {
    /// Opens the folder of a dream, and makes it if there is none.
    pub(super) fn open(
        root: &Path,
        paths: &[PathBuf],
        options: &DreamOptions,
    ) -> Result<Self, DreamError> {
        let root = root.to_path_buf();
        let made = !root.exists();
        fs::create_dir_all(&root).map_err(DreamError::io("make the folder", &root))?;
        let lock_path = root.join(".lock");
        let lock = File::create(&lock_path).map_err(DreamError::io("write", &lock_path))?;
        if let Err(fs::TryLockError::WouldBlock) = lock.try_lock() {
            return Err(DreamError::Request(format!(
                "another dream is under way in {}",
                root.display()
            )));
        }
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let mut state = State {
            hours: options.hours,
            actions: options.actions,
            latent_actions: options.latent_actions,
            player: options.player,
            seed: options.seed,
            paths: paths.iter().map(absolute).collect(),
            footage: serde_json::to_value(&options.footage).unwrap_or_default(),
            spent: 0.0,
        };
        let path = root.join("dream.json");
        let mut before = None;
        if let Ok(text) = fs::read(&path) {
            let old: State = serde_json::from_slice(&text).map_err(|error| {
                DreamError::Request(format!(
                    "{}: not the state of a dream: {error}",
                    path.display()
                ))
            })?;
            // Before there is footage nothing would be lost: a corrected command begins anew.
            let begun = ["footage", "training"]
                .iter()
                .any(|name| root.join(name).join(INDEX_NAME).exists());
            let other = difference(&old, &state);
            if let Some(difference) = other.filter(|_| begun) {
                return Err(DreamError::Request(format!(
                    "{} holds a dream of another kind ({difference}): give the same as before, or another --out, or remove that \
                     folder",
                    root.display()
                )));
            }
            before = ((old.hours - state.hours).abs() > 1e-9).then_some(old.hours);
            state.spent = if other.is_some() { 0.0 } else { old.spent };
        }
        let imported = root.join("footage").join(INDEX_NAME).exists();
        let workshop = Self {
            dataset: dataset_of(paths).filter(|_| !imported),
            root,
            made,
            state,
            before,
            chosen: AtomicBool::new(false),
            _lock: lock,
        };
        workshop.save(workshop.state.spent)?;
        Ok(workshop)
    }

    /// Removes the folder if this call made it and there is no footage in it yet: nothing is left of a dream that never began.
    pub(super) fn remove_if_empty(&self) {
        let begun = self.footage_folder().exists() || self.training().exists();
        if self.made && !begun {
            let _ = fs::remove_dir_all(&self.root);
        }
    }

    /// The dataset that is dreamt as it is, if one was given.
    pub(super) fn dataset(&self) -> Option<&Path> {
        self.dataset.as_deref()
    }

    /// Where films are imported to.
    pub(super) fn footage_folder(&self) -> PathBuf {
        self.root.join("footage")
    }

    /// The dataset of all the footage.
    pub(super) fn footage(&self) -> PathBuf {
        (self.dataset.clone()).unwrap_or_else(|| self.footage_folder())
    }

    pub(super) fn training(&self) -> PathBuf {
        self.root.join("training")
    }

    pub(super) fn held_out(&self) -> PathBuf {
        self.root.join("held-out")
    }

    pub(super) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The world with named actions.
    pub(super) fn labelled(&self) -> PathBuf {
        self.root.join("labelled.genie.safetensors")
    }

    pub(super) fn evaluation(&self) -> PathBuf {
        self.root.join("evaluation.json")
    }

    fn imported_path(&self) -> PathBuf {
        self.root.join("imported.json")
    }

    fn config_path(&self) -> PathBuf {
        self.root.join("training.toml")
    }

    /// Seconds of work of earlier calls.
    pub(super) fn spent(&self) -> f64 {
        self.state.spent
    }

    /// How many times as long as before it may take now, where that was changed.
    pub(super) fn longer(&self) -> Option<f64> {
        self.before
            .map(|before| self.state.hours / before.max(1e-9))
    }

    /// Notes how long it has been worked on.
    pub(super) fn note_spent(&self, seconds: f64) -> Result<(), DreamError> {
        self.save(seconds)
    }

    /// The training is chosen for the hours of now: those of before are not needed any more.
    pub(super) fn note_chosen(&self) -> Result<(), DreamError> {
        self.chosen.store(true, Ordering::Relaxed);
        self.save(self.state.spent)
    }

    fn save(&self, spent: f64) -> Result<(), DreamError> {
        let chosen = self.chosen.load(Ordering::Relaxed);
        let state = State {
            spent,
            // A dream that is stopped before it is chosen is told of it again.
            hours: self.before.filter(|_| !chosen).unwrap_or(self.state.hours),
            ..self.state.clone()
        };
        write_json(&self.root.join("dream.json"), &state)
    }

    /// What was imported. A dream that was killed before it noted that still knows its clips.
    pub(super) fn imported(&self) -> Imported {
        let noted = fs::read(self.imported_path()).ok();
        noted
            .and_then(|text| serde_json::from_slice(&text).ok())
            .or_else(|| {
                let dataset = Dataset::open(&self.footage()).ok()?;
                Some(Imported::of_dataset(&dataset))
            })
            .unwrap_or_default()
    }

    pub(super) fn note_imported(&self, imported: &Imported) -> Result<(), DreamError> {
        write_json(&self.imported_path(), imported)
    }

    /// The training that was chosen.
    pub(super) fn config(&self) -> Result<Option<TrainConfig>, DreamError> {
        read_config(&self.config_path())
    }

    /// The same as the run has it, which says what was chosen from the footage; `None` before there is a run.
    pub(super) fn run_config(&self) -> Result<Option<TrainConfig>, DreamError> {
        read_config(&self.run().join("config.toml"))
    }

    pub(super) fn note_config(&self, config: &TrainConfig) -> Result<(), DreamError> {
        let path = self.config_path();
        let text = toml::to_string_pretty(config)
            .map_err(|error| DreamError::Request(format!("{}: {error}", path.display())))?;
        atomic_file::write(&path, text.as_bytes()).map_err(DreamError::io("write", &path))
    }
}

/// The dataset that alone was given as footage.
fn dataset_of(paths: &[PathBuf]) -> Option<PathBuf> {
    match paths {
        [path] if path.join(INDEX_NAME).is_file() => Some(path.clone()),
        _ => None,
    }
}

/// The training in a file, if it is there.
fn read_config(path: &Path) -> Result<Option<TrainConfig>, DreamError> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(DreamError::io("read", path))?;
    let config = toml::from_str(&text)
        .map_err(|error| DreamError::Request(format!("{}: {error}", path.display())))?;
    Ok(Some(config))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), DreamError> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| DreamError::Request(format!("{}: {error}", path.display())))?;
    atomic_file::write(path, &text).map_err(DreamError::io("write", path))
}

/// What cannot change from one call to the next.
fn difference(old: &State, new: &State) -> Option<&'static str> {
    if old.paths != new.paths {
        Some("of other footage")
    } else if old.footage != new.footage {
        Some("with other settings of the import")
    } else if old.actions != new.actions {
        Some("with another --actions")
    } else if old.latent_actions != new.latent_actions {
        Some("with another --latent-actions")
    } else if old.player != new.player {
        Some("with another --player")
    } else if old.seed != new.seed {
        Some("with another --seed")
    } else {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};
    use crate::ingest::IngestOptions;

    #[test]
    fn a_dream_goes_on_with_the_same_and_refuses_another() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("my.dream");
        let paths = [PathBuf::from("films")];
        let mut options = DreamOptions {
            hours: 1.0,
            actions: ActionSource::Learned,
            latent_actions: None,
            player: 1,
            footage: IngestOptions::default(),
            seed: 0,
        };
        let workshop = Workshop::open(&root, &paths, &options).unwrap();
        let error = Workshop::open(&root, &paths, &options).unwrap_err();
        assert!(error.to_string().contains("under way"), "{error}");
        workshop.note_spent(90.0).unwrap();
        drop(workshop);
        options.hours = 2.0;
        let workshop = Workshop::open(&root, &paths, &options).unwrap();
        assert!((workshop.spent() - 90.0).abs() < 1e-9);
        assert_eq!(workshop.longer(), Some(2.0));
        // Stopped before the training was chosen anew, it is still twice as long as before.
        workshop.note_spent(91.0).unwrap();
        drop(workshop);
        let workshop = Workshop::open(&root, &paths, &options).unwrap();
        assert_eq!(workshop.longer(), Some(2.0));
        workshop.note_chosen().unwrap();
        drop(workshop);
        let workshop = Workshop::open(&root, &paths, &options).unwrap();
        assert_eq!(workshop.longer(), None);
        drop(workshop);
        options.footage.width = 96;
        // Nothing was imported yet: the corrected command begins anew.
        let workshop = Workshop::open(&root, &paths, &options).unwrap();
        assert!(workshop.spent().abs() < 1e-9);
        fs::create_dir_all(workshop.footage()).unwrap();
        fs::write(workshop.footage().join(INDEX_NAME), "{}").unwrap();
        drop(workshop);
        options.footage.width = 128;
        let error = Workshop::open(&root, &paths, &options).unwrap_err();
        assert!(
            error.to_string().contains("settings of the import"),
            "{error}"
        );
    }

    #[test]
    fn a_dream_that_was_killed_right_after_its_import_knows_its_clips() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("my.dream");
        let options = DreamOptions {
            hours: 1.0,
            actions: ActionSource::Learned,
            latent_actions: None,
            player: 1,
            footage: IngestOptions::default(),
            seed: 0,
        };
        let workshop = Workshop::open(&root, &[PathBuf::from("films")], &options).unwrap();
        assert_eq!(workshop.imported(), Imported::default());
        let format = FrameFormat {
            height: 2,
            width: 2,
            frames_per_second: 10.0,
        };
        let mut writer = DatasetWriter::create(&workshop.footage(), format).unwrap();
        for frames in [20, 30] {
            let pixels = vec![7; frames * format.frame_bytes()];
            writer.push_clip(&pixels, None).unwrap();
        }
        writer.finish().unwrap();
        let imported = workshop.imported();
        assert_eq!((imported.clips, imported.frames), (2, 50));
        let noted = Imported {
            damaged: true,
            ..imported
        };
        workshop.note_imported(&noted).unwrap();
        assert_eq!(workshop.imported(), noted);
    }
}
