//! The tokens of all footage, which the frozen tokenizer makes once and a folder keeps, a file for each shard.
//!
//! A dynamics training sees every frame many times, and a world's token adjacency needs all of them: without this a run that is resumed
//! would make all tokens again. What is read is what a step needs; nothing is held in memory.

mod file;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use genie_model::{Fnv1a, GenieConfig, VideoTokenizer, frames_to_patches, ops};

use self::file::{Described, TokenFile, WriteError, check};
use super::error::TrainError;
use super::phase_config::PhaseConfig;
use super::ranks::Ranks;
use crate::dataset::{ClipWindow, Dataset};

/// Frames whose tokens are made in one go.
pub(super) const FRAMES_AT_ONCE: usize = 64;
/// The most frames whose tokens are counted for the adjacency of tokens; of more footage every n-th part is.
pub(super) const MOST_COUNTED_FRAMES: u64 = 250_000;
/// Frames, and about the seconds, in which it is measured how long tokens take.
const TIMED_FRAMES: usize = 512;
const TIMED_SECONDS: f64 = 1.0;
/// Pause between two messages on how far it is.
const MESSAGE_EVERY: Duration = Duration::from_secs(20);

/// Makes the tokens of frames of clips.
pub(super) struct Tokenising<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) model: &'a GenieConfig,
    pub(super) tokenizer: &'a VideoTokenizer,
    /// All weights of the tokenizer, by name.
    pub(super) weights: &'a HashMap<String, Tensor>,
    pub(super) device: &'a Device,
}

impl Tokenising<'_> {
    /// Hands the codes of all frames of a clip to `take`, some frames at a time.
    pub(super) fn clip<E: From<TrainError>>(
        &self,
        clip: usize,
        mut take: impl FnMut(&[u32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut bytes = Vec::new();
        let length = self.dataset.clip_len(clip);
        for start in (0..length).step_by(FRAMES_AT_ONCE) {
            let count = FRAMES_AT_ONCE.min(length - start);
            take(&self.frames((clip, start, count), &mut bytes)?)?;
        }
        Ok(())
    }

    /// The codes of some frames of a clip, which are read into `bytes`.
    pub(super) fn frames(
        &self,
        (clip, start, count): (usize, usize, usize),
        bytes: &mut Vec<u8>,
    ) -> Result<Vec<u32>, TrainError> {
        self.dataset.read_frames(clip, start, count, bytes)?;
        let c = self.model;
        let (height, width, patch) = (c.frame_height, c.frame_width, c.tokenizer.patch);
        let patches = frames_to_patches(bytes, height, width, patch, self.device)?;
        exact_tokens(self.tokenizer, &patches.unsqueeze(0)?)
    }

    /// Seconds that the tokens of a frame take, measured on the first clip.
    pub(super) fn seconds_per_frame(&self) -> Result<f64, TrainError> {
        let count = FRAMES_AT_ONCE.min(self.dataset.clip_len(0));
        let mut bytes = Vec::new();
        // The first ones set up buffers.
        self.frames((0, 0, count), &mut bytes)?;
        let begun = Instant::now();
        let mut frames = 0;
        while frames < TIMED_FRAMES && begun.elapsed().as_secs_f64() < TIMED_SECONDS {
            self.frames((0, 0, count), &mut bytes)?;
            frames += count.max(1);
        }
        Ok(begun.elapsed().as_secs_f64() / frames.max(1) as f64)
    }

    /// A number that is another one for another tokenizer, as far as tokens depend on it.
    fn fingerprint(&self) -> Result<u64, TrainError> {
        let c = self.model;
        let mut hash = Fnv1a::new();
        let size = [c.frame_height, c.frame_width, FRAMES_AT_ONCE];
        for number in size {
            hash.write(number as u64);
        }
        // A debug form names every field.
        let settings = format!("{:?}", c.tokenizer);
        settings.bytes().for_each(|byte| hash.write(byte));
        let mut weights: Vec<_> = self.weights.iter().collect();
        weights.retain(|(name, _)| {
            name.starts_with("tokenizer.encoder.") || name.starts_with("tokenizer.quantizer.")
        });
        weights.sort_by_key(|(name, _)| *name);
        for (name, weight) in weights {
            name.bytes().for_each(|byte| hash.write(byte));
            let values = weight.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            let values = values.flatten_all()?.to_vec1::<f32>()?;
            for value in values {
                hash.write(value.to_bits());
            }
        }
        Ok(hash.finish())
    }
}

/// Tokens of all footage on disk.
#[derive(Debug)]
pub(super) struct TokenCache {
    /// One for each shard of the dataset.
    files: Vec<TokenFile>,
    /// Codes of a frame.
    codes: usize,
}

impl TokenCache {
    /// The cache in a folder; what is missing, damaged or foreign is made anew. Each of the `ranks` makes a part of it. `None` if it
    /// cannot be written, which is said in the log.
    ///
    /// # Errors
    /// Footage that cannot be read, or a failing tokenizer.
    pub(super) fn open(
        folder: &Path,
        tokenising: &Tokenising,
        ranks: &dyn Ranks,
    ) -> Result<Option<Self>, TrainError> {
        let dataset = tokenising.dataset;
        let tokenizer = tokenising.fingerprint()?;
        let codes = tokenising.model.codes_per_frame();
        let mut files = Vec::with_capacity(dataset.shard_count());
        let mut failed = None;
        if let Err(error) = std::fs::create_dir_all(folder) {
            failed = Some((folder.to_owned(), error));
        }
        let mut told = Instant::now();
        for shard in 0..dataset.shard_count() {
            let path = folder.join(format!("shard-{shard:05}.tokens"));
            let described = Described {
                fingerprint: Fnv1a::of([tokenizer, dataset.shard_fingerprint(shard)?]),
                frames: dataset.shard_frames(shard),
                codes: codes as u32,
            };
            let own = shard % ranks.count() == ranks.rank();
            if own
                && failed.is_none()
                && let Err(error) = ensure(&path, described, shard, tokenising, &mut told)?
            {
                failed = Some((path.clone(), error));
            }
            files.push(TokenFile::new(path, described));
        }
        if let Some((path, error)) = &failed {
            tracing::warn!(
                "{}: {error}: tokens are not kept, and are made again where they are needed",
                path.display()
            );
        }
        // Others wait here for those whose part takes longer.
        let complete = !ranks.any(failed.is_some());
        Ok(complete.then_some(Self { files, codes }))
    }

    /// The codes `[T, N Q]` of `count` frames of a clip from `start` on, appended to `out`.
    pub(super) fn read(
        &self,
        dataset: &Dataset,
        (clip, start, count): (usize, usize, usize),
        out: &mut Vec<u32>,
    ) -> Result<(), TrainError> {
        let (shard, first) = dataset.place_of(clip);
        self.files[shard].read(first + start as u64, count, out)
    }

    /// The codes of windows of `frames` frames, one window after the other.
    pub(super) fn windows(
        &self,
        dataset: &Dataset,
        windows: &[ClipWindow],
        frames: usize,
    ) -> Result<Vec<u32>, TrainError> {
        let mut codes = Vec::with_capacity(windows.len() * frames * self.codes);
        for window in windows {
            self.read(dataset, (window.clip, window.start, frames), &mut codes)?;
        }
        Ok(codes)
    }
}

/// The codes of patches `[B, T, N, P]` as play makes them: in `f32`, whatever a training computes in.
pub(super) fn exact_tokens(
    tokenizer: &VideoTokenizer,
    patches: &Tensor,
) -> Result<Vec<u32>, TrainError> {
    let tokens = ops::with_activations(DType::F32, || tokenizer.tokenize(patches))?;
    Ok(tokens.flatten_all()?.to_vec1()?)
}

/// Whether a training keeps the tokens of all footage: if steps can read them, and do not look at fewer frames than there are, unless
/// something else needs all of them.
pub(super) fn keeps_tokens(model: &GenieConfig, phase: &PhaseConfig, frames: u64) -> bool {
    let seen = phase
        .steps
        .saturating_mul((phase.batch * phase.clip_frames) as u64);
    (counts_all_frames(model, frames) || seen >= frames) && tokens_are_the_frames_own(model)
}

/// Whether the adjacency of tokens is that of all frames of the footage.
pub(super) fn counts_all_frames(model: &GenieConfig, frames: u64) -> bool {
    model.tokenizer.quantizer.stages() == 1 && frames <= MOST_COUNTED_FRAMES
}

/// Whether the tokens that the encoder gives a frame are the same in every window: if it looks at no frame but that one.
pub(super) fn tokens_are_the_frames_own(model: &GenieConfig) -> bool {
    let encoder = &model.tokenizer.encoder;
    encoder.layers == 0 || encoder.window <= 1
}

/// Makes the file of a shard if it cannot be used. The inner error is one of the disk.
fn ensure(
    path: &Path,
    described: Described,
    shard: usize,
    tokenising: &Tokenising,
    told: &mut Instant,
) -> Result<Result<(), std::io::Error>, TrainError> {
    match check(path, described) {
        Ok(()) => return Ok(Ok(())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => tracing::warn!("{}: {error}: made anew", path.display()),
    }
    let dataset = tokenising.dataset;
    let clips = (0..dataset.clip_count()).filter(|&clip| dataset.place_of(clip).0 == shard);
    let written = TokenFile::write(path, described, |put| {
        let mut done = 0;
        for clip in clips {
            tokenising.clip(clip, |codes| Ok::<_, WriteError>(put(codes)?))?;
            done += dataset.clip_len(clip);
            if told.elapsed() > MESSAGE_EVERY {
                *told = Instant::now();
                tracing::info!(
                    "tokens of {done} of {} frames of shard {shard}",
                    described.frames
                );
            }
        }
        Ok(())
    });
    match written {
        Ok(()) => Ok(Ok(())),
        Err(WriteError::Disk(error)) => Ok(Err(error)),
        Err(WriteError::Tokens(error)) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use candle_nn::VarBuilder;
    use genie_model::QuantizerConfig;

    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};
    use crate::gameplay::{GameplayRules, generate_clip};
    use crate::train::ranks::Alone;
    use crate::train::variables::Variables;

    /// Clips of 70, 9 and 20 frames in two shards.
    fn footage(folder: &Path) -> Dataset {
        let format = FrameFormat {
            height: 64,
            width: 64,
            frames_per_second: 10.0,
        };
        let writer = DatasetWriter::create(folder, format).unwrap();
        let mut writer = writer.with_shard_bytes(40 * format.frame_bytes() as u64);
        for (clip, frames) in [(0, 70), (1, 9), (2, 20)] {
            writer
                .push_clip(
                    &generate_clip(GameplayRules::ALIGNED, 3, clip, frames).0,
                    None,
                )
                .unwrap();
        }
        writer.finish().unwrap()
    }

    struct Frozen {
        model: GenieConfig,
        weights: HashMap<String, Tensor>,
        tokenizer: VideoTokenizer,
    }

    impl Frozen {
        fn new(seed: u64, stages: usize) -> Self {
            let mut model = GenieConfig::tiny();
            let (codes, dim) = (64, 16);
            model.tokenizer.quantizer = QuantizerConfig::Vq { codes, dim, stages };
            assert!(!tokens_are_the_frames_own(&model));
            model.tokenizer.encoder.window = 1;
            let variables = Variables::new(seed, &Device::Cpu);
            VideoTokenizer::new(&model, variables.builder().pp("tokenizer")).unwrap();
            let weights = variables.snapshot().unwrap();
            let vb = VarBuilder::from_tensors(weights.clone(), DType::F32, &Device::Cpu);
            let tokenizer = VideoTokenizer::new(&model, vb.pp("tokenizer")).unwrap();
            Self {
                model,
                weights,
                tokenizer,
            }
        }

        fn on<'a>(&'a self, dataset: &'a Dataset) -> Tokenising<'a> {
            Tokenising {
                dataset,
                model: &self.model,
                tokenizer: &self.tokenizer,
                weights: &self.weights,
                device: &Device::Cpu,
            }
        }
    }

    fn windows() -> Vec<ClipWindow> {
        let at = [(0, 0), (2, 3), (0, 63), (1, 2), (2, 13), (0, 31)];
        at.map(|(clip, start)| ClipWindow { clip, start }).into()
    }

    /// The codes of the windows without a cache.
    fn made(tokenizer: &Frozen, dataset: &Dataset) -> Vec<u32> {
        let tokenising = tokenizer.on(dataset);
        let codes = windows().into_iter().flat_map(|window| {
            let frames = (window.clip, window.start, 7);
            tokenising.frames(frames, &mut Vec::new()).unwrap()
        });
        codes.collect()
    }

    fn kept(tokenizer: &Frozen, dataset: &Dataset, folder: &Path) -> Vec<u32> {
        let cache = TokenCache::open(folder, &tokenizer.on(dataset), &Alone).unwrap();
        cache.unwrap().windows(dataset, &windows(), 7).unwrap()
    }

    fn files(folder: &Path) -> Vec<(Vec<u8>, SystemTime)> {
        let mut paths: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let file = |path| {
            let time = fs::metadata(&path).and_then(|it| it.modified());
            (fs::read(&path).unwrap(), time.unwrap())
        };
        paths.into_iter().map(file).collect()
    }

    #[test]
    fn kept_tokens_are_those_that_the_tokenizer_makes() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = footage(&folder.path().join("data"));
        assert!(dataset.shard_count() > 1);
        for stages in [1, 3] {
            let tokenizer = Frozen::new(1, stages);
            assert!(tokens_are_the_frames_own(&tokenizer.model));
            let tokens = folder.path().join(stages.to_string());
            let (kept, made) = (
                kept(&tokenizer, &dataset, &tokens),
                made(&tokenizer, &dataset),
            );
            assert_eq!(kept.len(), made.len());
            let others = kept.iter().zip(&made).filter(|(a, b)| a != b).count();
            assert_eq!(others, 0, "{stages} of {}", kept.len());
        }
    }

    #[test]
    fn whole_files_are_used_again_and_damaged_or_foreign_ones_are_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = footage(&folder.path().join("data"));
        let tokens = folder.path().join("tokens");
        let (one, other) = (Frozen::new(1, 1), Frozen::new(2, 1));
        let of_one = kept(&one, &dataset, &tokens);
        let first = files(&tokens);
        assert_eq!(first.len(), dataset.shard_count());
        assert_eq!(kept(&one, &dataset, &tokens), of_one);
        // Nothing was written.
        assert_eq!(files(&tokens), first);

        let path = tokens.join("shard-00000.tokens");
        let whole = first[0].0.clone();
        let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = whole.clone();
            change(&mut bytes);
            fs::write(&path, &bytes).unwrap();
            assert_eq!(kept(&one, &dataset, &tokens), of_one);
            assert_eq!(fs::read(&path).unwrap(), whole);
        };
        for at in [0, 9, 13, 20, 30, 40, whole.len() / 2, whole.len() - 1] {
            damaged(&|bytes| bytes[at] ^= 4);
        }
        for length in [0, 5, 33, whole.len() - 4, whole.len() - 1] {
            damaged(&|bytes| bytes.truncate(length));
        }
        damaged(&|bytes| bytes.extend([0; 7]));
        // Another shard's.
        damaged(&|bytes| bytes.clone_from(&first[1].0));

        // Another tokenizer's, and then again the first one's.
        assert_eq!(kept(&other, &dataset, &tokens), made(&other, &dataset));
        assert_ne!(kept(&other, &dataset, &tokens), of_one);
        assert_eq!(kept(&one, &dataset, &tokens), of_one);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = footage(&folder.path().join("data"));
        let tokens = folder.path().join("tokens");
        fs::write(&tokens, "a file").unwrap();
        let tokenizer = Frozen::new(1, 1);
        let opened = TokenCache::open(&tokens, &tokenizer.on(&dataset), &Alone).unwrap();
        assert!(opened.is_none());
    }
}
