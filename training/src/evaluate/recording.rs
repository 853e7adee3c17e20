//! Segments of long play, kept for the judge.

use super::horizons::Horizon;
use super::judged_dreams::{JudgedDreams, JudgedStep};
use super::{Footage, WorldParts, Worlds};
use crate::actions::{ClipsInMemory, TransitionPlace};

/// Frames that are kept before and after the steps that are judged: what the judge follows the player by.
const BEFORE: usize = 16;
const AFTER: usize = 4;
/// Most worlds that are recorded: their frames are held in memory.
const MOST_WORLDS: usize = 256;

/// Records the steps of a horizon in play, and some around them.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    horizon: Horizon,
    /// Index of each recorded world, and the real clip that it began from.
    worlds: Vec<(usize, usize)>,
    /// Frames of each recorded world.
    clips: Vec<Vec<u8>>,
    /// Commands to all worlds, by step, from `start` on.
    commanded: Vec<Vec<usize>>,
}

impl Recorder {
    /// Will record the worlds that begin from segments of clips that are `scored`.
    pub(super) fn new(footage: &Footage, scored: &dyn Fn(usize) -> bool, horizon: Horizon) -> Self {
        let worlds: Vec<(usize, usize)> = (footage.segments.iter().enumerate())
            .filter(|(_, segment)| scored(segment.clip))
            .map(|(world, segment)| (world, segment.clip))
            .take(MOST_WORLDS)
            .collect();
        Self {
            horizon,
            clips: vec![Vec::new(); worlds.len()],
            worlds,
            commanded: Vec::new(),
        }
    }

    /// First step that is kept.
    fn start(&self) -> usize {
        self.horizon.first.saturating_sub(BEFORE).max(1)
    }

    /// Sees a step; all steps are to be shown, in order.
    pub(super) fn watch(&mut self, step: usize, commanded: &[usize], worlds: &Worlds) {
        if !(self.start()..=self.horizon.last + AFTER).contains(&step) {
            return;
        }
        let frames: Vec<_> = worlds.frames().collect();
        for (clip, &(world, _)) in self.clips.iter_mut().zip(&self.worlds) {
            clip.extend_from_slice(frames[world].pixels());
        }
        self.commanded.push(commanded.to_vec());
    }

    /// What was recorded. A step is judged if the one after it was recorded, too: the judge looks one frame ahead.
    pub(super) fn dreams(self, parts: &WorldParts) -> JudgedDreams {
        let start = self.start();
        let recorded = self.commanded.len();
        let mut steps = Vec::new();
        for (clip, &(world, origin)) in self.worlds.iter().enumerate() {
            // The frame of step `s` is number `s - start`, and the one before it must be there.
            let judged = self.horizon.first.max(start + 1)
                ..=self.horizon.last.min((start + recorded).saturating_sub(2));
            steps.extend(judged.map(|step| JudgedStep {
                place: TransitionPlace {
                    clip,
                    frame: step - 1 - start,
                },
                step,
                commanded: self.commanded[step - start][world],
                origin,
            }));
        }
        let config = parts.config();
        JudgedDreams {
            clips: ClipsInMemory {
                frame_size: (config.frame_height, config.frame_width),
                clips: self.clips,
            },
            steps,
        }
    }
}
