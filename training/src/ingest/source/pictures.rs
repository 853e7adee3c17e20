//! Folders of pictures.

use genie_model::Frame;

use super::super::geometry::{Geometry, Plan};
use super::super::names::order_frames;
use super::super::remark::{Remark, RemarkKind};
use super::stored::Stored;
use super::stream::{FrameSource, TimedFrame, Wanted};

/// Largest file of a picture.
const MOST_BYTES: u64 = 256 << 20;

/// Size of the first picture that can be read.
pub(super) fn first_size(files: &[Stored]) -> Result<(usize, usize), String> {
    let mut problem = "it holds no pictures".to_owned();
    for file in files.iter().take(100) {
        match read(file, [0; 3]) {
            Ok(frame) => return Ok((frame.width(), frame.height())),
            Err(error) => problem = format!("{}: {error}", file.file_name()),
        }
    }
    Err(problem)
}

fn read(file: &Stored, background: [u8; 3]) -> Result<Frame, String> {
    let bytes = file.read(MOST_BYTES)?;
    Frame::decode_over(&bytes, background).map_err(|error| error.to_string())
}

/// Pictures of one folder, one after the other.
pub(super) struct Pictures {
    files: Vec<Stored>,
    /// Places in `files` in the order of the frames.
    order: Vec<usize>,
    /// Frames that do not follow from the one before.
    breaks: Vec<usize>,
    pace: f64,
    geometry: Geometry,
    plan: Option<Plan>,
    next: usize,
    until: usize,
    /// The frame before was unreadable or of another size.
    broken: bool,
    sizes: Vec<(usize, usize)>,
    remarks: Vec<Remark>,
}

impl Pictures {
    pub(super) fn open(files: Vec<Stored>, pace: f64, geometry: Geometry, wanted: Wanted) -> Self {
        let names: Vec<String> = files
            .iter()
            .map(|file| {
                let name = file.file_name();
                name.rsplit_once('.')
                    .map_or(name.clone(), |(stem, _)| stem.to_owned())
            })
            .collect();
        let named = order_frames(&names);
        let remarks = named
            .remarks
            .into_iter()
            .map(|text| Remark::new(RemarkKind::Assumed, text))
            .collect();
        // A frame is there from its time on; half a frame early counts as that frame's.
        let frame_at = |seconds: f64| ((seconds * pace) - 1e-6).ceil().max(0.0) as usize;
        Self {
            next: frame_at(wanted.start),
            until: frame_at(wanted.end).min(files.len()),
            order: named.order,
            breaks: named.breaks,
            files,
            pace,
            geometry,
            plan: None,
            broken: false,
            sizes: Vec::new(),
            remarks,
        }
    }

    fn remark(&mut self, kind: RemarkKind, text: String) {
        self.remarks.push(Remark::new(kind, text));
    }
}

impl FrameSource for Pictures {
    fn next_frame(&mut self) -> Result<Option<TimedFrame>, String> {
        while self.next < self.until {
            let at = self.next;
            self.next += 1;
            let file = &self.files[self.order[at]];
            let name = file.file_name();
            let picture = match read(file, self.geometry.background) {
                Ok(picture) => picture,
                Err(error) => {
                    self.remark(
                        RemarkKind::Damaged,
                        format!("the frame {name} is left out, and the clip split there: {error}"),
                    );
                    self.broken = true;
                    continue;
                }
            };
            let size = (picture.width(), picture.height());
            if self.plan.is_none_or(|plan| plan.source != size) {
                let changed = self.plan.is_some();
                match self.geometry.plan(size, 1.0) {
                    Ok(plan) => self.plan = Some(plan),
                    Err(problem) => {
                        self.remark(
                            RemarkKind::Damaged,
                            format!("the frame {name} is left out: {problem}"),
                        );
                        self.broken = true;
                        continue;
                    }
                }
                if changed {
                    self.broken = true;
                    if !self.sizes.contains(&size) {
                        self.remark(
                            RemarkKind::Changed,
                            format!(
                                "from {name} on the pictures have another size ({}x{}): split there, and at each such change",
                                size.0, size.1
                            ),
                        );
                    }
                }
                self.sizes.push(size);
            }
            let plan = self.plan.as_ref().expect("planned above");
            let frame = plan.apply(&picture);
            let continues = !std::mem::take(&mut self.broken) && !self.breaks.contains(&at);
            return Ok(Some(TimedFrame {
                time: at as f64 / self.pace,
                index: at as u64,
                frame,
                continues,
            }));
        }
        Ok(None)
    }

    fn end(&self) -> Option<f64> {
        Some(self.until as f64 / self.pace)
    }

    fn behind(&self) -> Option<(f64, u64)> {
        (self.until < self.files.len()).then(|| (self.until as f64 / self.pace, self.until as u64))
    }

    fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }
}
