//! Picture files of any kind and size, which may be no pictures at all.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bevy_genie::GeniePicture;
use image::{ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

use crate::ordinary_file;

/// Pictures with longer edges are made smaller when they are read, in pixels.
pub const LONGEST_EDGE: u32 = 1024;
/// Pictures with more pixels are not read.
const MOST_PIXELS: u64 = 64 << 20;

/// Why a file is no picture that can be used.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file is something else.
    #[error("{}: not a picture (PNG, JPEG, GIF, BMP or WebP)", path.display())]
    NoPicture {
        /// Which file.
        path: PathBuf,
    },
    /// The file begins like a picture and goes on otherwise.
    #[error("{}: damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It would take too much memory.
    #[error("{}: {width} x {height} pixels are too many, at most {} million are read", path.display(), MOST_PIXELS >> 20)]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// Reads a picture file of any kind that `image` knows, scaled down to [`LONGEST_EDGE`].
///
/// # Errors
/// [`PictureError`], which names the file. The size is checked before pixels are read.
pub fn read(path: &Path) -> Result<GeniePicture, PictureError> {
    let io = |error| PictureError::Io {
        path: path.to_owned(),
        error,
    };
    let damaged = |error: ImageError| match error {
        ImageError::Unsupported(_) => PictureError::NoPicture {
            path: path.to_owned(),
        },
        ImageError::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => io(error),
        error => PictureError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    };
    ordinary_file::check(path).map_err(io)?;
    if path.is_dir() {
        return Err(io(ErrorKind::IsADirectory.into()));
    }
    let reader = ImageReader::open(path).map_err(io)?;
    let reader = reader.with_guessed_format().map_err(io)?;
    // A name that ends in `.png` makes no picture.
    let decoder = reader.into_decoder().map_err(|error| match error {
        ImageError::Decoding(_) => PictureError::NoPicture {
            path: path.to_owned(),
        },
        error => damaged(error),
    })?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(PictureError::TooLarge {
            path: path.to_owned(),
            width,
            height,
        });
    }
    let picture = image::DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let picture = if width.max(height) > LONGEST_EDGE {
        picture.thumbnail(LONGEST_EDGE, LONGEST_EDGE)
    } else {
        picture
    };
    let picture = picture.into_rgba8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    GeniePicture::from_rgba(width, height, &picture).map_err(|error| PictureError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Writes a picture as PNG, and the folders above it that are missing.
///
/// # Errors
/// [`PictureError::Io`]; a file that was there before is then still whole.
pub fn write_png(path: &Path, picture: &GeniePicture) -> Result<(), PictureError> {
    let io = |error| PictureError::Io {
        path: path.to_owned(),
        error,
    };
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let rgb = RgbImage::from_raw(width, height, picture.pixels().to_vec());
    let rgb = rgb.ok_or_else(|| io(ErrorKind::InvalidData.into()))?;
    let mut bytes = Vec::new();
    let cursor = &mut std::io::Cursor::new(&mut bytes);
    rgb.write_to(cursor, ImageFormat::Png)
        .map_err(|error| io(std::io::Error::other(error)))?;
    bevy_genie::genie_model::atomic_file::write_in_new_folders(path, &bytes).map_err(io)
}
