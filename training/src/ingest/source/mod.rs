//! Footage of every kind as one stream of frames with their times.
//!
//! | file | reads |
//! |---|---|
//! | `pictures` | folders of PNG, JPEG, WebP and BMP frames |
//! | `animation` | GIF, APNG, animated WebP |
//! | `animation_length` | how long these are |
//! | `ffmpeg` | films of any codec, through the `ffmpeg` program |
//! | `h264` | H.264 films in mp4, mov, m4v and mkv, without any program |
//! | `high_range` | high dynamic range and wide colours, which become sRGB |
//! | `planes` | films' pictures as they are stored, which become RGB |
//! | `stream` | what all of these give: frames with their times |
//! | `stored` | the bytes of a file, on disk or inside a tar archive |

mod animation;
mod animation_length;
mod ffmpeg;
#[cfg(feature = "h264")]
mod h264;
mod high_range;
mod info;
mod pictures;
mod planes;
mod stored;
mod stream;

use std::path::PathBuf;

use super::geometry::Geometry;
use super::remark::Remark;
use super::{DecoderChoice, IngestOptions};
use info::Decoder;

pub(super) use animation::is_animation;
pub(super) use info::SourceInfo;
pub(super) use stored::Stored;
pub(super) use stream::{FrameSource, ROUNDING, TimedFrame, Wanted};

/// What is footage, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// What it is called in reports.
    pub(super) name: String,
    pub(super) kind: SourceKind,
    /// A file of true actions beside it.
    pub(super) actions: Option<Stored>,
    /// What was noticed when it was found.
    pub(super) remarks: Vec<Remark>,
}

#[derive(Debug, Clone)]
pub(super) enum SourceKind {
    /// A film, read by a decoder of video.
    Film(Stored),
    /// A GIF, APNG or WebP.
    Animation(Stored),
    /// Pictures in the order of their names.
    Pictures {
        files: Vec<Stored>,
        /// Frames a second, where something says it.
        pace: Option<f64>,
    },
}

impl Source {
    /// Looks at the source without reading more of it than necessary.
    ///
    /// # Errors
    /// Footage that cannot be read, in words.
    pub(super) fn probe(&self, options: &IngestOptions) -> Result<SourceInfo, String> {
        match &self.kind {
            SourceKind::Film(file) => {
                let mut info = probe_film(file, options.decoder)?;
                if info.seconds.is_none() {
                    info.seconds = self.length(&info);
                }
                Ok(info)
            }
            SourceKind::Animation(file) => {
                let (size, described) = animation::probe(file)?;
                Ok(SourceInfo {
                    size,
                    pixel_aspect: 1.0,
                    seconds: animation_length::length(file),
                    pace: None,
                    described,
                    decoder: Decoder::Animation,
                })
            }
            SourceKind::Pictures { files, pace } => {
                let size = pictures::first_size(files)?;
                let pace = pictures_pace(*pace, options);
                Ok(SourceInfo {
                    size,
                    pixel_aspect: 1.0,
                    seconds: Some(files.len() as f64 / pace),
                    pace: Some(pace),
                    described: format!("{} pictures", files.len()),
                    decoder: Decoder::Pictures,
                })
            }
        }
    }

    /// How long what is there of it is, whatever it says, in seconds; reads all of it, and decodes none.
    pub(super) fn length(&self, info: &SourceInfo) -> Option<f64> {
        match (&self.kind, &info.decoder) {
            (SourceKind::Film(file), Decoder::Ffmpeg(_)) => ffmpeg::length(file),
            #[cfg(feature = "h264")]
            (SourceKind::Film(file), Decoder::H264) => h264::length(file),
            _ => info.seconds,
        }
    }

    /// Whether a part of it can be read without decoding all that comes before.
    pub(super) fn can_jump(&self) -> bool {
        !matches!(self.kind, SourceKind::Animation(_))
    }

    /// Opens the stream of its frames.
    ///
    /// # Errors
    /// Footage that cannot be read, in words.
    pub(super) fn open(
        &self,
        info: &SourceInfo,
        geometry: Geometry,
        wanted: Wanted,
        options: &IngestOptions,
    ) -> Result<Box<dyn FrameSource>, String> {
        Ok(match (&self.kind, &info.decoder) {
            (SourceKind::Pictures { files, pace }, _) => Box::new(pictures::Pictures::open(
                files.clone(),
                pictures_pace(*pace, options),
                geometry,
                wanted,
            )),
            (SourceKind::Animation(file), _) => {
                Box::new(animation::Animation::open(file, geometry, wanted)?)
            }
            (SourceKind::Film(file), Decoder::Ffmpeg(stream)) => {
                let plan = geometry.plan(info.size, info.pixel_aspect)?.in_pairs();
                Box::new(ffmpeg::Ffmpeg::open(file, stream, plan, wanted)?)
            }
            #[cfg(feature = "h264")]
            (SourceKind::Film(file), Decoder::H264) => {
                let plan = geometry.plan(info.size, info.pixel_aspect)?.in_pairs();
                Box::new(h264::H264::open(file, plan, wanted)?)
            }
            (SourceKind::Film(_), _) => return Err("it was not looked at as a film".to_owned()),
        })
    }

    /// The files that make it up.
    pub(super) fn files(&self) -> Vec<&Stored> {
        let mut files: Vec<&Stored> = match &self.kind {
            SourceKind::Film(file) | SourceKind::Animation(file) => vec![file],
            SourceKind::Pictures { files, .. } => files.iter().collect(),
        };
        files.extend(&self.actions);
        files
    }

    pub(super) fn is_film(&self) -> bool {
        matches!(self.kind, SourceKind::Film(_))
    }
}

/// Pace of pictures that do not say.
const ASSUMED_PACE: f64 = 10.0;

fn pictures_pace(told: Option<f64>, options: &IngestOptions) -> f64 {
    let asked = match options.pace {
        super::PaceChoice::FramesPerSecond(pace) => Some(pace),
        _ => None,
    };
    told.or(options.pictures_pace)
        .or(asked)
        .unwrap_or(ASSUMED_PACE)
}

fn probe_film(file: &Stored, choice: DecoderChoice) -> Result<SourceInfo, String> {
    let program = match choice {
        DecoderChoice::BuiltIn => None,
        DecoderChoice::Auto => ffmpeg::program(),
        DecoderChoice::Ffmpeg => Some(ffmpeg::program().ok_or_else(|| {
            "the program ffmpeg is not found: install it (Debian: apt install ffmpeg; macOS: brew install ffmpeg; Windows: \
             winget install ffmpeg) or leave --decoder out"
                .to_owned()
        })?),
    };
    if program.is_some() {
        return ffmpeg::probe(file);
    }
    built_in(file)
}

#[cfg(feature = "h264")]
fn built_in(file: &Stored) -> Result<SourceInfo, String> {
    h264::probe(file)
}

#[cfg(not(feature = "h264"))]
fn built_in(_: &Stored) -> Result<SourceInfo, String> {
    Err(ffmpeg::needs_ffmpeg("it"))
}

/// The described paths of this machine's decoders, for the report.
pub(super) fn decoders() -> Option<PathBuf> {
    ffmpeg::program().map(|program| program.path.clone())
}
