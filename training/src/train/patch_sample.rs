//! A sample of the distinct patches of some footage.

use std::collections::{BinaryHeap, HashMap};

use candle_core::{Device, Tensor};
use genie_model::{Fnv1a, GenieConfig, patch_grid};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::dataset::{Dataset, DatasetError};

/// The distinct patches of a sample of the data.
#[derive(Clone, Debug)]
pub struct PatchStatistics {
    /// Patches `[M, P]`, values between -0.5 and 0.5.
    pub patches: Tensor,
    /// Weight of each of the `M` patches: the square root of its count, so that rare ones (a hero among much sky) count
    /// too.
    pub weights: Vec<f32>,
}

/// Collects the distinct patches of `frames` frames spread over the data. If there are more than `most`, a random choice of them
/// stands for all, from all of the frames alike.
///
/// # Errors
/// [`DatasetError`] if the data cannot be read.
pub fn patch_statistics(
    dataset: &Dataset,
    config: &GenieConfig,
    frames: usize,
    most: usize,
    seed: u64,
) -> Result<PatchStatistics, DatasetError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = PatchSample::new(most, seed);
    let mut buffer = Vec::new();
    for _ in 0..frames {
        let clip = rng.random_range(0..dataset.clip_count());
        let at = rng.random_range(0..dataset.clip_len(clip));
        dataset.read_frames(clip, at, 1, &mut buffer)?;
        sample.add_frame(&buffer, config);
    }
    Ok(sample.statistics())
}

/// Distinct patches, at most some number of them: those whose hashes are smallest, so that every distinct patch has the same
/// chance, however many there are and whenever it comes.
pub(super) struct PatchSample {
    most: usize,
    seed: u64,
    seen: HashMap<Vec<u8>, Seen>,
    /// The patches in `seen` by their hashes, the largest on top.
    order: BinaryHeap<(u64, Vec<u8>)>,
    frames: usize,
}

/// How often a patch is in the sample, and since which frame.
struct Seen {
    count: u32,
    since: usize,
}

impl PatchSample {
    pub(super) fn new(most: usize, seed: u64) -> Self {
        Self {
            most,
            seed,
            seen: HashMap::new(),
            order: BinaryHeap::new(),
            frames: 0,
        }
    }

    /// Adds the patches of a frame of RGB bytes.
    pub(super) fn add_frame(&mut self, frame: &[u8], config: &GenieConfig) {
        let (height, width) = (config.frame_height, config.frame_width);
        let patch = config.tokenizer.patch;
        let (rows, columns) = patch_grid(height, width, patch);
        let mut bytes = Vec::with_capacity(patch * patch * 3);
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
            bytes.clear();
            for y in row * patch..(row + 1) * patch {
                for x in column * patch..(column + 1) * patch {
                    // Beyond the edge the last row and column are repeated.
                    let pixel = (y.min(height - 1) * width + x.min(width - 1)) * 3;
                    bytes.extend_from_slice(&frame[pixel..pixel + 3]);
                }
            }
            self.add(&bytes);
        }
        self.frames += 1;
    }

    fn add(&mut self, bytes: &[u8]) {
        if let Some(seen) = self.seen.get_mut(bytes) {
            seen.count += 1;
            return;
        }
        let hash = self.hash(bytes);
        if self.seen.len() >= self.most {
            // What is left out once stays out, for the largest hash in the sample only ever falls: counts are exact.
            if self
                .order
                .peek()
                .is_none_or(|(largest, _)| hash >= *largest)
            {
                return;
            }
            if let Some((_, dropped)) = self.order.pop() {
                self.seen.remove(&dropped);
            }
        }
        let since = self.frames;
        self.order.push((hash, bytes.to_vec()));
        self.seen.insert(bytes.to_vec(), Seen { count: 1, since });
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hash = Fnv1a::new();
        hash.write(self.seed);
        for &byte in bytes {
            hash.write(byte);
        }
        // The upper half decides, and is less well mixed than the lower one.
        hash.finish().rotate_left(32)
    }

    pub(super) fn statistics(self) -> PatchStatistics {
        let mut patches: Vec<_> = self.seen.into_iter().collect();
        patches.sort_by(|(a, first), (b, second)| first.since.cmp(&second.since).then(a.cmp(b)));
        let weights = patches.iter().map(|(_, seen)| (seen.count as f32).sqrt());
        let values = patches.iter().flat_map(|(bytes, _)| bytes);
        let values: Vec<f32> = values.map(|&v| f32::from(v) / 255.0 - 0.5).collect();
        let length = patches.first().map_or(1, |(bytes, _)| bytes.len());
        let tensor = Tensor::from_vec(values, (patches.len(), length), &Device::Cpu)
            .expect("every patch has the same length");
        PatchStatistics {
            patches: tensor,
            weights: weights.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(height: usize, width: usize) -> GenieConfig {
        let mut config = GenieConfig::tiny();
        (config.frame_height, config.frame_width) = (height, width);
        config
    }

    #[test]
    fn equal_patches_are_counted() {
        let mut sample = PatchSample::new(10, 1);
        // Two patches of 8x8 beside each other: black ones, and white ones in every second frame.
        for frame in 0..8u8 {
            let right = if frame % 2 == 0 { 0 } else { 255 };
            let row = [[0; 24], [right; 24]].concat();
            sample.add_frame(&row.repeat(8), &config(8, 16));
        }
        let found = sample.statistics();
        assert_eq!(found.patches.dims(), [2, 192]);
        assert_eq!(found.weights, [12f32.sqrt(), 4f32.sqrt()]);
    }

    #[test]
    fn late_frames_are_in_the_sample_as_often_as_early_ones() {
        let mut sample = PatchSample::new(300, 2);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for half in [0u8, 128] {
            for _ in 0..1000 {
                let noise: Vec<u8> = (0..192).map(|_| half + rng.random_range(0..128)).collect();
                sample.add_frame(&noise, &config(8, 8));
            }
        }
        let found = sample.statistics();
        assert_eq!(found.patches.dims(), [300, 192]);
        let first = found.patches.narrow(1, 0, 1).unwrap();
        let late = first.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let late = late.iter().filter(|&&v| v > 0.0).count();
        assert!((100..200).contains(&late), "{late} of 300");
    }

    #[test]
    fn frames_that_patches_do_not_divide_are_padded() {
        let mut sample = PatchSample::new(10, 1);
        let frame: Vec<u8> = (0..10 * 9).flat_map(|i| [i as u8; 3]).collect();
        sample.add_frame(&frame, &config(9, 10));
        assert_eq!(sample.statistics().patches.dims(), [4, 192]);
    }
}
