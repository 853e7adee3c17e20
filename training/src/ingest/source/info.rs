//! What is known of a source before its frames are read.

use super::high_range::HighRange;
use super::planes::Colours;

/// What is known of a source before its frames are read.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct SourceInfo {
    /// Width and height of its upright picture.
    pub(in crate::ingest) size: (usize, usize),
    /// How many times as wide as high its pixels are.
    pub(in crate::ingest) pixel_aspect: f64,
    /// Its length, where that is known.
    pub(in crate::ingest) seconds: Option<f64>,
    /// Frames a second, where the container says so.
    pub(in crate::ingest) pace: Option<f64>,
    /// What it is, for the report.
    pub(in crate::ingest) described: String,
    /// What only its decoder understands.
    pub(super) decoder: Decoder,
}

/// Which decoder was found to read a source, and what only that one understands.
#[derive(Debug, Clone)]
pub(super) enum Decoder {
    Pictures,
    Animation,
    Ffmpeg(FfmpegStream),
    #[cfg(feature = "h264")]
    H264,
}

/// What the program `ffmpeg` found in the first frame of a film.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FfmpegStream {
    /// Presentation time of the first frame, as the container counts, in seconds.
    pub(super) first: f64,
    /// Seconds of a unit of time.
    pub(super) time_base: f64,
    /// Colour matrix to assume where the film names none.
    pub(super) matrix: Option<&'static str>,
    /// The colours of its planes, where it is stored in planes that are understood here.
    pub(super) planes: Option<Colours>,
    pub(super) alpha: bool,
    /// Colours that have to be converted to sRGB.
    pub(super) high_range: Option<HighRange>,
}
