//! True actions, kept apart from the frames: training must not see them, evaluation compares with them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Dataset, DatasetError};

/// Name of the file in a dataset's folder.
pub(crate) const FILE_NAME: &str = "true_actions.bin";
/// Name of the file beside it that says what the actions are, where that is known.
pub(crate) const NAMES_FILE: &str = "true_actions.json";
const MAGIC: [u8; 8] = *b"GENIEACT";
const VERSION: u32 = 1;
/// Largest file that is read: a byte per frame.
const MOST_BYTES: u64 = 4 << 30;

/// The true actions of the clips of a dataset, as indices into whatever set of actions the game has. They may be known of some clips
/// alone: the others have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueActions {
    clips: Vec<Vec<u8>>,
}

/// The file's bytes: magic, version, number of clips, then each clip's number of actions and its actions.
pub(crate) fn encode(clips: &[&[u8]]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend((clips.len() as u64).to_le_bytes());
    for clip in clips {
        out.extend((clip.len() as u64).to_le_bytes());
        out.extend_from_slice(clip);
    }
    out
}

impl TrueActions {
    /// Reads the true actions of the dataset in a folder.
    ///
    /// # Errors
    /// A dataset whose actions are not known, or a damaged file.
    pub fn open(folder: &Path) -> Result<Self, DatasetError> {
        let path = folder.join(FILE_NAME);
        let file = File::open(&path).map_err(DatasetError::io("open", &path))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES)
            .read_to_end(&mut bytes)
            .map_err(DatasetError::io("read", &path))?;
        let clips = decode(&bytes).map_err(|problem| DatasetError::damaged(&path, problem))?;
        Ok(Self { clips })
    }

    /// Those of a dataset, or `None` where they are not known.
    ///
    /// # Errors
    /// A damaged file, or the actions of other footage.
    pub fn of(dataset: &Dataset) -> Result<Option<Self>, DatasetError> {
        match Self::open(dataset.folder()) {
            Ok(actions) => {
                actions.check(dataset)?;
                Ok(Some(actions))
            }
            Err(DatasetError::File(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Compares them with the clips of the dataset that they are said to belong to.
    ///
    /// # Errors
    /// Actions of other footage.
    pub fn check(&self, dataset: &Dataset) -> Result<(), DatasetError> {
        let path = dataset.folder().join(FILE_NAME);
        let wrong = |problem: String| Err(DatasetError::damaged(&path, problem));
        if self.clip_count() != dataset.clip_count() {
            return wrong(format!(
                "it belongs to other footage: it has the actions of {} clips, and there are {}",
                self.clip_count(),
                dataset.clip_count()
            ));
        }
        for (clip, actions) in self.clips.iter().enumerate() {
            let frames = dataset.clip_len(clip);
            if !actions.is_empty() && actions.len() + 1 != frames {
                return wrong(format!(
                    "it belongs to other footage: clip {clip} has {} actions and {frames} frames, expected one action less \
                     than frames, or none",
                    actions.len()
                ));
            }
        }
        Ok(())
    }

    /// Number of clips.
    pub fn clip_count(&self) -> usize {
        self.clips.len()
    }

    /// The true actions of some of the clips, in the order in which they are given; clips that do not exist have none.
    #[must_use]
    pub fn select(&self, clips: &[usize]) -> Self {
        let clips = clips
            .iter()
            .map(|&clip| self.clip(clip).unwrap_or_default().to_vec())
            .collect();
        Self { clips }
    }

    /// Those of clips that are given directly.
    #[cfg(test)]
    pub(crate) fn from_clips(clips: Vec<Vec<u8>>) -> Self {
        Self { clips }
    }

    /// Whether those of a clip are known.
    pub fn is_known(&self, clip: usize) -> bool {
        self.clip(clip).is_some_and(|actions| !actions.is_empty())
    }

    /// Number of transitions whose true action is known.
    pub fn known_transitions(&self) -> usize {
        self.clips.iter().map(Vec::len).sum()
    }

    /// The actions of a clip: action i leads from frame i to frame i + 1, so there is one less than frames; none where they are not
    /// known.
    pub fn clip(&self, clip: usize) -> Option<&[u8]> {
        self.clips.get(clip).map(Vec::as_slice)
    }
}

/// Splits bytes off the front, or says what is missing.
fn take<'a>(rest: &mut &'a [u8], count: u64) -> Result<&'a [u8], String> {
    let missing = || format!("expected {count} more bytes, found {}", rest.len());
    let count = usize::try_from(count).map_err(|_| missing())?;
    let (taken, left) = rest.split_at_checked(count).ok_or_else(missing)?;
    *rest = left;
    Ok(taken)
}

fn take_length(rest: &mut &[u8]) -> Result<u64, String> {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(take(rest, 8)?);
    Ok(u64::from_le_bytes(bytes))
}

fn decode(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut rest = bytes;
    if take(&mut rest, 8)? != MAGIC {
        return Err("not a file of true actions: its first bytes are others".to_owned());
    }
    if take(&mut rest, 4)? != VERSION.to_le_bytes() {
        return Err(format!("expected version {VERSION}"));
    }
    let count = take_length(&mut rest)?;
    // The list grows with what is really there, whatever the count claims.
    let mut clips = Vec::new();
    for _ in 0..count {
        let length = take_length(&mut rest)?;
        clips.push(take(&mut rest, length)?.to_vec());
    }
    if rest.is_empty() {
        Ok(clips)
    } else {
        Err(format!("{} bytes too many", rest.len()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip_and_every_truncation_is_noticed(
            clips in proptest::collection::vec(proptest::collection::vec(0_u8..6, 0..20), 0..6),
        ) {
            let slices: Vec<&[u8]> = clips.iter().map(Vec::as_slice).collect();
            let bytes = encode(&slices);
            prop_assert_eq!(decode(&bytes).unwrap(), clips);
            for length in 0..bytes.len() {
                prop_assert!(decode(&bytes[..length]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_survived(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(VERSION.to_le_bytes());
            bytes.extend(tail);
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_lying_count_costs_nothing() {
        let mut bytes = encode(&[&[1, 2]]);
        bytes[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode(&bytes).is_err());
        let mut bytes = encode(&[&[1, 2]]);
        bytes[20..28].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode(&bytes).is_err());
    }
}
