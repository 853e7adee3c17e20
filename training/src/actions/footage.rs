//! Footage as the search reads it: clip by clip, in windows, reduced to working pixels and split into planes.

use crate::dataset::{CHANNELS, Dataset, DatasetError};

/// Where frames come from: a dataset, or clips in memory.
pub trait FrameSource: Sync {
    /// Height and width of every frame in pixels.
    fn frame_size(&self) -> (usize, usize);
    /// Number of clips.
    fn clip_count(&self) -> usize;
    /// Frames of a clip.
    fn clip_len(&self, clip: usize) -> usize;
    /// Replaces `out` by `count` frames of a clip from `start` on: [T, H, W, 3] as bytes.
    ///
    /// # Errors
    /// Frames that cannot be read.
    fn read(
        &self,
        clip: usize,
        start: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DatasetError>;
}

impl FrameSource for Dataset {
    fn frame_size(&self) -> (usize, usize) {
        (self.format().height, self.format().width)
    }

    fn clip_count(&self) -> usize {
        Dataset::clip_count(self)
    }

    fn clip_len(&self, clip: usize) -> usize {
        Dataset::clip_len(self, clip)
    }

    fn read(
        &self,
        clip: usize,
        start: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DatasetError> {
        self.read_frames(clip, start, count, out)
    }
}

/// Clips in memory.
#[derive(Debug, Clone)]
pub struct ClipsInMemory {
    /// Height and width of every frame in pixels.
    pub frame_size: (usize, usize),
    /// The clips, each [T, H, W, 3] as bytes.
    pub clips: Vec<Vec<u8>>,
}

impl FrameSource for ClipsInMemory {
    fn frame_size(&self) -> (usize, usize) {
        self.frame_size
    }

    fn clip_count(&self) -> usize {
        self.clips.len()
    }

    fn clip_len(&self, clip: usize) -> usize {
        let frame = self.frame_size.0 * self.frame_size.1 * CHANNELS;
        self.clips
            .get(clip)
            .map_or(0, |bytes| bytes.len() / frame.max(1))
    }

    fn read(
        &self,
        clip: usize,
        start: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DatasetError> {
        let frame = self.frame_size.0 * self.frame_size.1 * CHANNELS;
        let bytes = self
            .clips
            .get(clip)
            .and_then(|bytes| bytes.get(start * frame..(start + count) * frame))
            .ok_or_else(|| {
                DatasetError::Request(format!(
                    "asked for {count} frames from frame {start} of clip {clip}, which has {}",
                    self.clip_len(clip)
                ))
            })?;
        out.clear();
        out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Some of the clips of other footage.
#[derive(Clone)]
pub struct SomeClips<'a> {
    source: &'a dyn FrameSource,
    clips: Vec<usize>,
}

impl<'a> SomeClips<'a> {
    /// The given clips, numbered in the order in which they are given.
    pub fn new(source: &'a dyn FrameSource, clips: Vec<usize>) -> Self {
        Self { source, clips }
    }
}

impl FrameSource for SomeClips<'_> {
    fn frame_size(&self) -> (usize, usize) {
        self.source.frame_size()
    }

    fn clip_count(&self) -> usize {
        self.clips.len()
    }

    fn clip_len(&self, clip: usize) -> usize {
        self.clips
            .get(clip)
            .map_or(0, |&clip| self.source.clip_len(clip))
    }

    fn read(
        &self,
        clip: usize,
        start: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DatasetError> {
        // A clip that is not there is the source's to refuse.
        let clip = self.clips.get(clip).copied().unwrap_or(usize::MAX);
        self.source.read(clip, start, count, out)
    }
}

/// Frames reduced by a whole factor, so that lengths mean the same at every resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkingSize {
    /// Pixels of the footage per working pixel, on each axis.
    pub(crate) factor: usize,
    /// Height in working pixels.
    pub(crate) height: usize,
    /// Width in working pixels.
    pub(crate) width: usize,
}

impl WorkingSize {
    /// The size whose short edge is nearest to `edge` at a whole factor.
    pub(crate) fn new((height, width): (usize, usize), edge: usize) -> Self {
        let short = height.min(width);
        let factor = ((short + edge / 2) / edge.max(1)).max(1);
        Self {
            factor,
            height: height / factor,
            width: width / factor,
        }
    }

    /// Pixels of one plane.
    pub(crate) const fn pixels(&self) -> usize {
        self.height * self.width
    }
}

/// A picture as three planes of working pixels, red, green and blue one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planes {
    pub(crate) height: usize,
    pub(crate) width: usize,
    bytes: Vec<u8>,
}

impl Planes {
    /// Reduces a frame, [H, W, 3] as bytes, whose rows have `row` pixels.
    pub(crate) fn reduce(frame: &[u8], row: usize, size: WorkingSize) -> Self {
        let WorkingSize {
            factor,
            height,
            width,
        } = size;
        let mut bytes = vec![0; CHANNELS * size.pixels()];
        let (red, rest) = bytes.split_at_mut(size.pixels());
        let (green, blue) = rest.split_at_mut(size.pixels());
        if factor == 1 {
            for (index, pixel) in frame.chunks_exact(CHANNELS).take(size.pixels()).enumerate() {
                red[index] = pixel[0];
                green[index] = pixel[1];
                blue[index] = pixel[2];
            }
        } else {
            let area = (factor * factor) as u32;
            for y in 0..height {
                for x in 0..width {
                    let mut sum = [0_u32; CHANNELS];
                    for line in 0..factor {
                        let at = ((y * factor + line) * row + x * factor) * CHANNELS;
                        for pixel in frame[at..at + factor * CHANNELS].chunks_exact(CHANNELS) {
                            for (sum, &value) in sum.iter_mut().zip(pixel) {
                                *sum += u32::from(value);
                            }
                        }
                    }
                    let index = y * width + x;
                    let [r, g, b] = sum.map(|sum| ((sum + area / 2) / area) as u8);
                    (red[index], green[index], blue[index]) = (r, g, b);
                }
            }
        }
        Self {
            height,
            width,
            bytes,
        }
    }

    /// The plane of a channel, [H, W].
    pub(crate) fn plane(&self, channel: usize) -> &[u8] {
        let pixels = self.height * self.width;
        &self.bytes[channel * pixels..(channel + 1) * pixels]
    }

    /// The picture as [H, W, 3].
    pub(crate) fn interleaved(&self) -> Vec<u8> {
        let pixels = self.height * self.width;
        (0..pixels)
            .flat_map(|pixel| [0, 1, 2].map(|channel| self.bytes[channel * pixels + pixel]))
            .collect()
    }

    /// Brightness, [H, W].
    pub(crate) fn grey(&self) -> Vec<u8> {
        let weigh = |r: u8, g: u8, b: u8| {
            ((u16::from(r) * 2 + u16::from(g) * 3 + u16::from(b) * 3) >> 3) as u8
        };
        (self.plane(0).iter())
            .zip(self.plane(1))
            .zip(self.plane(2))
            .map(|((&r, &g), &b)| weigh(r, g, b))
            .collect()
    }

    /// Smallest and largest value in the 3x3 surroundings of every pixel, as planes.
    pub(crate) fn surroundings(&self) -> (Self, Self) {
        let (mut low, mut high) = (self.clone(), self.clone());
        let pixels = self.height * self.width;
        for channel in 0..CHANNELS {
            let range = channel * pixels..(channel + 1) * pixels;
            spread(
                self.plane(channel),
                self.width,
                &mut low.bytes[range.clone()],
                u8::min,
            );
            spread(
                self.plane(channel),
                self.width,
                &mut high.bytes[range],
                u8::max,
            );
        }
        (low, high)
    }
}

/// The 3x3 extreme of a plane: first along rows, then along columns.
fn spread(plane: &[u8], width: usize, out: &mut [u8], extreme: fn(u8, u8) -> u8) {
    let mut rows = plane.to_vec();
    for (row, source) in rows.chunks_exact_mut(width).zip(plane.chunks_exact(width)) {
        for ((value, &left), &right) in row[1..].iter_mut().zip(source).zip(&source[1..]) {
            *value = extreme(left, right);
        }
        for (value, &right) in row.iter_mut().zip(&source[1..]) {
            *value = extreme(*value, right);
        }
    }
    out.copy_from_slice(&rows);
    let below = out.len() - width;
    for (value, &next) in out[..below].iter_mut().zip(&rows[width..]) {
        *value = extreme(*value, next);
    }
    for (value, &previous) in out[width..].iter_mut().zip(&rows[..below]) {
        *value = extreme(*value, previous);
    }
}

/// Part of a clip that is worked on at once, and the frames around it that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) clip: usize,
    /// Frames whose results are wanted: first, and one past the last.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Frames that are read.
    pub(crate) read_start: usize,
    pub(crate) read_end: usize,
}

/// Most frames of a window: long clips are worked on in pieces, at once and in bounded memory.
const WINDOW_FRAMES: usize = 256;

/// The windows that cover the given clips, each read with `margin` frames around it.
pub(crate) fn windows(source: &dyn FrameSource, clips: &[usize], margin: usize) -> Vec<Window> {
    let mut windows = Vec::new();
    for &clip in clips {
        let frames = source.clip_len(clip);
        for start in (0..frames).step_by(WINDOW_FRAMES) {
            let end = (start + WINDOW_FRAMES).min(frames);
            windows.push(Window {
                clip,
                start,
                end,
                read_start: start.saturating_sub(margin),
                read_end: (end + margin).min(frames),
            });
        }
    }
    windows
}

/// Reads the frames of a window as planes.
pub(crate) fn read_window(
    source: &dyn FrameSource,
    window: &Window,
    size: WorkingSize,
) -> Result<Vec<Planes>, DatasetError> {
    let mut bytes = Vec::new();
    source.read(
        window.clip,
        window.read_start,
        window.read_end - window.read_start,
        &mut bytes,
    )?;
    let (height, width) = source.frame_size();
    Ok(bytes
        .chunks_exact(height * width * CHANNELS)
        .map(|frame| Planes::reduce(frame, width, size))
        .collect())
}
