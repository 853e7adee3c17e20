//! Where the frames of one source are sorted: into clips, or out.

use genie_model::Frame;

use super::IngestError;
use super::clip_writer::ClipWriter;
use super::cutting::{Cutter, Verdict};
use super::left_out::LeftOut;
use super::menus::{Judged, MenuFinder};
use super::report::{ClipReport, LeftOutReport};
use super::thumbs::{SHEET_FRAMES, Thumbs, thumb};
use super::ticks::Tick;

/// Rows on a sheet.
const SHEET_ROWS: usize = 40;

/// Takes frames, and does what the cutter says.
pub(super) struct FrameSorter {
    pub(super) writer: ClipWriter,
    pub(super) menus: MenuFinder,
    pub(super) cutter: Cutter,
    /// Time and number in the source of each frame of the clip at hand.
    pub(super) clip: Vec<(f64, u64)>,
    pub(super) clips: Vec<ClipReport>,
    pub(super) left_out: Vec<LeftOutReport>,
    /// The first frames of what was left out.
    pub(super) left_frames: Vec<Vec<Frame>>,
    /// Number in the source of each frame of each clip.
    pub(super) numbers: Vec<Vec<u64>>,
    pub(super) thumbs: Thumbs,
    pub(super) kept_rows: Vec<Vec<Frame>>,
}

impl FrameSorter {
    /// Takes a frame; what is done with it may only turn out with later ones.
    pub(super) fn take(&mut self, tick: Tick) -> Result<(), IngestError> {
        for Judged { tick, menu } in self.menus.push(tick) {
            self.sort(&tick, menu)?;
        }
        Ok(())
    }

    fn sort(&mut self, tick: &Tick, menu: bool) -> Result<(), IngestError> {
        for verdict in self.cutter.push(tick, menu) {
            match verdict {
                Verdict::Take => {
                    self.writer.push(tick.frame.pixels())?;
                    self.clip.push((tick.time, tick.index));
                    self.thumbs.push(&tick.frame);
                }
                Verdict::Leave(reason) => {
                    self.leave(tick.time, tick.time, 1, reason, Some(&tick.frame));
                }
                Verdict::End(kept) => self.end(kept)?,
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), IngestError> {
        for Judged { tick, menu } in self.menus.finish() {
            self.sort(&tick, menu)?;
        }
        match self.cutter.finish() {
            Some(Verdict::End(kept)) => self.end(kept),
            _ => Ok(()),
        }
    }

    fn end(&mut self, kept: Result<(), LeftOut>) -> Result<(), IngestError> {
        let clip = std::mem::take(&mut self.clip);
        let thumbs = std::mem::take(&mut self.thumbs).frames;
        let (Some(first), Some(last)) = (clip.first(), clip.last()) else {
            return Ok(());
        };
        let frames = clip.len() as u64;
        match kept {
            Ok(()) => {
                self.writer.end_clip()?;
                self.numbers
                    .push(clip.iter().map(|(_, number)| *number).collect());
                self.clips.push(ClipReport {
                    from: first.0,
                    to: last.0,
                    frames,
                });
                if self.kept_rows.len() < SHEET_ROWS {
                    self.kept_rows.push(thumbs);
                }
            }
            Err(reason) => {
                self.writer.discard_clip()?;
                self.leave(first.0, last.0, frames, reason, thumbs.first());
            }
        }
        Ok(())
    }

    fn leave(&mut self, from: f64, to: f64, frames: u64, reason: LeftOut, frame: Option<&Frame>) {
        let ends = self.clips.last().map_or(f64::NEG_INFINITY, |clip| clip.to);
        if let Some(last) = self.left_out.last_mut()
            && last.reason == reason
            && reason != LeftOut::Short
            // Menus between cuts come as wholes, those inside a scene by their frames.
            && (reason != LeftOut::Menu || frames == 1)
            && last.to >= ends
        {
            last.to = to;
            last.frames += frames;
            return;
        }
        self.left_out.push(LeftOutReport {
            from,
            to,
            frames,
            reason,
        });
        let Some(frame) = frame else { return };
        let frame = thumb(frame);
        let full = self.left_frames.len() >= SHEET_ROWS;
        match self.left_frames.last_mut() {
            Some(row) if row.len() < SHEET_FRAMES => row.push(frame),
            _ if full => {}
            _ => self.left_frames.push(vec![frame]),
        }
    }
}
