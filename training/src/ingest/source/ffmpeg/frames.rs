//! The frames of a film, scaled by the program.

use std::io::{BufReader, Read};
use std::process::ChildStdout;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use genie_model::Frame;

use super::super::super::geometry::Plan;
use super::super::super::remark::{Remark, RemarkKind};
use super::super::high_range::ToSrgb;
use super::super::info::FfmpegStream;
use super::super::planes::{Colours, Planes};
use super::super::stored::Stored;
use super::super::stream::{FrameSource, Part, Place, TimedFrame, Wanted};
use super::log::{is_frame, ratio, value};
use super::program::{command, input_options, passthrough, program};
use super::running::{Running, patience};

/// Decoding begins so much before the wanted part, in seconds: indices of some containers are coarse.
const RUN_UP: f64 = 1.0;

/// The frames of one film.
pub(in crate::ingest::source) struct Ffmpeg {
    running: Running,
    pixels: BufReader<ChildStdout>,
    plan: Plan,
    part: Part,
    first: f64,
    time_base: f64,
    alpha: bool,
    /// For colours that are not those of sRGB.
    to_srgb: Option<ToSrgb>,
    /// The colours of its planes, where they come as they are stored.
    planes: Option<Colours>,
    size: Option<String>,
    /// Errors that it told before the wanted part, of pictures that are not used.
    earlier_errors: u64,
    done: bool,
    remarks: Vec<Remark>,
    buffer: Vec<u8>,
}

impl Ffmpeg {
    pub(in crate::ingest::source) fn open(
        file: &Stored,
        stream: &FfmpegStream,
        plan: Plan,
        wanted: Wanted,
    ) -> Result<Self, String> {
        let program = program().ok_or("the program ffmpeg is not found")?;
        let (mut command, input) = command(program, file);
        let seek = stream.first + wanted.start - RUN_UP;
        let seek = (wanted.start > RUN_UP && !wanted.numbered).then_some(seek);
        input_options(&mut command, seek, wanted.threads.max(1), &input);
        let planes = stream.planes.filter(|_| plan.scaled_here());
        let filters = if planes.is_some() {
            unscaled(&plan)
        } else {
            filters(&plan, stream)
        };
        command
            .args(passthrough(program))
            .args(["-vf", &filters])
            .args(["-f", "rawvideo", "-c:v", "rawvideo", "pipe:1"]);
        let running = Running::spawn(command, patience(file.len().unwrap_or(0)))?;
        let pixels = running
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stdout
            .take()
            .ok_or("ffmpeg has no output")?;
        let inner = plan.inner.0 * plan.inner.1;
        let bytes = match (planes, stream.high_range, stream.alpha) {
            (Some(_), ..) => Planes::bytes(plan.source),
            (None, Some(_), _) => inner * 6,
            (None, None, true) => inner * 4,
            (None, None, false) => inner * 3,
        };
        let mut remarks = Vec::new();
        if let Some(kind) = stream.high_range {
            remarks.push(Remark::new(RemarkKind::Changed, kind.in_words()));
        }
        Ok(Self {
            running,
            pixels: BufReader::with_capacity(1 << 16, pixels),
            buffer: vec![0; bytes],
            planes,
            plan,
            part: Part::new(wanted),
            first: stream.first,
            time_base: stream.time_base,
            alpha: stream.alpha,
            to_srgb: stream.high_range.map(ToSrgb::new),
            size: None,
            earlier_errors: 0,
            done: false,
            remarks,
        })
    }

    /// The time of the next frame, and whether its picture has the size of the one before.
    fn next_time(&mut self) -> Result<(f64, bool), String> {
        loop {
            let line = self
                .running
                .lines
                .recv()
                .map_err(|_| "ffmpeg gave no time for a frame".to_owned())?;
            if is_frame(&line) {
                let time = value(&line, " pts:").and_then(|pts| pts.parse::<i64>().ok());
                let time = time.map_or(self.part.last + self.part.step, |pts| {
                    pts as f64 * self.time_base - self.first
                });
                let size = value(&line, " s:").unwrap_or_default().to_owned();
                let same = self.size.as_ref().is_none_or(|known| *known == size);
                self.size = Some(size);
                return Ok((time, same));
            } else if line.contains("config in time_base:")
                && let Some(base) = value(&line, "time_base:").and_then(ratio)
            {
                self.time_base = base;
            }
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.done = true;
        let ended = self.running.wait();
        let told = self.running.errors().first;
        if self.part.met == 0 {
            return match (ended, told) {
                (_, Some(told)) => Err(format!("ffmpeg: {told}")),
                (Err(ended), None) => Err(format!("ffmpeg: {ended}")),
                // The wanted part lies behind its end.
                (Ok(()), None) => Ok(()),
            };
        }
        if let Err(ended) = ended {
            self.remarks.push(Remark::new(
                RemarkKind::Damaged,
                format!(
                    "what follows second {:.1} cannot be read: ffmpeg: {}",
                    self.part.last,
                    told.unwrap_or(ended)
                ),
            ));
        } else {
            self.remark_on_errors();
        }
        Ok(())
    }

    /// What the program complained of since the wanted part began.
    fn remark_on_errors(&mut self) {
        let errors = self.running.errors();
        let told = match self.earlier_errors {
            0 => errors.first,
            _ => errors.last,
        };
        let count = errors.count.saturating_sub(self.earlier_errors);
        if let (Some(told), 1..) = (told, count) {
            self.remarks.push(Remark::new(
                RemarkKind::Damaged,
                format!(
                    "ffmpeg met {count} errors, so that frames may be damaged or missing: {told}"
                ),
            ));
        }
    }
}

/// The chain of filters for planes as they are stored; a picture that changes its size is scaled to that of the first.
fn unscaled(plan: &Plan) -> String {
    let (width, height) = plan.source;
    format!("showinfo=checksum=0,scale={width}:{height},format=yuv420p|yuvj420p")
}

/// The chain of filters: the frame's time, then crop and scale.
fn filters(plan: &Plan, stream: &FfmpegStream) -> String {
    let area = plan.area;
    let mut filters = vec!["showinfo=checksum=0".to_owned()];
    if (area.x, area.y) != (0, 0) || (area.width, area.height) != plan.source {
        filters.push(format!(
            "crop={}:{}:{}:{}:exact=1",
            area.width, area.height, area.x, area.y
        ));
    }
    let flags = if plan.grows() {
        "neighbor"
    } else {
        "area+accurate_rnd+full_chroma_int+full_chroma_inp"
    };
    let matrix = stream
        .matrix
        .map_or_else(String::new, |matrix| format!(":in_color_matrix={matrix}"));
    let (width, height) = plan.inner;
    filters.push(format!("scale={width}:{height}:flags={flags}{matrix}"));
    filters.push(
        match (stream.high_range, stream.alpha) {
            (Some(_), _) => "format=rgb48le",
            (None, true) => "format=rgba",
            (None, false) => "format=rgb24",
        }
        .to_owned(),
    );
    filters.join(",")
}

impl FrameSource for Ffmpeg {
    fn next_frame(&mut self) -> Result<Option<TimedFrame>, String> {
        while !self.done {
            self.running.watch.waiting.store(true, Ordering::Relaxed);
            let read = self.pixels.read_exact(&mut self.buffer);
            self.running.watch.waiting.store(false, Ordering::Relaxed);
            if read.is_err() {
                self.running.watch.waiting.store(true, Ordering::Relaxed);
                self.finish()?;
                break;
            }
            self.running.watch.seen();
            let (time, same) = self.next_time()?;
            let index = match self.part.meet(time) {
                Place::Before => {
                    self.earlier_errors = self.running.errors().count;
                    continue;
                }
                Place::Inside(index) => index,
                Place::Behind => {
                    self.done = true;
                    self.remark_on_errors();
                    break;
                }
            };
            if !same {
                self.remarks.push(Remark::new(
                    RemarkKind::Changed,
                    format!("at second {time:.1} its picture changes its size: split there"),
                ));
            }
            let (width, height) = self.plan.inner;
            let frame = if let Some(colours) = self.planes {
                Planes::of(&self.buffer, self.plan.source).inner(&self.plan, colours)?
            } else if let Some(to_srgb) = &self.to_srgb {
                Frame::from_rgb(width, height, to_srgb.pixels(&self.buffer))
                    .map_err(|error| error.to_string())?
            } else if self.alpha {
                Frame::from_rgba_over(width, height, &self.buffer, self.plan.background)
                    .map_err(|error| error.to_string())?
            } else {
                Frame::from_rgb(width, height, self.buffer.clone())
                    .map_err(|error| error.to_string())?
            };
            return Ok(Some(TimedFrame {
                time,
                index,
                frame: self.plan.framed(frame),
                continues: same,
            }));
        }
        Ok(None)
    }

    fn end(&self) -> Option<f64> {
        self.part.end()
    }

    fn behind(&self) -> Option<(f64, u64)> {
        self.part.behind
    }

    fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }
}
