//! Picture files become frames: one way for prompts and for footage, so that both see the same pixels.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::Frame;
use crate::frame::BLACK;

/// Largest edge of a picture in pixels.
const MOST_PICTURE_EDGE: u32 = 32_768;
/// Most pixels of a picture: a photograph of 67 megapixels.
const MOST_PICTURE_PIXELS: u64 = 1 << 26;
/// Most memory that a decoder may take for one picture, in bytes.
const MOST_DECODER_BYTES: u64 = 320 << 20;

/// Why bytes are not a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// No format that is built in.
    #[error("{0}")]
    Unknown(String),
    /// The file ends before the picture does.
    #[error("the picture is cut off: the file ends before its last pixels")]
    CutOff,
    /// More pixels than any prompt or footage has.
    #[error("{width}x{height} pixels are too many: at most {MOST_PICTURE_PIXELS} are read")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The decoder gave up.
    #[error("{0}")]
    Decode(#[from] image::ImageError),
}

impl Frame {
    /// The picture in the bytes of a file (whichever formats of the `image` crate are built in): turned upright as its
    /// EXIF orientation says, its colours converted to sRGB by its profile, transparent pixels laid over black. Of an
    /// animation it is the first frame.
    ///
    /// # Errors
    /// Bytes that are no whole picture, or one of too many pixels.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        Self::decode_over(bytes, BLACK)
    }

    /// As [`decode`](Self::decode), with transparent pixels laid over a colour.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_over(bytes: &[u8], background: [u8; 3]) -> Result<Self, PictureError> {
        let format = picture_format(bytes)?;
        if format == ImageFormat::Jpeg && !has_jpeg_end(bytes) {
            return Err(PictureError::CutOff);
        }
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits());
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MOST_PICTURE_PIXELS {
            return Err(PictureError::TooLarge { width, height });
        }
        // A damaged profile or tag does not make the pixels unreadable.
        let profile = decoder.icc_profile().ok().flatten();
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut picture = DynamicImage::from_decoder(decoder)?;
        if let Some(profile) = profile {
            picture = to_srgb(picture, &profile);
        }
        picture.apply_orientation(orientation);
        Ok(Self::from_picture(picture, background))
    }

    /// A decoded picture with its transparent pixels laid over a colour.
    pub fn from_picture(picture: DynamicImage, background: [u8; 3]) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        if picture.color().has_alpha() {
            Self::from_rgba_over(width, height, &picture.into_rgba8(), background)
        } else {
            Self::from_rgb(width, height, picture.into_rgb8().into_raw())
        }
        .expect("the picture has its width and height")
    }
}

/// The format of a picture by its first bytes.
///
/// # Errors
/// Bytes that begin like no picture; the error says what they look like.
pub fn picture_format(bytes: &[u8]) -> Result<ImageFormat, PictureError> {
    image::guess_format(bytes).map_err(|_| PictureError::Unknown(looks_like(bytes)))
}

/// What the first bytes of a file that is no picture look like, in words.
pub fn looks_like(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(64)];
    let text = String::from_utf8_lossy(start).to_lowercase();
    if bytes.is_empty() {
        "the file is empty".to_owned()
    } else if text.starts_with("version https://git-lfs") {
        "it is a Git LFS pointer, not the file itself: fetch it with `git lfs pull`".to_owned()
    } else if text.trim_start().starts_with("<!doctype html")
        || text.trim_start().starts_with("<html")
    {
        "it is a web page, not the file itself: download it again".to_owned()
    } else if image::guess_format(bytes).is_ok() {
        "it is a picture".to_owned()
    } else {
        UNKNOWN.to_owned()
    }
}

/// What [`looks_like`] says of a file that is nothing known.
pub(crate) const UNKNOWN: &str = "it begins like no known format";

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PICTURE_EDGE);
    limits.max_image_height = Some(MOST_PICTURE_EDGE);
    limits.max_alloc = Some(MOST_DECODER_BYTES);
    limits
}

/// Whether a JPEG has the marker behind its last pixels. Decoders fill what is missing with grey and say nothing.
fn has_jpeg_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Up to the next marker: 0xFF, perhaps repeated, then neither 0 (an escaped byte of data) nor a restart.
        while bytes.get(at).is_some_and(|&byte| byte != 0xFF) {
            at += 1;
        }
        while bytes.get(at) == Some(&0xFF) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else {
            return false;
        };
        at += 1;
        match marker {
            0xD9 => return true,
            0 | 0x01 | 0xD0..=0xD8 => {}
            _ => {
                let Some(length) = bytes.get(at..at + 2) else {
                    return false;
                };
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
}

/// The picture in sRGB, where the profile of its colours describes RGB or grey as its pixels are and can be applied; else as it is.
pub fn to_srgb(picture: DynamicImage, profile: &[u8]) -> DynamicImage {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else {
        return picture;
    };
    let grey = match profile.color_space {
        DataColorSpace::Rgb => false,
        DataColorSpace::Gray if !picture.color().has_color() => true,
        // Decoders turn CMYK into RGB by themselves; its profile does not describe that.
        _ => return picture,
    };
    let alpha = picture.color().has_alpha();
    let (pixels, from) = match (grey, alpha) {
        (false, false) => (picture.to_rgb8().into_raw(), Layout::Rgb),
        (false, true) => (picture.to_rgba8().into_raw(), Layout::Rgba),
        (true, false) => (picture.to_luma8().into_raw(), Layout::Gray),
        (true, true) => (picture.to_luma_alpha8().into_raw(), Layout::GrayAlpha),
    };
    let to = if alpha { Layout::Rgba } else { Layout::Rgb };
    let (width, height) = (picture.width(), picture.height());
    let channels = if alpha { 4 } else { 3 };
    let mut converted = vec![0; width as usize * height as usize * channels];
    let srgb = ColorProfile::new_srgb();
    let transformed = profile
        .create_transform_8bit(from, &srgb, to, TransformOptions::default())
        .and_then(|transform| transform.transform(&pixels, &mut converted));
    if transformed.is_err() {
        return picture;
    }
    let converted = if alpha {
        RgbaImage::from_raw(width, height, converted).map(DynamicImage::ImageRgba8)
    } else {
        RgbImage::from_raw(width, height, converted).map(DynamicImage::ImageRgb8)
    };
    converted.unwrap_or(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_jpeg_is_found_behind_its_segments() {
        let whole = [
            0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0xFF, 0xD9, 0xFF, 0xDA, 0, 2, 1, 0xFF, 0, 2, 0xFF, 0xD3,
            3, 0xFF, 0xD9, 7,
        ];
        assert!(has_jpeg_end(&whole));
        for length in 0..whole.len() - 2 {
            assert!(!has_jpeg_end(&whole[..length]), "{length}");
        }
    }

    #[test]
    fn what_is_no_picture_is_said() {
        let said = |bytes: &[u8]| Frame::decode(bytes).unwrap_err().to_string();
        assert!(said(b"").contains("empty"));
        assert!(said(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
        assert!(said(b"<!DOCTYPE html><html>").contains("web page"));
    }
}
