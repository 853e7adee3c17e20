//! A picture or a recording that was opened, and the part of it that becomes the prompt.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use bevy_genie::genie_model::PixelRect;
use bevy_genie::prelude::*;
use genie_examples::picture;
use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;

use crate::drawing::Canvas;

/// Frames that are read of a recording.
const MOST_FRAMES: usize = 600;

/// What was opened.
#[derive(Clone)]
pub(crate) struct Source {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Its frames; one for a still picture.
    pub(crate) frames: Vec<GeniePicture>,
    /// The one that is shown.
    pub(crate) frame: usize,
    /// Middle of the part that is taken, as shares of width and height.
    pub(crate) centre: (f32, f32),
    /// How much of the largest part that fits is taken, 0 to 1.
    pub(crate) share: f32,
}

impl Source {
    /// Reads a picture, or all frames of a GIF.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        // Checks size and kind for both.
        let first = picture::read(path).map_err(|error| error.to_string())?;
        let moving = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("gif"));
        let frames = if moving { gif_frames(path) } else { None };
        Ok(Self {
            path: path.to_owned(),
            frames: frames.unwrap_or_else(|| vec![first]),
            frame: 0,
            centre: (0.5, 0.5),
            share: 1.0,
        })
    }

    /// The frame that is shown.
    pub(crate) fn picture(&self) -> Option<&GeniePicture> {
        self.frames.get(self.frame)
    }

    /// The part that is taken for a prompt of this size: left, top, width and height in pixels of the picture.
    pub(crate) fn area(&self, width: usize, height: usize) -> (usize, usize, usize, usize) {
        let Some(picture) = self.picture() else {
            return (0, 0, 1, 1);
        };
        let (w, h) = (picture.width() as f32, picture.height() as f32);
        let scale = (w / width as f32).min(h / height as f32) * self.share.clamp(0.02, 1.0);
        let across = (width as f32 * scale).round().clamp(1.0, w);
        let down = (height as f32 * scale).round().clamp(1.0, h);
        let left = (self.centre.0 * w - across / 2.0).clamp(0.0, w - across);
        let top = (self.centre.1 * h - down / 2.0).clamp(0.0, h - down);
        (left as usize, top as usize, across as usize, down as usize)
    }

    /// The prompt that it gives, of this size.
    pub(crate) fn cut(&self, width: usize, height: usize) -> Option<Canvas> {
        let (left, top, across, down) = self.area(width, height);
        let area = PixelRect {
            x: left,
            y: top,
            width: across,
            height: down,
        };
        let cut = self.picture()?.scaled(area, width, height);
        Some((&cut).into())
    }
}

fn gif_frames(path: &Path) -> Option<Vec<GeniePicture>> {
    let decoder = GifDecoder::new(BufReader::new(File::open(path).ok()?)).ok()?;
    let mut frames = Vec::new();
    for frame in decoder.into_frames().take(MOST_FRAMES) {
        let frame = frame.ok()?.into_buffer();
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        frames.push(GeniePicture::from_rgba(width, height, &frame).ok()?);
    }
    (!frames.is_empty()).then_some(frames)
}
