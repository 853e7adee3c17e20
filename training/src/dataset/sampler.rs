//! Which windows of which clips a training step sees.

use std::fmt::{Display, Formatter};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Dataset, DatasetError};

/// A window of consecutive frames inside one clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClipWindow {
    /// Index of the clip in its dataset.
    pub clip: usize,
    /// First frame of the window in the clip.
    pub start: usize,
}

/// Clips that are shorter than a training window: no step sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortClips {
    /// Frames of the window.
    pub window: usize,
    /// How many clips are shorter.
    pub clips: usize,
    /// Their frames.
    pub frames: u64,
    /// All clips.
    pub of_clips: usize,
    /// Frames of all clips.
    pub of_frames: u64,
}

impl ShortClips {
    /// Those of a dataset.
    pub fn of(dataset: &Dataset, window: usize) -> Self {
        Self::of_lengths(&dataset.clip_lengths(), window)
    }

    /// Those among clips of such lengths.
    pub(crate) fn of_lengths(lengths: &[usize], window: usize) -> Self {
        let frames = |lengths: &mut dyn Iterator<Item = &usize>| lengths.map(|&it| it as u64).sum();
        let short = |length: &&usize| **length < window;
        Self {
            window,
            clips: lengths.iter().filter(short).count(),
            frames: frames(&mut lengths.iter().filter(short)),
            of_clips: lengths.len(),
            of_frames: frames(&mut lengths.iter()),
        }
    }

    /// Share of the frames that no step sees, 0 to 1.
    pub fn share(&self) -> f64 {
        self.frames as f64 / self.of_frames.max(1) as f64
    }
}

impl Display for ShortClips {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} clips ({} of {} frames, {:.0} %) are shorter than {} frames",
            self.clips,
            self.of_clips,
            self.frames,
            self.of_frames,
            100.0 * self.share(),
            self.window
        )
    }
}

/// Draws windows of a fixed length, each equally likely, never across the end of a clip.
///
/// A batch is a pure function of the seed and the step, so that a resumed run sees what an uninterrupted one would.
#[derive(Debug, Clone)]
pub struct ClipSampler {
    seed: u64,
    /// Windows of all clips up to and including this one, with the clip's index; clips without windows are left out.
    cumulative: Vec<(u64, usize)>,
}

impl ClipSampler {
    /// A sampler of windows of `clip_frames` frames.
    ///
    /// # Errors
    /// No clip is that long, or a window of no frames.
    pub fn new(dataset: &Dataset, clip_frames: usize, seed: u64) -> Result<Self, DatasetError> {
        let lengths = dataset.clip_lengths().into_iter();
        Self::of_lengths(lengths, clip_frames, seed).ok_or_else(|| {
            DatasetError::Request(format!(
                "no clip in {} has the {clip_frames} frames of a training window",
                dataset.folder().display()
            ))
        })
    }

    fn of_lengths(
        lengths: impl Iterator<Item = usize>,
        clip_frames: usize,
        seed: u64,
    ) -> Option<Self> {
        if clip_frames == 0 {
            return None;
        }
        let mut total = 0_u64;
        let mut cumulative = Vec::new();
        for (clip, length) in lengths.enumerate() {
            if length >= clip_frames {
                total += (length - clip_frames + 1) as u64;
                cumulative.push((total, clip));
            }
        }
        (total > 0).then_some(Self { seed, cumulative })
    }

    /// Number of different windows.
    pub fn window_count(&self) -> u64 {
        self.cumulative.last().map_or(0, |&(total, _)| total)
    }

    /// The windows of one training step.
    pub fn batch(&self, step: u64, batch_size: usize) -> Vec<ClipWindow> {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&step.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        let total = self.window_count();
        (0..batch_size)
            .map(|_| self.window(random.random_range(0..total)))
            .collect()
    }

    /// The window of that number, counted through all clips.
    fn window(&self, number: u64) -> ClipWindow {
        let at = self.cumulative.partition_point(|&(end, _)| end <= number);
        let begin = if at == 0 {
            0
        } else {
            self.cumulative[at - 1].0
        };
        ClipWindow {
            clip: self.cumulative[at].1,
            start: (number - begin) as usize,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn windows_stay_inside_their_clip(
            lengths in proptest::collection::vec(1_usize..40, 1..12),
            frames in 1_usize..20,
            seed in any::<u64>(),
            step in any::<u64>(),
        ) {
            match ClipSampler::of_lengths(lengths.iter().copied(), frames, seed) {
                None => prop_assert!(lengths.iter().all(|&length| length < frames)),
                Some(sampler) => {
                    let batch = sampler.batch(step, 32);
                    prop_assert_eq!(batch.len(), 32);
                    prop_assert_eq!(&batch, &sampler.clone().batch(step, 32));
                    for window in batch {
                        prop_assert!(window.start + frames <= lengths[window.clip]);
                    }
                }
            }
        }
    }

    #[test]
    fn clips_without_a_window_are_counted_and_said() {
        let short = ShortClips::of_lengths(&[5, 60, 6, 5, 24], 6);
        assert_eq!((short.clips, short.frames, short.share()), (2, 10, 0.1));
        assert_eq!(
            short.to_string(),
            "2 of 5 clips (10 of 100 frames, 10 %) are shorter than 6 frames"
        );
        assert_eq!(ShortClips::of_lengths(&[6, 7], 6).clips, 0);
        assert!(ShortClips::of_lengths(&[], 6).share().abs() < 1e-9);
    }

    #[test]
    fn steps_and_seeds_differ() {
        let sampler = |seed| ClipSampler::of_lengths([500, 500].into_iter(), 8, seed).unwrap();
        assert_ne!(sampler(1).batch(0, 16), sampler(1).batch(1, 16));
        assert_ne!(sampler(1).batch(0, 16), sampler(2).batch(0, 16));
        // A resumed run that begins at step 7 sees the same batch.
        let _ = sampler(1).batch(6, 16);
        assert_eq!(sampler(1).batch(7, 16), sampler(1).batch(7, 16));
    }

    #[test]
    fn every_window_is_equally_likely() {
        // Clip 0 has 3 windows, clip 1 none, clip 2 one.
        let sampler = ClipSampler::of_lengths([10, 7, 8].into_iter(), 8, 5).unwrap();
        assert_eq!(sampler.window_count(), 4);
        let mut counts: HashMap<ClipWindow, u32> = HashMap::new();
        for step in 0..500 {
            for window in sampler.batch(step, 16) {
                *counts.entry(window).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), 4);
        // 2000 expected each, standard deviation 39.
        assert!(
            counts.values().all(|count| (1800..2200).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn impossible_windows_are_refused() {
        assert!(ClipSampler::of_lengths([3, 4].into_iter(), 5, 0).is_none());
        assert!(ClipSampler::of_lengths([3, 4].into_iter(), 0, 0).is_none());
        assert!(ClipSampler::of_lengths([].into_iter(), 1, 0).is_none());
    }
}
