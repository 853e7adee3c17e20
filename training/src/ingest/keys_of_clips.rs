//! The true actions of the clips of a source, of which one part is read after the other.

use super::actions::HeldKeys;
use super::part::PartResult;

/// Keys of the clips of a source, as far as its parts are known.
pub(super) struct KeysOfClips<'a> {
    keys: Option<&'a HeldKeys>,
    /// Number in the source of the first frame behind the parts so far.
    next: Option<u64>,
    clips: Vec<Vec<String>>,
}

impl<'a> KeysOfClips<'a> {
    /// Before the first part of a source with these keys; without keys nothing is found.
    pub(super) fn new(keys: Option<&'a HeldKeys>) -> Self {
        Self {
            keys,
            next: None,
            clips: Vec::new(),
        }
    }

    /// Adds the part that follows on those so far.
    pub(super) fn add(&mut self, part: &PartResult) {
        let (Some(keys), Some(numbers)) = (self.keys, &part.numbers) else {
            return;
        };
        let first = self.next.unwrap_or(part.first_number);
        self.clips.extend(numbers.iter().map(|clip| {
            let transitions = clip.windows(2);
            transitions
                .map(|pair| keys.between(first + pair[0], first + pair[1]).to_owned())
                .collect()
        }));
        self.next = Some(first + part.numbered_frames);
    }

    /// Number in the source of the last frame that was read.
    pub(super) fn last_frame(&self) -> u64 {
        self.next.unwrap_or(0).saturating_sub(1)
    }

    /// Keys of each transition of each clip, where the source has true actions.
    pub(super) fn found(self) -> Option<Vec<Vec<String>>> {
        self.keys.map(|_| self.clips)
    }
}
