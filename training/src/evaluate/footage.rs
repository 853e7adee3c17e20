//! The real frames that a world is compared with.

use genie_model::{Frame, GenieConfig, WorldModel};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ActionInference, EvaluateError, PlayerPlaces};
use crate::dataset::Dataset;
use crate::gameplay::GameplayRules;

/// Frames of one segment, where the clips are as long: enough for the latent action model's context and for several
/// thousand transitions in all.
const SEGMENT_FRAMES: usize = 64;
/// Frames that a clip must have: two prompt frames and the four that follow.
pub(crate) const LEAST_FRAMES: usize = 6;
/// Most segments at once: all of them are held in memory.
pub(crate) const MOST_SEGMENTS: usize = 4096;

/// A world and its latent action model.
#[derive(Clone, Debug)]
pub struct WorldParts<'a> {
    /// The world.
    pub world: &'a WorldModel,
    /// What infers actions from frames.
    pub actions: ActionInference<'a>,
}

impl<'a> WorldParts<'a> {
    /// The parts of a world.
    ///
    /// # Errors
    /// [`EvaluateError::NoActionEncoder`] if the checkpoint was made for play alone.
    pub fn new(world: &'a WorldModel) -> Result<Self, EvaluateError> {
        Ok(Self {
            world,
            actions: ActionInference::of(world)?,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &'a GenieConfig {
        self.world.config()
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        self.config().frame_height * self.config().frame_width * 3
    }

    /// The frame made of these bytes.
    ///
    /// # Errors
    /// [`EvaluateError::Model`] if they are too few or too many.
    pub fn frame(&self, bytes: &[u8]) -> Result<Frame, EvaluateError> {
        let config = self.config();
        Ok(Frame::from_rgb(
            config.frame_width,
            config.frame_height,
            bytes.to_vec(),
        )?)
    }

    /// The latent action of every transition of some clips of real frames.
    ///
    /// # Errors
    /// Bytes that are not two whole frames at least.
    pub fn infer(&self, clips: &[&[u8]]) -> Result<Vec<Vec<usize>>, EvaluateError> {
        let config = self.config();
        let frame_size = (config.frame_height, config.frame_width);
        self.actions.infer_with(self.world, clips, frame_size)
    }

    /// The latent action of every transition of some clips by the frames alone, without what the dynamics tell: faster, and of what the
    /// world dreamt the only judgement that is not its own.
    ///
    /// # Errors
    /// Bytes that are not two whole frames at least.
    pub fn infer_by_sight(&self, clips: &[&[u8]]) -> Result<Vec<Vec<usize>>, EvaluateError> {
        let config = self.config();
        let frame_size = (config.frame_height, config.frame_width);
        self.actions.infer(clips, frame_size)
    }

    /// Where the player is in every frame of some clips but their last one; `None` if nothing is known of a player.
    ///
    /// # Errors
    /// Bytes that are not two whole frames at least.
    pub fn player_places(
        &self,
        clips: &[&[u8]],
    ) -> Result<Option<Vec<PlayerPlaces>>, EvaluateError> {
        let config = self.config();
        let frame_size = (config.frame_height, config.frame_width);
        self.actions.player_places(clips, frame_size)
    }

    /// Frames before a transition that help to infer its action.
    pub fn frames_before(&self) -> usize {
        self.actions.frames_before(self.world)
    }
}

/// One segment of successive real frames.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The clip it is from.
    pub clip: usize,
    /// Its first frame in that clip.
    pub start: usize,
    /// `[T, H, W, 3]` as bytes.
    pub bytes: Vec<u8>,
}

/// Segments of real frames, drawn evenly from the clips of a dataset.
#[derive(Clone, Debug)]
pub struct Footage {
    /// The segments; every clip gives one before any gives two.
    pub segments: Vec<Segment>,
    /// The rules of the built-in game, whose hero and buttons are known, where the dataset says that it shows that.
    pub built_in: Option<GameplayRules>,
}

impl Footage {
    /// Chooses `count` segments.
    ///
    /// # Errors
    /// Frames of another size than the world's, clips that are all too short, or a failing disk.
    pub fn choose(
        parts: &WorldParts,
        dataset: &Dataset,
        count: usize,
        seed: u64,
    ) -> Result<Self, EvaluateError> {
        if !(1..=MOST_SEGMENTS).contains(&count) {
            return Err(EvaluateError::Count {
                what: "clips",
                most: MOST_SEGMENTS,
                found: count,
            });
        }
        check_size(parts, dataset)?;
        let mut clips: Vec<usize> = (0..dataset.clip_count())
            .filter(|&clip| dataset.clip_len(clip) >= LEAST_FRAMES)
            .collect();
        if clips.is_empty() {
            return Err(EvaluateError::TooShort {
                dataset: dataset.folder().to_path_buf(),
                needed: LEAST_FRAMES,
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        clips.shuffle(&mut rng);
        let segments = clips
            .iter()
            .cycle()
            .take(count)
            .map(|&clip| {
                let length = dataset.clip_len(clip);
                let frames = length.min(SEGMENT_FRAMES);
                let start = rng.random_range(0..=length - frames);
                let mut bytes = Vec::new();
                dataset.read_frames(clip, start, frames, &mut bytes)?;
                Ok(Segment { clip, start, bytes })
            })
            .collect::<Result<_, EvaluateError>>()?;
        Ok(Self {
            segments,
            built_in: dataset.game().and_then(GameplayRules::of_game),
        })
    }
}

/// Whether the frames of a dataset have the world's size.
///
/// # Errors
/// [`EvaluateError::FrameSize`] if they have not.
pub(super) fn check_size(parts: &WorldParts, dataset: &Dataset) -> Result<(), EvaluateError> {
    let (config, format) = (parts.config(), dataset.format());
    if (config.frame_height, config.frame_width) == (format.height, format.width) {
        return Ok(());
    }
    Err(EvaluateError::FrameSize {
        dataset: dataset.folder().to_path_buf(),
        found: format!("{}x{}", format.width, format.height),
        wanted: format!("{}x{}", config.frame_width, config.frame_height),
    })
}
