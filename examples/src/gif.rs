//! Frames become an animated picture.

use std::path::Path;
use std::sync::Arc;

use bevy_genie::GeniePicture;
use bevy_genie::genie_model::atomic_file;
use image::codecs::gif::{GifEncoder, Repeat};
use image::imageops::{FilterType, resize};
use image::{Delay, ImageError, RgbaImage};

use crate::progress::Progress;

/// Why there is no animated picture.
#[derive(Debug, thiserror::Error)]
pub enum GifError {
    /// It cannot be encoded or written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The disk says no.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not wanted any more.
    #[error("stopped")]
    Cancelled,
}

/// Writes the frames as a GIF that repeats for ever, enlarged `scale` times, at `rate` frames a second. The parts of its progress are
/// frames.
///
/// # Errors
/// If the file cannot be written, or the progress is cancelled; a file that was there before is then still whole.
pub fn write(
    path: &Path,
    frames: &[Arc<GeniePicture>],
    scale: u32,
    rate: f32,
    progress: &Progress,
) -> Result<(), GifError> {
    progress.expect(frames.len() as u64);
    atomic_file::write_with(path, |file| {
        let mut encoder = GifEncoder::new_with_speed(file, 10);
        encoder.set_repeat(Repeat::Infinite)?;
        let delay = Delay::from_numer_denom_ms((1000.0 / rate.max(0.1)) as u32, 1);
        for (number, frame) in frames.iter().enumerate() {
            if progress.is_cancelled() {
                return Err(GifError::Cancelled);
            }
            progress.reach(number as u64);
            let (width, height) = (frame.width() as u32, frame.height() as u32);
            let Some(picture) = RgbaImage::from_raw(width, height, frame.to_rgba()) else {
                continue;
            };
            let large = resize(&picture, width * scale, height * scale, FilterType::Nearest);
            encoder.encode_frame(image::Frame::from_parts(large, 0, 0, delay))?;
        }
        Ok(())
    })
}
