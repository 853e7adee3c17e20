//! The picture that a world starts from.

use std::path::{Path, PathBuf};

use bevy::prelude::*;

use genie_model::Frame;

/// Larger files are not read as prompt pictures.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The picture that a world starts from, of any size: it is scaled to the model's frame, and cut or letterboxed as
/// [`GenieWorld::fit`](crate::GenieWorld::fit) says.
#[derive(Reflect, Clone, Debug)]
#[reflect(opaque, Debug, Clone)]
pub enum GeniePrompt {
    /// An image asset. Its pixels must be kept in the main world, as they are unless it was loaded with other
    /// settings. In apps without a renderer, which would have no image loader, the plugin registers Bevy's own.
    Image(Handle<Image>),
    /// A picture file on disk, read by the worker thread, in a format that Bevy's features turn on. It is not an asset path.
    File(PathBuf),
    /// Pixels in memory.
    Frame(Frame),
    /// A world saved with [`GenieCommand::save`](crate::GenieCommand::save) on the same checkpoint: it goes on where it
    /// was saved, and a reset leads to the prompt that it came from. Seed and sampler are those of the file.
    Saved(PathBuf),
}

/// Why a prompt could not be turned into a picture.
#[derive(Debug, thiserror::Error)]
pub enum GeniePromptError {
    /// The image asset could not be loaded.
    #[error("the image asset failed to load: {0}")]
    Asset(String),
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file is larger than any picture should be.
    #[error("{}: {bytes} bytes are too many for a prompt picture", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is not a picture of a known format.
    #[error("{}: {reason}", path.display())]
    Decode {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The image's pixels cannot be read as colours.
    #[error("the image has no readable pixels: {0}")]
    Pixels(String),
}

impl GeniePrompt {
    /// A prompt from RGBA bytes, `width * height * 4` of them, rows from the top.
    ///
    /// # Errors
    /// [`genie_model::Error::FrameSize`] if there are more or fewer bytes.
    pub fn rgba(width: usize, height: usize, pixels: &[u8]) -> Result<Self, genie_model::Error> {
        Ok(Self::Frame(Frame::from_rgba(width, height, pixels)?))
    }
}

impl From<Handle<Image>> for GeniePrompt {
    fn from(image: Handle<Image>) -> Self {
        Self::Image(image)
    }
}

impl From<Frame> for GeniePrompt {
    fn from(frame: Frame) -> Self {
        Self::Frame(frame)
    }
}

impl From<PathBuf> for GeniePrompt {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// A picture with all that is needed to read it on another thread.
pub(crate) enum PromptSource {
    Frame(Frame),
    File(PathBuf),
    Image(Box<Image>),
}

impl PromptSource {
    pub(crate) fn into_frame(self) -> Result<Frame, GeniePromptError> {
        match self {
            Self::Frame(frame) => Ok(frame),
            Self::File(path) => decode(&path),
            Self::Image(image) => picture(*image),
        }
    }
}

/// What a world starts from, with all that is needed to read it on another thread.
pub(crate) enum Origin {
    Picture(PromptSource),
    Saved(PathBuf),
    Fork(Entity),
}

/// Upright, in sRGB and over black, as the footage that worlds are trained on.
fn decode(path: &Path) -> Result<Frame, GeniePromptError> {
    let io = |error| GeniePromptError::Io {
        path: path.to_owned(),
        error,
    };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > MAX_FILE_BYTES {
        let path = path.to_owned();
        return Err(GeniePromptError::TooLarge { path, bytes });
    }
    let bytes = std::fs::read(path).map_err(io)?;
    Frame::decode(&bytes).map_err(|error| GeniePromptError::Decode {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn picture(image: Image) -> Result<Frame, GeniePromptError> {
    let unreadable = |reason: &dyn std::fmt::Display| GeniePromptError::Pixels(reason.to_string());
    let pixels = image
        .try_into_dynamic()
        .map_err(|error| unreadable(&error))?
        .into_rgba8();
    let (width, height) = pixels.dimensions();
    Frame::from_rgba(width as usize, height as usize, &pixels).map_err(|error| unreadable(&error))
}
