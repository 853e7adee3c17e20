//! What is being made, and its file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_genie::genie_model::atomic_file;
use bevy_genie::prelude::*;
use serde::{Deserialize, Serialize};

use crate::drawing::Canvas;
use crate::history::History;
use crate::tries::{Arriving, Try};

/// Larger files are no projects.
const MOST_BYTES: u64 = 64 << 20;

/// The picture and how it is played.
#[derive(Resource)]
pub(crate) struct Project {
    /// The picture, of the model's size, with its past.
    pub(crate) canvas: History<Canvas>,
    /// Seed of the worlds.
    pub(crate) seed: u64,
    /// Their sampler.
    pub(crate) sampler: GenieSamplerSettings,
    /// Where it was opened from or saved to last.
    pub(crate) file: Option<PathBuf>,
    /// Grows with each change of the picture or the seed.
    pub(crate) version: u64,
    /// Lines of play, as far as they are worth keeping.
    tries: Vec<Try>,
    /// Grows with each change of the lines.
    tries_version: u64,
    /// Lines that a file has brought and that are not there yet.
    pub(crate) arriving: Option<Arriving>,
    /// What is in its file.
    saved: Stand,
    /// The version that came from elsewhere as it is: nothing is lost with it.
    untouched: u64,
}

/// What makes one state of a project another than the last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stand {
    version: u64,
    tries_version: u64,
    sampler: GenieSamplerSettings,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            canvas: History::new(Canvas::filled(64, 64, [152, 212, 248])),
            seed: 0,
            sampler: GenieSamplerSettings::default(),
            file: None,
            version: 0,
            tries: Vec::new(),
            tries_version: 0,
            arriving: None,
            saved: Stand {
                version: 0,
                tries_version: 0,
                sampler: GenieSamplerSettings::default(),
            },
            untouched: 0,
        }
    }
}

impl Project {
    /// Puts another picture in place; it can be undone.
    pub(crate) fn change(&mut self, canvas: Canvas) {
        if self.canvas.change(canvas) {
            self.version += 1;
        }
    }

    /// Takes the last change back.
    pub(crate) fn undo(&mut self) {
        if self.canvas.undo() {
            self.version += 1;
        }
    }

    /// Makes it again.
    pub(crate) fn redo(&mut self) {
        if self.canvas.redo() {
            self.version += 1;
        }
    }

    /// The state that it is in.
    pub(crate) fn stand(&self) -> Stand {
        Stand {
            version: self.version,
            tries_version: self.tries_version,
            sampler: self.sampler.clone(),
        }
    }

    /// Its file has this state.
    pub(crate) fn is_saved_as(&mut self, stand: Stand) {
        self.saved = stand;
    }

    /// Whether it is as it was when the program began for the first time.
    pub(crate) fn is_new(&self) -> bool {
        (self.version, self.tries_version) == (0, 0)
    }

    /// Whether something has changed since it was saved.
    pub(crate) fn unsaved(&self) -> bool {
        self.stand() != self.saved
    }

    /// Whether something would be lost if another picture took its place.
    pub(crate) fn is_work(&self) -> bool {
        self.version != self.saved.version && self.version != self.untouched
    }

    /// Whether something would be lost if another project took its place: forks go with the project, not with the picture.
    pub(crate) fn has_work(&self) -> bool {
        let forks = self.tries.iter().any(|line| line.parent.is_some());
        self.is_work() || (forks && self.tries_version != self.saved.tries_version)
    }

    /// What there is of lines of play now.
    pub(crate) fn keep_tries(&mut self, tries: Vec<Try>) {
        if self.tries != tries {
            self.tries = tries;
            self.tries_version += 1;
        }
    }

    /// Puts a picture in place that can be had again: one from a file, or the same one in another size.
    pub(crate) fn take(&mut self, canvas: Canvas) {
        self.change(canvas);
        self.untouched = self.version;
    }

    /// What is written to a file.
    pub(crate) fn content(&self) -> ProjectFile {
        let (width, height) = self.canvas.now().size();
        let pixels = self.canvas.now().picture().into_pixels();
        ProjectFile {
            format: FORMAT.to_owned(),
            width,
            height,
            rgb: hexadecimal(&pixels),
            seed: self.seed,
            sampler: self.sampler.clone(),
            tries: self.tries.clone(),
            file: self.file.clone(),
        }
    }

    /// Goes on with what was read from a file; the picture before can be had back by undo.
    pub(crate) fn adopt(&mut self, content: &ProjectFile) {
        if let Some(canvas) = content.canvas() {
            self.canvas.change(canvas);
        }
        self.seed = content.seed;
        self.sampler = content.sampler.clone();
        self.keep_tries(content.tries.clone());
        self.arriving = Some(Arriving::Project(content.tries.clone()));
        self.version += 1;
    }

    /// Goes on with a run: its picture, its seed, and how its last frame was sampled.
    pub(crate) fn adopt_run(&mut self, run: GenieReplay) {
        let (width, height) = self.canvas.now().size();
        if let Ok(picture) = run.prompt.fitted(width, height, GenieFit::Crop) {
            self.canvas.change((&picture).into());
        }
        self.seed = run.seed;
        self.sampler = run.sampler_after(run.actions.len() as u64).clone();
        self.arriving = Some(Arriving::Run(Box::new(run)));
        self.version += 1;
        self.untouched = self.version;
    }

    /// Goes on with an autosave, which may have a file of its own; it is saved if that has the same content.
    pub(crate) fn go_on_with(&mut self, content: &ProjectFile) {
        self.adopt(content);
        self.file.clone_from(&content.file);
        let saved = content.file.as_deref().map(ProjectFile::read);
        if saved.is_some_and(|saved| saved.is_ok_and(|saved| saved.is_same(content))) {
            self.saved = self.stand();
        }
    }
}

/// Pairs of digits.
fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let pairs = bytes
        .iter()
        .map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    pairs.flatten().collect()
}

const FORMAT: &str = "bevy_genie prompt project 1";

/// A project on the disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectFile {
    format: String,
    width: usize,
    height: usize,
    /// Pixels as pairs of hexadecimal digits, rows from the top.
    rgb: String,
    seed: u64,
    sampler: GenieSamplerSettings,
    /// Lines of play and their forks. Files of before have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tries: Vec<Try>,
    /// In an autosave: the file that the project belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
}

impl ProjectFile {
    /// Whether it is the same project, whichever file it belongs to.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let mut other = other.clone();
        other.file.clone_from(&self.file);
        *self == other
    }

    fn canvas(&self) -> Option<Canvas> {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let bytes = self.rgb.as_bytes().chunks(2).map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        });
        let pixels: Option<Vec<u8>> = bytes.collect();
        let picture = GeniePicture::from_rgb(self.width, self.height, pixels?).ok()?;
        Some((&picture).into())
    }

    /// Reads a project.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let bytes = std::fs::metadata(path)
            .map_err(|error| format!("{name}: {error}"))?
            .len();
        if bytes > MOST_BYTES {
            return Err(format!("{name}: {bytes} bytes are too many for a project"));
        }
        let text = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        let file: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("{name}: not a prompt project: {error}"))?;
        if file.format != FORMAT || file.canvas().is_none() {
            return Err(format!(
                "{name}: not a prompt project of a format that is known"
            ));
        }
        let numbers: BTreeSet<u32> = file.tries.iter().map(|line| line.number).collect();
        if numbers.len() < file.tries.len() || numbers.contains(&u32::MAX) {
            return Err(format!("{name}: damaged: its lines are not numbered"));
        }
        Ok(file)
    }

    /// Writes a project, whole or not at all.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        atomic_file::write_in_new_folders(path, &text).map_err(failed)
    }
}
