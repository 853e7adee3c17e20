//! Options of an import.

use genie_model::PixelRect;
use serde::Serialize;

use super::IngestError;
use crate::dataset::PACES;

/// How footage becomes a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IngestOptions {
    /// Width of the dataset's frames in pixels.
    pub width: usize,
    /// Height of the dataset's frames in pixels.
    pub height: usize,
    /// How frames of another shape are fitted.
    pub fit: FitChoice,
    /// Which part of the picture is used.
    pub crop: CropChoice,
    /// What lies under transparent pixels and beside contained pictures.
    pub background: [u8; 3],
    /// How many frames are taken.
    pub pace: PaceChoice,
    /// Frames a second of folders of pictures that do not say; `None` assumes ten, or the pace that is asked for.
    pub pictures_pace: Option<f64>,
    /// Second of each source at which to begin.
    pub start: f64,
    /// Second of each source at which to end.
    pub end: Option<f64>,
    /// Whether what is black, frozen or a menu stays, and scene cuts part nothing.
    pub keep_all: bool,
    /// Clips are split after that many frames.
    pub longest_clip: u64,
    /// Pieces between cuts that are shorter are dropped, in frames. Footage without cuts is kept whatever its length.
    pub shortest_piece: u64,
    /// Which decoder reads films.
    pub decoder: DecoderChoice,
    /// Whether the footage is added to the dataset that is in the folder.
    #[serde(skip)]
    pub append: bool,
    /// Whether it is an error that something is left out, changed or assumed.
    #[serde(skip)]
    pub strict: bool,
    /// Most sources at a time; 0 stands for one per processor.
    #[serde(skip)]
    pub threads: usize,
}

/// How a picture of another shape is fitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FitChoice {
    /// Scaled until the frame is covered; what sticks out is cut off evenly.
    #[default]
    Cover,
    /// Scaled until all of it is inside; the rest is background.
    Contain,
    /// Scaled to the frame, proportions not kept.
    Stretch,
}

/// Which part of the picture is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CropChoice {
    /// All of it.
    #[default]
    None,
    /// All but black bars at its edges.
    Auto,
    /// A rectangle, in pixels of the upright picture.
    Area {
        /// Left edge.
        x: usize,
        /// Upper edge.
        y: usize,
        /// Width.
        width: usize,
        /// Height.
        height: usize,
    },
}

/// How many frames are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaceChoice {
    /// As many as the motion in the footage asks for.
    #[default]
    FromFootage,
    /// Frames a second, by presentation time.
    FramesPerSecond(f64),
    /// Each n-th frame of the source, whatever its time.
    Every(u32),
}

/// Which decoder reads films.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoderChoice {
    /// The `ffmpeg` program where there is one, else the built-in decoder.
    #[default]
    Auto,
    /// The `ffmpeg` program.
    Ffmpeg,
    /// The built-in decoder: H.264 in mp4, mov, m4v and mkv.
    BuiltIn,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            width: 64,
            height: 64,
            fit: FitChoice::default(),
            crop: CropChoice::default(),
            background: [0; 3],
            pace: PaceChoice::default(),
            pictures_pace: None,
            start: 0.0,
            end: None,
            keep_all: false,
            longest_clip: 2000,
            shortest_piece: 16,
            decoder: DecoderChoice::default(),
            append: false,
            strict: false,
            threads: 0,
        }
    }
}

impl IngestOptions {
    /// Everything about them that can be wrong without looking at the footage.
    pub(super) fn check(&self) -> Result<(), IngestError> {
        let wrong = |what: String| Err(IngestError::Request(what));
        for (name, edge) in [("width", self.width), ("height", self.height)] {
            if !(1..=4096).contains(&edge) {
                return wrong(format!(
                    "--size: the {name} must be 1 to 4096 pixels, not {edge}"
                ));
            }
        }
        let paces = format!("{} to {}", PACES.start(), PACES.end());
        if let PaceChoice::FramesPerSecond(pace) = self.pace
            && !PACES.contains(&pace)
        {
            return wrong(format!("--fps must be {paces}, not {pace}"));
        }
        if let Some(pace) = self.pictures_pace
            && !PACES.contains(&pace)
        {
            return wrong(format!("--pictures-fps must be {paces}, not {pace}"));
        }
        if self.pace == PaceChoice::Every(0) {
            return wrong("--every must be at least 1".to_owned());
        }
        if !(self.start.is_finite() && self.start >= 0.0) {
            return wrong(format!(
                "--start must be a second from 0 on, not {}",
                self.start
            ));
        }
        if let Some(end) = self.end
            && end.partial_cmp(&self.start) != Some(std::cmp::Ordering::Greater)
        {
            return wrong(format!("--end {end} must be after --start {}", self.start));
        }
        if let CropChoice::Area { width, height, .. } = self.crop
            && (width == 0 || height == 0)
        {
            return wrong("--crop: width and height must be at least 1".to_owned());
        }
        if self.longest_clip < 2 {
            return wrong("--longest must be at least 2 frames".to_owned());
        }
        Ok(())
    }
}

impl CropChoice {
    pub(super) fn area(self) -> Option<PixelRect> {
        match self {
            Self::Area {
                x,
                y,
                width,
                height,
            } => Some(PixelRect {
                x,
                y,
                width,
                height,
            }),
            Self::None | Self::Auto => None,
        }
    }
}
