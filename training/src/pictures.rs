//! Pictures for people: PNG files, sheets of frames, animated GIFs; and reading pictures of any common format.
//!
//! Every file is written under a temporary name, then renamed.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use genie_model::atomic_file;
use image::codecs::gif::{GifEncoder, Repeat};
use image::imageops::{self, FilterType};
use image::{Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage};
use thiserror::Error;

use crate::FileError;

/// Why a picture could not be read or written.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The operating system refused to read or write a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The picture cannot be encoded.
    #[error("cannot {doing} {}", path.display())]
    Codec {
        /// What was attempted, as a verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: image::ImageError,
    },
    /// The file is no picture, or a damaged one.
    #[error("cannot decode {}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: genie_model::PictureError,
    },
    /// Pixels, sizes or counts do not fit together.
    #[error("{0}")]
    Shape(String),
}

/// Largest edge of a written picture in pixels; also the limit of the GIF format.
const MOST_EDGE: usize = 65_535;
/// Pixels between the frames of a sheet, before scaling.
const SEPARATOR: usize = 1;
const SEPARATOR_COLOUR: Rgb<u8> = Rgb([24, 24, 28]);

/// A borrowed frame of RGB pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RgbFrame<'a> {
    height: usize,
    width: usize,
    pixels: &'a [u8],
}

impl<'a> RgbFrame<'a> {
    /// A frame of [H, W, 3] bytes.
    ///
    /// # Errors
    /// Edges out of range, or another number of bytes.
    pub fn new(height: usize, width: usize, pixels: &'a [u8]) -> Result<Self, PictureError> {
        let in_range = |edge| (1..=MOST_EDGE).contains(&edge);
        if !in_range(height) || !in_range(width) || pixels.len() != height * width * 3 {
            return Err(PictureError::Shape(format!(
                "expected a frame of {height}x{width} RGB pixels, got {} bytes",
                pixels.len()
            )));
        }
        Ok(Self {
            height,
            width,
            pixels,
        })
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// [H, W, 3] bytes.
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }

    fn to_image(self) -> RgbImage {
        RgbImage::from_raw(self.width as u32, self.height as u32, self.pixels.to_vec())
            .expect("the constructor compared the sizes")
    }
}

/// A picture read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbPicture {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// [H, W, 3] bytes.
    pub pixels: Vec<u8>,
}

/// Enlarges without smoothing.
fn enlarge(picture: RgbImage, scale: usize) -> Result<RgbImage, PictureError> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let fits = |edge: usize| {
        edge.checked_mul(scale)
            .is_some_and(|edge| edge <= MOST_EDGE)
    };
    if scale == 0 || !fits(width) || !fits(height) {
        return Err(PictureError::Shape(format!(
            "cannot enlarge {height}x{width} pixels {scale} times: edges go from 1 to {MOST_EDGE}"
        )));
    }
    if scale == 1 {
        return Ok(picture);
    }
    Ok(imageops::resize(
        &picture,
        (width * scale) as u32,
        (height * scale) as u32,
        FilterType::Nearest,
    ))
}

fn codec_error(doing: &'static str, path: &Path) -> impl FnOnce(image::ImageError) -> PictureError {
    move |source| PictureError::Codec {
        doing,
        path: path.to_path_buf(),
        source,
    }
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PictureError {
    move |error| PictureError::File(FileError::of(doing, path)(error))
}

fn png_bytes(path: &Path, picture: &RgbImage) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(codec_error("encode", path))?;
    Ok(bytes.into_inner())
}

fn save_png(path: &Path, picture: &RgbImage) -> Result<(), PictureError> {
    let bytes = png_bytes(path, picture)?;
    atomic_file::write_in_new_folders(path, &bytes).map_err(io_error("write", path))
}

/// Writes a frame as PNG, every pixel enlarged to `scale` by `scale`.
///
/// # Errors
/// A scale out of range, or a failing disk.
pub fn write_png(path: &Path, frame: RgbFrame<'_>, scale: usize) -> Result<(), PictureError> {
    save_png(path, &enlarge(frame.to_image(), scale)?)
}

/// Writes rows of equally large frames as one PNG with thin separators; rows may differ in length.
///
/// # Errors
/// No frame, frames of different sizes, a scale out of range, or a failing disk.
pub fn write_sheet(
    path: &Path,
    rows: &[Vec<RgbFrame<'_>>],
    scale: usize,
) -> Result<(), PictureError> {
    save_png(path, &sheet(rows, scale)?)
}

/// The bytes of such a PNG.
///
/// # Errors
/// As [`write_sheet`].
pub fn sheet_png(rows: &[Vec<RgbFrame<'_>>], scale: usize) -> Result<Vec<u8>, PictureError> {
    png_bytes(Path::new("a sheet"), &sheet(rows, scale)?)
}

fn sheet(rows: &[Vec<RgbFrame<'_>>], scale: usize) -> Result<RgbImage, PictureError> {
    let Some(&first) = rows.iter().flatten().next() else {
        return Err(PictureError::Shape("a sheet needs a frame".to_owned()));
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let edge = |count: usize, size: usize| {
        let edge = count * (size + SEPARATOR) + SEPARATOR;
        if edge <= MOST_EDGE {
            Ok(edge as u32)
        } else {
            Err(PictureError::Shape(format!(
                "a sheet of {count} frames of {size} pixels is too large"
            )))
        }
    };
    let mut sheet = RgbImage::from_pixel(
        edge(columns, first.width)?,
        edge(rows.len(), first.height)?,
        SEPARATOR_COLOUR,
    );
    for (row, frames) in rows.iter().enumerate() {
        for (column, frame) in frames.iter().enumerate() {
            if (frame.height, frame.width) != (first.height, first.width) {
                return Err(PictureError::Shape(
                    "the frames of a sheet must have one size".to_owned(),
                ));
            }
            imageops::replace(
                &mut sheet,
                &frame.to_image(),
                (SEPARATOR + column * (first.width + SEPARATOR)) as i64,
                (SEPARATOR + row * (first.height + SEPARATOR)) as i64,
            );
        }
    }
    enlarge(sheet, scale)
}

/// Writes an endlessly repeating GIF; colours are exact in frames of at most 256 colours.
///
/// The format counts in hundredths of a second: where a pace does not divide 100, delays differ by one so that their sum keeps
/// the pace.
///
/// # Errors
/// No frame, a pace outside 1 to 100, a scale out of range, or a failing disk.
pub fn write_gif(
    path: &Path,
    frames: &[RgbFrame<'_>],
    frames_per_second: f64,
    scale: usize,
) -> Result<(), PictureError> {
    if frames.is_empty() {
        return Err(PictureError::Shape("a GIF needs a frame".to_owned()));
    }
    if !(0.01..=100.0).contains(&frames_per_second) {
        return Err(PictureError::Shape(format!(
            "a GIF has at most 100 frames a second, not {frames_per_second}"
        )));
    }
    let mut bytes = Vec::new();
    {
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
        encoder
            .set_repeat(Repeat::Infinite)
            .map_err(codec_error("encode", path))?;
        for (number, frame) in frames.iter().enumerate() {
            let picture = enlarge(frame.to_image(), scale)?;
            let rgba = DynamicImage::ImageRgb8(picture).into_rgba8();
            // In hundredths of a second, so that the sum keeps the pace where a single one cannot.
            let hundredths = |frames: usize| (frames as f64 * 100.0 / frames_per_second).round();
            let delay = hundredths(number + 1) - hundredths(number);
            let delay = Delay::from_numer_denom_ms(delay as u32 * 10, 1);
            encoder
                .encode_frame(Frame::from_parts(rgba, 0, 0, delay))
                .map_err(codec_error("encode", path))?;
        }
    }
    atomic_file::write_in_new_folders(path, &bytes).map_err(io_error("write", path))
}

/// Reads a PNG, JPEG, GIF (its first frame), BMP or WebP file as every picture here is read: upright, in sRGB, transparent
/// pixels over black.
///
/// # Errors
/// A file that is missing, damaged, cut off, or has too many pixels.
pub fn read_image(path: &Path) -> Result<RgbPicture, PictureError> {
    let bytes = std::fs::read(path).map_err(io_error("open", path))?;
    let picture = genie_model::Frame::decode(&bytes).map_err(|source| PictureError::Decode {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(RgbPicture {
        height: picture.height(),
        width: picture.width(),
        pixels: picture.into_pixels(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;
    use std::fs;

    /// A frame of 200 colours.
    fn colourful(offset: u8) -> Vec<u8> {
        (0..20 * 10)
            .flat_map(|pixel: u32| {
                let value = (pixel as u8).wrapping_add(offset);
                [value, 255 - value, value / 2]
            })
            .collect()
    }

    #[test]
    fn png_round_trip_with_scale() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/frame.png");
        let pixels = colourful(0);
        write_png(&path, RgbFrame::new(10, 20, &pixels).unwrap(), 3).unwrap();
        let read = read_image(&path).unwrap();
        assert_eq!((read.height, read.width), (30, 60));
        for y in 0..30 {
            for x in 0..60 {
                let (at, from) = ((y * 60 + x) * 3, (y / 3 * 20 + x / 3) * 3);
                assert_eq!(read.pixels[at..at + 3], pixels[from..from + 3]);
            }
        }
        // No temporary file stays behind.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn gif_round_trip_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.gif");
        let frames = [colourful(0), colourful(40), colourful(80)];
        let borrowed: Vec<_> = frames
            .iter()
            .map(|frame| RgbFrame::new(10, 20, frame).unwrap())
            .collect();
        write_gif(&path, &borrowed, 10.0, 2).unwrap();
        let decoder = GifDecoder::new(Cursor::new(fs::read(&path).unwrap())).unwrap();
        let decoded = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(decoded.len(), 3);
        for (frame, pixels) in decoded.iter().zip(&frames) {
            assert_eq!(frame.delay().numer_denom_ms(), (100, 1));
            let buffer = frame.buffer();
            assert_eq!(buffer.dimensions(), (40, 20));
            for (x, y, pixel) in buffer.enumerate_pixels() {
                let from = (y as usize / 2 * 20 + x as usize / 2) * 3;
                assert_eq!(pixel.0[..3], pixels[from..from + 3]);
            }
        }
    }

    #[test]
    fn a_sheet_shows_every_frame_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let frames = [colourful(1), colourful(2), colourful(3)];
        let frame = |index: usize| RgbFrame::new(10, 20, &frames[index]).unwrap();
        write_sheet(&path, &[vec![frame(0), frame(1)], vec![frame(2)]], 1).unwrap();
        let sheet = read_image(&path).unwrap();
        assert_eq!((sheet.height, sheet.width), (23, 43));
        for (index, left, upper) in [(0, 1, 1), (1, 22, 1), (2, 1, 12)] {
            for y in 0..10 {
                let at = ((upper + y) * 43 + left) * 3;
                assert_eq!(
                    sheet.pixels[at..at + 60],
                    frames[index][y * 60..(y + 1) * 60]
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let path = Path::new("never-written.png");
        let pixels = vec![0; 12];
        let small = RgbFrame::new(2, 2, &pixels).unwrap();
        assert!(RgbFrame::new(2, 3, &pixels).is_err());
        assert!(RgbFrame::new(0, 0, &[]).is_err());
        assert!(write_png(path, small, 0).is_err());
        assert!(write_png(path, small, 1 << 40).is_err());
        assert!(write_sheet(path, &[vec![]], 1).is_err());
        assert!(write_gif(path, &[], 10.0, 1).is_err());
        assert!(write_gif(path, &[small], 0.0, 1).is_err());
        assert!(read_image(path).is_err());
        assert!(!path.exists());
    }
}
