//! A picture or a recording that was opened, and the part of it that becomes the prompt.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bevy_genie::genie_model::PixelRect;
use bevy_genie::prelude::*;
use genie_examples::picture;
use genie_examples::progress::Progress;
use image::codecs::gif::GifDecoder;
use image::imageops::thumbnail;
use image::{AnimationDecoder, RgbaImage};

use crate::drawing::Canvas;

/// Frames that are read of a recording.
const MOST_FRAMES: usize = 600;
/// Bytes of memory that they take at most.
const MOST_BYTES: usize = 300 << 20;
/// Frames of recordings with longer edges are made smaller, in pixels.
const LONGEST_EDGE: u32 = 640;

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
    /// Whether the recording has more frames than were read.
    cut_short: bool,
}

impl Source {
    /// Reads a picture, or all frames of a recording: a GIF, a folder of pictures, or a folder of such folders, as the plugin's
    /// recorder writes them.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub(crate) fn read(path: &Path, progress: &Progress) -> Result<Self, String> {
        let recording = if path.is_dir() {
            Recording::of_folder(path, MOST_BYTES, progress)?
        } else {
            // Checks size and kind for both.
            let first = picture::read(path).map_err(|error| error.to_string())?;
            let moving = path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("gif"));
            let recording = if moving {
                Recording::of_gif(path, MOST_BYTES, progress)
            } else {
                None
            };
            recording.unwrap_or(Recording {
                frames: vec![first],
                cut_short: false,
            })
        };
        if progress.is_cancelled() {
            return Err(format!("{}: stopped", path.display()));
        }
        Ok(Self {
            path: path.to_owned(),
            frames: recording.frames,
            cut_short: recording.cut_short,
            frame: 0,
            centre: (0.5, 0.5),
            share: 1.0,
        })
    }

    /// In words, how much of a recording was read, if not all of it.
    pub(crate) fn cut_short(&self) -> Option<String> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let count = self.frames.len();
        let note = format!("{name}: the first {count} frames are read, not all of them");
        self.cut_short.then_some(note)
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

/// The frames of a recording, as far as they are read.
pub(crate) struct Recording {
    /// From the first on.
    pub(crate) frames: Vec<GeniePicture>,
    /// Whether there are more, or some that cannot be read.
    pub(crate) cut_short: bool,
}

impl Recording {
    /// Reads a GIF until its frames take `most_bytes`; `None` if it has no frame that can be read. The parts of its progress are the
    /// bytes of the file.
    pub(crate) fn of_gif(path: &Path, most_bytes: usize, progress: &Progress) -> Option<Self> {
        let file = File::open(path).ok()?;
        progress.expect(file.metadata().ok()?.len());
        let file = Watched {
            file,
            read: 0,
            progress,
        };
        let decoder = GifDecoder::new(BufReader::new(file)).ok()?;
        let frames = decoder.into_frames();
        let frames = frames.map(|frame| reduced(frame.ok()?.into_buffer()));
        Self::collect(frames, most_bytes, progress)
    }

    /// Reads the pictures in a folder by their names, and then those of the folders in it. The parts of its progress are pictures.
    ///
    /// # Errors
    /// In words, with the name of what cannot be read.
    pub(crate) fn of_folder(
        path: &Path,
        most_bytes: usize,
        progress: &Progress,
    ) -> Result<Self, String> {
        let mut files = pictures(path)?;
        for folder in entries(path)?.into_iter().filter(|entry| entry.is_dir()) {
            files.extend(pictures(&folder)?);
        }
        let Some(first) = files.first() else {
            return Err(format!(
                "{}: there is no picture in this folder",
                path.display()
            ));
        };
        picture::read(first).map_err(|error| error.to_string())?;
        progress.expect(files.len().min(MOST_FRAMES) as u64);
        let frames = files.iter().zip(0..).map(|(file, number)| {
            progress.reach(number);
            let picture = picture::read(file).ok()?;
            let (width, height) = (picture.width() as u32, picture.height() as u32);
            reduced(RgbaImage::from_raw(width, height, picture.to_rgba())?)
        });
        let recording = Self::collect(frames, most_bytes, progress);
        recording.ok_or_else(|| format!("{}: no picture can be read", path.display()))
    }

    /// Takes frames up to the first that cannot be read, as long as there is room and they are wanted.
    fn collect(
        pictures: impl Iterator<Item = Option<GeniePicture>>,
        most_bytes: usize,
        progress: &Progress,
    ) -> Option<Self> {
        let (mut frames, mut bytes, mut cut_short) = (Vec::new(), 0, false);
        for picture in pictures {
            let room = frames.len() < MOST_FRAMES && bytes < most_bytes;
            let Some(picture) = picture.filter(|_| room && !progress.is_cancelled()) else {
                cut_short = true;
                break;
            };
            bytes += picture.pixels().len();
            frames.push(picture);
        }
        (!frames.is_empty()).then_some(Self { frames, cut_short })
    }
}

/// A file that says how much of it has been read.
struct Watched<'a> {
    file: File,
    read: u64,
    progress: &'a Progress,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(into)?;
        self.read += count as u64;
        self.progress.reach(self.read);
        Ok(count)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.read = self.file.seek(to)?;
        Ok(self.read)
    }
}

/// What is in a folder, by name; hidden things are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let hidden = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with('.')
    };
    let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut entries: Vec<_> = entries.filter(|path| !hidden(path)).collect();
    entries.sort();
    Ok(entries)
}

/// The files in a folder that are called as pictures are.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        let known = ["png", "jpg", "jpeg", "bmp", "webp", "gif"];
        known.iter().any(|known| ending == *known) && path.is_file()
    };
    let files = entries(folder)?.into_iter();
    Ok(files.filter(is_picture).collect())
}

/// A frame whose edges are not longer than [`LONGEST_EDGE`].
fn reduced(frame: RgbaImage) -> Option<GeniePicture> {
    let (width, height) = frame.dimensions();
    let longest = width.max(height);
    let frame = if longest > LONGEST_EDGE {
        let side =
            |edge: u32| (u64::from(edge) * u64::from(LONGEST_EDGE) / u64::from(longest)).max(1);
        thumbnail(&frame, side(width) as u32, side(height) as u32)
    } else {
        frame
    };
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    GeniePicture::from_rgba(width, height, &frame).ok()
}
