//! Replays: what it takes to generate the same frames again.

use std::path::{Path, PathBuf};

use genie_model::{Frame, SamplerSettings, atomic_file};
use serde::{Deserialize, Serialize};

use crate::timeline::files::read_at_most;

/// Larger files are no replays: this is some hundred days of play.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Prompt, seed, sampler settings and actions of a world: on the same checkpoint, they give the same frames again.
///
/// A [`GenieSnapshot`](crate::GenieSnapshot) hands one out, [`GenieCommand::replay`](crate::GenieCommand::replay) plays
/// it. It can be written with any serde format; [`write`](Self::write) and [`read`](Self::read) use JSON. It takes two
/// bytes per action in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenieReplay {
    /// Fingerprint of the checkpoint: [`WorldModel::fingerprint`](genie_model::WorldModel::fingerprint).
    pub checkpoint: u64,
    /// The prompt as it was fitted to the model's frame.
    #[serde(with = "hexadecimal")]
    pub prompt: Frame,
    /// Seed of the sampler.
    pub seed: u64,
    /// How the first frames were sampled.
    pub sampler: SamplerSettings,
    /// Later changes of the sampler's settings, oldest first.
    #[serde(default)]
    pub changes: Vec<GenieSamplerChange>,
    /// The latent action that led to each frame after the prompt, 0 to `A - 1`.
    pub actions: Vec<u16>,
}

/// From a frame on, the next ones are sampled in another way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenieSamplerChange {
    /// The last frame that was sampled in the old way.
    pub tick: u64,
    /// The settings since.
    pub sampler: SamplerSettings,
}

/// Why a replay cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GenieReplayError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file is not a replay.
    #[error("{}: not a replay: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was played on another checkpoint.
    #[error("the replay belongs to checkpoint {replay:016x}, this world plays {world:016x}")]
    OtherCheckpoint {
        /// Fingerprint in the replay.
        replay: u64,
        /// Fingerprint of the world's checkpoint.
        world: u64,
    },
}

impl GenieReplay {
    /// How the frame after `tick` is sampled.
    pub fn sampler_after(&self, tick: u64) -> &SamplerSettings {
        let changes = self.changes.iter().rev();
        let last = changes.into_iter().find(|change| change.tick <= tick);
        last.map_or(&self.sampler, |change| &change.sampler)
    }

    /// Writes it as a JSON file. It takes the calling thread a moment.
    ///
    /// # Errors
    /// [`GenieReplayError::Io`]; a file that was there stays as it was.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), GenieReplayError> {
        let path = path.as_ref();
        let text = serde_json::to_vec(self).expect("plain data structures serialise");
        atomic_file::write(path, &text).map_err(|error| GenieReplayError::Io {
            path: path.to_owned(),
            error,
        })
    }

    /// Reads a JSON file. It takes the calling thread a moment.
    ///
    /// # Errors
    /// [`GenieReplayError::Io`] or [`GenieReplayError::Format`], with the file's name.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, GenieReplayError> {
        let path = path.as_ref();
        let text = read_at_most(path, MAX_FILE_BYTES).map_err(|error| GenieReplayError::Io {
            path: path.to_owned(),
            error,
        })?;
        serde_json::from_slice(&text).map_err(|error| GenieReplayError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }
}

/// Frames as text: their size and their bytes in hexadecimal.
mod hexadecimal {
    use genie_model::Frame;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Picture {
        width: usize,
        height: usize,
        rgb: String,
    }

    pub(super) fn serialize<S: Serializer>(
        frame: &Frame,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        let bytes = frame.pixels().iter();
        Picture {
            width: frame.width(),
            height: frame.height(),
            rgb: bytes
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .collect(),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Frame, D::Error> {
        let Picture { width, height, rgb } = Picture::deserialize(source)?;
        let nibble = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
        let bytes = rgb.as_bytes().chunks(2).map(|pair| match *pair {
            [high, low] => Some(nibble(high)? << 4 | nibble(low)?),
            _ => None,
        });
        let pixels: Option<Vec<u8>> = bytes.collect();
        let pixels =
            pixels.ok_or_else(|| D::Error::custom("`rgb` must be pairs of hexadecimal digits"))?;
        Frame::from_rgb(width, height, pixels).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay() -> GenieReplay {
        let change = |tick, steps| GenieSamplerChange {
            tick,
            sampler: SamplerSettings {
                steps,
                ..Default::default()
            },
        };
        GenieReplay {
            checkpoint: u64::MAX - 5,
            prompt: Frame::filled(3, 2, [0, 171, 255]),
            seed: 9,
            sampler: SamplerSettings::default(),
            changes: vec![change(2, 3), change(5, 7)],
            actions: vec![0, 1, 2, 1, 0, 0, 1],
        }
    }

    #[test]
    fn a_file_gives_the_replay_back_and_a_damaged_one_an_error() {
        let folder = std::env::temp_dir().join(format!("genie-replay-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let path = folder.join("run.json");
        replay().write(&path).expect("the folder can be written");
        assert_eq!(
            GenieReplay::read(&path).expect("it was just written"),
            replay()
        );
        let text = std::fs::read_to_string(&path).expect("it is there");
        for damaged in [
            &text[..text.len() / 2],
            &text.replace("00ab", "00zb"),
            &text.replace("00abff", ""),
        ] {
            std::fs::write(&path, damaged).expect("the folder can be written");
            assert!(matches!(
                GenieReplay::read(&path),
                Err(GenieReplayError::Format { .. })
            ));
        }
        std::fs::remove_dir_all(&folder).expect("it is there");
        assert!(matches!(
            GenieReplay::read(&path),
            Err(GenieReplayError::Io { .. })
        ));
    }

    #[test]
    fn sampler_changes_hold_from_their_frame_on() {
        let steps = [0, 1, 2, 4, 5, 99].map(|tick| replay().sampler_after(tick).steps);
        let first = SamplerSettings::default().steps;
        assert_eq!(steps, [first, first, 3, 3, 7, 7]);
    }
}
