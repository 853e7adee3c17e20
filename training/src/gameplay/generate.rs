//! Playing many worlds in parallel and writing the footage as a dataset.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use thiserror::Error;

use super::hash::mix;
use super::rules::GameplayRules;
use super::{FRAME_BYTES, FRAME_SIZE, FRAMES_PER_SECOND, GameplayWorld, Player, TrueAction};
use crate::dataset::{Dataset, DatasetError, DatasetWriter, FrameFormat};
use crate::pictures::{PictureError, RgbFrame, write_gif, write_png};

/// How clips are written as ordinary video beside the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoKind {
    /// A folder of PNG files per clip.
    Png,
    /// An animated GIF per clip.
    Gif,
}

/// Choices for [`generate_dataset`].
#[derive(Debug, Clone, Copy, Default)]
pub struct GameplayOptions {
    /// How the hero moves and the camera follows.
    pub rules: GameplayRules,
    /// Also write every clip as video, in the folder `video` of the dataset.
    pub video: Option<VideoKind>,
}

impl GameplayOptions {
    /// The aligned game without video.
    pub const ALIGNED: Self = Self {
        rules: GameplayRules::ALIGNED,
        video: None,
    };
}

/// What [`generate_dataset`] wrote.
#[derive(Debug)]
pub struct GameplaySummary {
    /// The finished dataset.
    pub dataset: Dataset,
    /// How often each true action was played, by [`TrueAction::index`].
    pub action_counts: [u64; TrueAction::COUNT],
}

/// Why footage could not be generated.
#[derive(Debug, Error)]
pub enum GameplayError {
    /// A count is out of its range.
    #[error("{what} must be from {least} to {most}, not {found}")]
    Count {
        /// Which count.
        what: &'static str,
        /// Smallest value allowed.
        least: usize,
        /// Largest value allowed.
        most: usize,
        /// Value given.
        found: usize,
    },
    /// The shards could not be written.
    #[error("cannot write the dataset")]
    Dataset(#[from] DatasetError),
    /// The video could not be written.
    #[error("cannot write the video of a clip")]
    Picture(#[from] PictureError),
}

/// Longest clip in frames (about a quarter of an hour of play): clips are built in memory.
const MOST_FRAMES: usize = 10_000;
/// Longest warm-up in frames before the recording starts, so that clips do not all begin at rest.
const MOST_WARM_UP: u32 = 40;
/// Bytes of finished frames held while they wait to be written.
const BATCH_BYTES: usize = 64 << 20;

/// Plays clip `clip` of a dataset: its frames ([T, 64, 64, 3] as bytes) and the T - 1 indices of the true actions between.
///
/// A pure function of its arguments.
pub fn generate_clip(
    rules: GameplayRules,
    seed: u64,
    clip: u64,
    frames: usize,
) -> (Vec<u8>, Vec<u8>) {
    let clip_seed = mix(seed, clip);
    let mut world = GameplayWorld::with_rules(clip_seed, rules);
    let mut player = Player::new(mix(clip_seed, 1));
    let warm_up = ChaCha8Rng::seed_from_u64(mix(clip_seed, 2)).random_range(0..=MOST_WARM_UP);
    for _ in 0..warm_up {
        let action = player.choose(&world);
        world.step(action);
    }
    let mut pixels = vec![0; frames * FRAME_BYTES];
    let mut actions = Vec::with_capacity(frames.saturating_sub(1));
    for (index, frame) in pixels.chunks_exact_mut(FRAME_BYTES).enumerate() {
        if index > 0 {
            let action = player.choose(&world);
            world.step(action);
            actions.push(action.index() as u8);
        }
        world.render(frame);
    }
    (pixels, actions)
}

/// Writes `clips` clips of `frames` frames each into the folder `out`, with their true actions in a file of their own.
///
/// The result depends on the seed and the counts alone, not on the number of threads. `progress` is called with the number of frames
/// finished since its last call.
///
/// # Errors
/// Counts out of range, a folder that already holds a dataset, or a failing disk.
pub fn generate_dataset(
    out: &Path,
    clips: usize,
    frames: usize,
    seed: u64,
    options: GameplayOptions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<GameplaySummary, GameplayError> {
    check("the number of clips", clips, 1, 10_000_000)?;
    check("the number of frames in a clip", frames, 1, MOST_FRAMES)?;
    let mut writer = DatasetWriter::create(
        out,
        FrameFormat {
            height: FRAME_SIZE,
            width: FRAME_SIZE,
            frames_per_second: f64::from(FRAMES_PER_SECOND),
        },
    )?
    .with_game(options.rules.game());
    let mut action_counts = [0; TrueAction::COUNT];
    let batch = (BATCH_BYTES / (frames * FRAME_BYTES)).clamp(1, 256);
    for first in (0..clips).step_by(batch) {
        let played = (first..clips.min(first + batch))
            .into_par_iter()
            .map(|clip| {
                let (pixels, actions) = generate_clip(options.rules, seed, clip as u64, frames);
                if let Some(kind) = options.video {
                    write_video(&out.join("video"), clip, &pixels, kind)?;
                }
                progress(frames as u64);
                Ok((pixels, actions))
            })
            .collect::<Result<Vec<_>, GameplayError>>()?;
        for (pixels, actions) in played {
            for &action in &actions {
                action_counts[usize::from(action)] += 1;
            }
            writer.push_clip(&pixels, Some(&actions))?;
        }
    }
    Ok(GameplaySummary {
        dataset: writer.finish()?,
        action_counts,
    })
}

fn check(what: &'static str, found: usize, least: usize, most: usize) -> Result<(), GameplayError> {
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(GameplayError::Count {
            what,
            least,
            most,
            found,
        })
    }
}

fn write_video(
    folder: &Path,
    clip: usize,
    pixels: &[u8],
    kind: VideoKind,
) -> Result<(), PictureError> {
    let frames = pixels
        .chunks_exact(FRAME_BYTES)
        .map(|frame| RgbFrame::new(FRAME_SIZE, FRAME_SIZE, frame))
        .collect::<Result<Vec<_>, _>>()?;
    match kind {
        VideoKind::Gif => {
            let path = folder.join(format!("clip-{clip:05}.gif"));
            write_gif(&path, &frames, f64::from(FRAMES_PER_SECOND), 1)
        }
        VideoKind::Png => {
            let folder = folder.join(format!("clip-{clip:05}"));
            for (index, frame) in frames.into_iter().enumerate() {
                write_png(&folder.join(format!("frame-{index:05}.png")), frame, 1)?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::TrueActions;
    use std::fs;

    fn bytes_with_threads(threads: usize, seed: u64) -> Vec<(String, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let out = folder.path().join("data");
        pool.install(|| {
            generate_dataset(&out, 7, 20, seed, GameplayOptions::default(), &|_| ()).unwrap()
        });
        let mut files: Vec<_> = fs::read_dir(&out)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
        let one = bytes_with_threads(1, 9);
        assert_eq!(one, bytes_with_threads(4, 9));
        assert_ne!(one, bytes_with_threads(1, 10));
    }

    #[test]
    fn the_true_actions_lead_from_frame_to_frame() {
        let folder = tempfile::tempdir().unwrap();
        let summary =
            generate_dataset(folder.path(), 3, 30, 1, GameplayOptions::default(), &|_| ()).unwrap();
        let actions = TrueActions::open(folder.path()).unwrap();
        assert_eq!(actions.clip_count(), 3);
        assert_eq!(summary.action_counts.iter().sum::<u64>(), 3 * 29);
        let mut read = Vec::new();
        for clip in 0..3 {
            summary.dataset.read_frames(clip, 0, 30, &mut read).unwrap();
            let (pixels, played) = generate_clip(GameplayRules::default(), 1, clip as u64, 30);
            assert_eq!(read, pixels);
            assert_eq!(actions.clip(clip), Some(played.as_slice()));
        }
    }

    #[test]
    fn counts_out_of_range_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (clips, frames) in [(0, 5), (5, 0), (1, MOST_FRAMES + 1)] {
            let result = generate_dataset(
                folder.path(),
                clips,
                frames,
                0,
                GameplayOptions::default(),
                &|_| (),
            );
            assert!(matches!(result, Err(GameplayError::Count { .. })));
        }
    }
}
