//! H.264 films in mp4, mov, m4v and mkv, decoded without any program.
//!
//! One thread reads packets and gathers them into runs that begin with a picture that depends on none before it; several
//! threads decode runs side by side, scale each picture and turn it into RGB; the stream puts the runs in order again, and
//! the frames inside them by their presentation times.

mod annex_b;
mod container;
mod matroska;
mod mp4;
mod parallel;
mod sequence;

use genie_model::Frame;

use super::super::geometry::Plan;
use super::super::remark::{Remark, RemarkKind};
use super::ffmpeg::needs_ffmpeg;
use super::info::{Decoder, SourceInfo};
use super::planes::Planes;
use super::stored::Stored;
use super::stream::{FrameSource, Part, Place, TimedFrame, Wanted};
use annex_b::Packets;
use container::Container;
use parallel::Runs;
use sequence::Sequence;

/// Opens a container, whichever it is.
fn open_container(file: &Stored) -> Result<Box<dyn Container>, String> {
    let start = file.start(16)?;
    if start.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
        return Ok(Box::new(matroska::Matroska::open(file)?));
    }
    if start.get(4..8).is_some_and(|kind| {
        [
            b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot",
        ]
        .iter()
        .any(|known| kind == known.as_slice())
    }) {
        return Ok(Box::new(mp4::Mp4::open(file)?));
    }
    let known = genie_model::looks_like(&start);
    Err(if known.starts_with("it begins") {
        needs_ffmpeg("its container")
    } else {
        known
    })
}

/// Looks at a film without decoding it.
pub(super) fn probe(file: &Stored) -> Result<SourceInfo, String> {
    let container = open_container(file)?;
    let track = container.track();
    let sequence = annex_b::sequence(&track.configuration)?;
    if let Some(reason) = sequence.unsupported() {
        return Err(needs_ffmpeg(&format!("H.264 with {reason}")));
    }
    let (width, height) = sequence.size;
    let aspect = track.pixel_aspect.unwrap_or(sequence.pixel_aspect);
    let turned = track.turns % 2 == 1;
    Ok(SourceInfo {
        size: if turned {
            (height, width)
        } else {
            (width, height)
        },
        pixel_aspect: if turned { 1.0 / aspect } else { aspect },
        seconds: track.seconds,
        pace: track.pace,
        described: "film, h264 by the built-in decoder".to_owned(),
        decoder: Decoder::H264,
    })
}

/// The time of a film's last picture that is there, in seconds from its first.
pub(super) fn length(file: &Stored) -> Option<f64> {
    let mut container = open_container(file).ok()?;
    let mut last = f64::NEG_INFINITY;
    // What cannot be read any further ends there.
    while let Ok(Some(packet)) = container.next_packet() {
        last = last.max(packet.time);
    }
    Some(last - container.track().first).filter(|length| *length > 0.0 && length.is_finite())
}

/// The frames of one film.
pub(super) struct H264 {
    runs: Runs,
    part: Part,
    plan: Plan,
    done: bool,
    first: f64,
    remarks: Vec<Remark>,
}

impl H264 {
    pub(super) fn open(file: &Stored, plan: Plan, wanted: Wanted) -> Result<Self, String> {
        let mut container = open_container(file)?;
        let sequence = annex_b::sequence(&container.track().configuration)?;
        if wanted.start > 0.0 && !wanted.numbered {
            container.seek(wanted.start);
        }
        let track = container.track().clone();
        let packets = Packets::new(container, &track.configuration)?;
        let mut remarks = Vec::new();
        if sequence.other_colours {
            remarks.push(Remark::new(
                RemarkKind::Assumed,
                "it is in high dynamic range or wide colours, which the built-in decoder does not convert: its colours come out flat \
                 (the program ffmpeg converts them)",
            ));
        }
        let turns = track.turns;
        let turned = unturned(plan, turns);
        let runs = Runs::start(
            packets,
            wanted.threads.max(1),
            plan.inner.0 * plan.inner.1 * 3,
            move |picture: &Planes<'_>| turn(picture_frame(picture, &turned, &sequence), turns),
        );
        Ok(Self {
            runs,
            part: Part::new(wanted),
            plan,
            done: false,
            first: track.first,
            remarks,
        })
    }
}

/// The plan as it is for the picture before it is turned upright.
fn unturned(plan: Plan, turns: u8) -> Plan {
    let mut turned = plan;
    // Back, one quarter at a time.
    for _ in 0..turns % 4 {
        let (width, height) = turned.source;
        let area = turned.area;
        // A point (x, y) of the turned picture was at (y, width - 1 - x).
        turned.area.x = area.y;
        turned.area.y = width - area.x - area.width;
        (turned.area.width, turned.area.height) = (area.height, area.width);
        turned.source = (height, width);
        turned.inner = (turned.inner.1, turned.inner.0);
    }
    // Only what is inside is computed before turning.
    (turned.width, turned.height) = turned.inner;
    turned.at = (0, 0);
    turned
}

/// Scales the planes of a picture and turns them into RGB.
fn picture_frame(picture: &Planes<'_>, plan: &Plan, sequence: &Sequence) -> Result<Frame, String> {
    if picture.size != plan.source {
        return Err(format!(
            "its picture changes its size to {}x{}, which only ffmpeg follows",
            picture.size.0, picture.size.1
        ));
    }
    picture.inner(plan, sequence.colours)
}

/// Turns a picture clockwise by quarters.
fn turn(frame: Result<Frame, String>, turns: u8) -> Result<Frame, String> {
    let mut frame = frame?;
    for _ in 0..turns % 4 {
        let (width, height) = (frame.width(), frame.height());
        let source = frame.pixels();
        let mut pixels = Vec::with_capacity(source.len());
        for y in 0..width {
            for x in 0..height {
                let at = ((height - 1 - x) * width + y) * 3;
                pixels.extend_from_slice(&source[at..at + 3]);
            }
        }
        frame = Frame::from_rgb(height, width, pixels).map_err(|error| error.to_string())?;
    }
    Ok(frame)
}

impl FrameSource for H264 {
    fn next_frame(&mut self) -> Result<Option<TimedFrame>, String> {
        while !self.done {
            let picture = match self.runs.next_picture() {
                Ok(Some(picture)) => picture,
                Ok(None) => {
                    self.done = true;
                    break;
                }
                Err(problem) if self.part.met == 0 => return Err(problem),
                Err(problem) => {
                    self.done = true;
                    self.remarks.push(Remark::new(
                        RemarkKind::Damaged,
                        format!(
                            "what follows second {:.1} cannot be read: {problem}",
                            self.part.last
                        ),
                    ));
                    break;
                }
            };
            // Pictures before an edit list's beginning are there for others to depend on.
            if picture.time == f64::NEG_INFINITY {
                continue;
            }
            let time = picture.time - self.first;
            let index = match self.part.meet(time) {
                Place::Before => continue,
                Place::Inside(index) => index,
                Place::Behind => {
                    self.done = true;
                    break;
                }
            };
            return Ok(Some(TimedFrame {
                time,
                index,
                frame: self.plan.framed(picture.frame),
                continues: picture.continues,
            }));
        }
        let (lost, reason) = self.runs.take_lost();
        let reason = reason.unwrap_or_default();
        if self.part.met == 0 && lost > 0 {
            return Err(needs_ffmpeg(&format!("H.264 of this kind ({reason})")));
        }
        if lost > 0 {
            self.remarks.push(Remark::new(
                RemarkKind::Damaged,
                format!("{lost} of its pictures cannot be decoded and are missing: {reason}"),
            ));
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn four_quarters_are_a_whole_turn() {
        let frame = Frame::from_rgb(3, 2, (0..18).collect()).unwrap();
        let turned = turn(Ok(frame.clone()), 1).unwrap();
        assert_eq!((turned.width(), turned.height()), (2, 3));
        // What was below on the left is above on the left.
        assert_eq!(turned.pixels()[..3], frame.pixels()[9..12]);
        assert_eq!(turn(Ok(turned), 3).unwrap(), frame);
    }
}
