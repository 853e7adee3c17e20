//! GIF, APNG and animated WebP, with the delays of their frames.

use std::io::{BufReader, Seek, SeekFrom};

use genie_model::{Frame, looks_like, to_srgb};
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage, Frames, ImageDecoder, ImageFormat, Limits};

use super::super::geometry::{Geometry, Plan};
use super::super::remark::{Remark, RemarkKind};
use super::animation_length::shown_for;
use super::stored::{Stored, StoredReader};
use super::stream::{FrameSource, TimedFrame, Wanted};

/// Most pixels of an animation's canvas.
const MOST_CANVAS: u64 = 1 << 23;
/// Most memory that a decoder may take.
const MOST_DECODER_BYTES: u64 = 256 << 20;
/// Pixels that any file may decode to, and how many more for each byte of it: beyond that it is no footage but a trap.
const FREE_PIXELS: u64 = 1 << 28;
const PIXELS_PER_BYTE: u64 = 4000;

fn said(error: image::ImageError) -> String {
    format!("it cannot be decoded: {error}")
}

/// Whether a file moves, and what format it has: still PNG and WebP pictures do not.
pub(in crate::ingest) fn is_animation(file: &Stored) -> Option<ImageFormat> {
    let start = file.start(64).ok()?;
    let format = image::guess_format(&start).ok()?;
    let reader = || file.open().ok().map(BufReader::new);
    match format {
        ImageFormat::Gif => Some(format),
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(reader()?, limits()).ok()?;
            decoder.is_apng().ok()?.then_some(format)
        }
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(reader()?).ok()?;
            decoder.has_animation().then_some(format)
        }
        _ => None,
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_DECODER_BYTES);
    limits
}

/// Width and height of the canvas, and what the file is.
pub(super) fn probe(file: &Stored) -> Result<((usize, usize), String), String> {
    let format = format_of(file)?;
    let reader = BufReader::new(file.open()?);
    let (width, height) = match format {
        ImageFormat::Gif => GifDecoder::new(reader).map_err(said)?.dimensions(),
        ImageFormat::Png => PngDecoder::with_limits(reader, limits())
            .map_err(said)?
            .dimensions(),
        _ => WebPDecoder::new(reader).map_err(said)?.dimensions(),
    };
    if width == 0 || height == 0 {
        return Err(format!("its canvas has no pixels ({width}x{height})"));
    }
    if u64::from(width) * u64::from(height) > MOST_CANVAS {
        return Err(format!(
            "its canvas of {width}x{height} pixels is too large for footage (at most {MOST_CANVAS} pixels)"
        ));
    }
    let described = format!("animation, {format:?}");
    Ok(((width as usize, height as usize), described))
}

fn format_of(file: &Stored) -> Result<ImageFormat, String> {
    let start = file.start(64)?;
    match image::guess_format(&start) {
        Ok(format @ (ImageFormat::Gif | ImageFormat::Png | ImageFormat::WebP)) => Ok(format),
        _ => Err(looks_like(&start)),
    }
}

/// The frames, the profile of their colours, and whether these are stored as grey.
fn frames(file: &Stored) -> Result<(Frames<'static>, Option<Vec<u8>>, bool), String> {
    let format = format_of(file)?;
    let mut reader: BufReader<StoredReader> = BufReader::new(file.open()?);
    reader
        .seek(SeekFrom::Start(0))
        .map_err(|error| error.to_string())?;
    Ok(match format {
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(reader).map_err(said)?;
            decoder.set_limits(limits()).map_err(said)?;
            let profile = profile(&mut decoder);
            (decoder.into_frames(), profile, false)
        }
        ImageFormat::Png => {
            let mut decoder = PngDecoder::with_limits(reader, limits()).map_err(said)?;
            let profile = profile(&mut decoder);
            let grey = !decoder.color_type().has_color();
            let frames = decoder.apng().map_err(said)?.into_frames();
            (frames, profile, grey)
        }
        _ => {
            let mut decoder = WebPDecoder::new(reader).map_err(said)?;
            let profile = profile(&mut decoder);
            (decoder.into_frames(), profile, false)
        }
    })
}

/// A damaged profile does not make the pixels unreadable.
fn profile(decoder: &mut impl ImageDecoder) -> Option<Vec<u8>> {
    decoder.icc_profile().ok().flatten()
}

/// The frames of one animation.
pub(super) struct Animation {
    frames: Frames<'static>,
    profile: Option<Vec<u8>>,
    grey: bool,
    plan: Plan,
    wanted: Wanted,
    bytes: u64,
    pixels: u64,
    canvas: u64,
    time: f64,
    next: u64,
    first: bool,
    done: bool,
    undelayed: u64,
    remarks: Vec<Remark>,
}

impl Animation {
    pub(super) fn open(file: &Stored, geometry: Geometry, wanted: Wanted) -> Result<Self, String> {
        let (size, _) = probe(file)?;
        let (frames, profile, grey) = frames(file)?;
        Ok(Self {
            frames,
            profile,
            grey,
            plan: geometry.plan(size, 1.0)?,
            wanted,
            bytes: file.len().unwrap_or(0),
            pixels: 0,
            canvas: size.0 as u64 * size.1 as u64,
            time: 0.0,
            next: 0,
            first: true,
            done: false,
            undelayed: 0,
            remarks: Vec::new(),
        })
    }
}

impl FrameSource for Animation {
    fn next_frame(&mut self) -> Result<Option<TimedFrame>, String> {
        while !self.done {
            self.pixels += self.canvas;
            if self.pixels > FREE_PIXELS + self.bytes.saturating_mul(PIXELS_PER_BYTE) {
                return Err(format!(
                    "its {} bytes decode to more pixels than any footage has: not read further",
                    self.bytes
                ));
            }
            let Some(frame) = self.frames.next() else {
                self.done = true;
                if self.next == 0 {
                    return Err("it has no frames".to_owned());
                }
                break;
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) if self.next == 0 => return Err(said(error)),
                Err(error) => {
                    self.done = true;
                    self.remarks.push(Remark::new(
                        RemarkKind::Damaged,
                        format!(
                            "what follows its frame {} cannot be read: {error}",
                            self.next
                        ),
                    ));
                    break;
                }
            };
            let (numerator, denominator) = frame.delay().numer_denom_ms();
            let delay = f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
            let (delay, told) = shown_for(delay);
            self.undelayed += u64::from(!told);
            let (time, index) = (self.time, self.next);
            self.time += delay;
            self.next += 1;
            if self.time <= self.wanted.start {
                continue;
            }
            if time >= self.wanted.end {
                self.done = true;
                self.time = self.wanted.end;
                break;
            }
            let (width, height) = (frame.buffer().width(), frame.buffer().height());
            if (width as usize, height as usize) != self.plan.source {
                return Err(format!(
                    "its frame {index} has another size than its canvas"
                ));
            }
            let mut picture = DynamicImage::ImageRgba8(frame.into_buffer());
            if let Some(profile) = &self.profile {
                if self.grey {
                    picture = DynamicImage::ImageLumaA8(picture.into_luma_alpha8());
                }
                picture = to_srgb(picture, profile);
            }
            let picture = Frame::from_picture(picture, self.plan.background);
            return Ok(Some(TimedFrame {
                time: time.max(self.wanted.start),
                index,
                frame: self.plan.apply(&picture),
                continues: !std::mem::take(&mut self.first),
            }));
        }
        if self.undelayed > 0 {
            self.remarks.push(Remark::new(
                RemarkKind::Assumed,
                format!(
                    "{} of its frames have no delay: a tenth of a second each, as viewers show them",
                    self.undelayed
                ),
            ));
            self.undelayed = 0;
        }
        Ok(None)
    }

    fn end(&self) -> Option<f64> {
        Some(self.time.min(self.wanted.end))
    }

    fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }
}
