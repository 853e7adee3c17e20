//! A look at the footage of a dataset: whether a world can be learned from it, and what to do where not.

use std::sync::Arc;

use genie_model::{Frame, percentile};
use serde::Serialize;

use super::cutting::{CutSettings, Cutter, Verdict};
use super::left_out::LeftOut;
use super::look::changed_share;
use super::survey::{LIKED_PIXELS, movement, small};
use super::ticks::Tick;
use crate::dataset::{Dataset, DatasetError};

/// Windows that are looked at, and seconds of each: a picture is frozen after two.
const WINDOWS: usize = 48;
const WINDOW_SECONDS: f64 = 4.0;
/// Pairs of frames of a window whose movement is measured.
const PAIRS: usize = 4;
/// Shares of blank or frozen frames that are worth a word.
const NOTED_SHARE: f64 = 0.05;
/// Cuts a minute that are worth a word.
const NOTED_CUTS: f64 = 2.0;
/// Movement from which on most of it is more than the model follows, in pixels of 64: the shipped world learned eight.
const FAST_PIXELS: f64 = 1.5 * LIKED_PIXELS;
/// Movement below which most of what is learned is standing still, in pixels of 64.
const SLOW_PIXELS: f64 = 0.7;
/// Footage from that length on is enough for a small game, in seconds.
const ENOUGH_SECONDS: f64 = 120.0;

/// What a look at a dataset shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Inspection {
    /// Length of all clips.
    pub seconds: f64,
    /// Share of frames of one colour.
    pub blank: f64,
    /// Share of frames that have stood for two seconds and longer.
    pub frozen: f64,
    /// Scene cuts inside clips, a minute.
    pub cuts_per_minute: f64,
    /// Share of pairs of frames between which something moves as a whole.
    pub moving: f64,
    /// How far what moves fast goes from frame to frame, in pixels of a picture 64 wide; `None` where nothing moves.
    pub pixels_per_frame: Option<f64>,
}

/// Something about the footage that stands against a good world, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was found.
    pub what: String,
    /// What helps.
    pub remedy: String,
}

impl Inspection {
    /// Looks at windows spread over the clips of a dataset.
    ///
    /// # Errors
    /// A failing disk.
    pub fn of(dataset: &Dataset) -> Result<Self, DatasetError> {
        let format = dataset.format();
        let pace = format.frames_per_second;
        let window = ((WINDOW_SECONDS * pace).ceil() as usize).clamp(2, 400);
        let (mut seen, mut blank, mut frozen, mut cuts) = (0_u64, 0_u64, 0_u64, 0_u64);
        let (mut pairs, mut moving, mut steps) = (0_u64, 0_u64, Vec::new());
        let mut bytes = Vec::new();
        let clips = dataset.clip_count();
        for number in 0..WINDOWS {
            // One window of each clip, or several where there are few clips.
            let clip = number * clips / WINDOWS.max(clips).min(WINDOWS);
            let round = number % WINDOWS.div_ceil(clips.max(1));
            let length = dataset.clip_len(clip);
            let count = window.min(length);
            let start = (length - count) * round / WINDOWS.div_ceil(clips.max(1)).max(1);
            dataset.read_frames(clip, start, count, &mut bytes)?;
            let frames: Vec<Arc<Frame>> = bytes
                .chunks_exact(format.frame_bytes())
                .filter_map(|frame| {
                    Frame::from_rgb(format.width, format.height, frame.to_vec()).ok()
                })
                .map(Arc::new)
                .collect();
            let mut cutter = Cutter::new(CutSettings {
                keep_all: false,
                pace,
                longest: u64::MAX,
                shortest: 0,
                usual_change: None,
            });
            for (index, frame) in frames.iter().enumerate() {
                seen += 1;
                let tick = Tick {
                    frame: Arc::clone(frame),
                    time: index as f64 / pace,
                    index: index as u64,
                    continues: true,
                };
                let verdicts = cutter.push(&tick, false);
                match verdicts.as_slice() {
                    [.., Verdict::Leave(LeftOut::Blank)] => blank += 1,
                    [.., Verdict::Leave(_)] => frozen += 1,
                    [Verdict::End(_), Verdict::Take] => cuts += 1,
                    _ => {}
                }
            }
            let places = frames.len().saturating_sub(1);
            for place in 0..PAIRS.min(places) {
                let at = place * places / PAIRS.min(places);
                let (before, after) = (&frames[at], &frames[at + 1]);
                pairs += 1;
                if changed_share(before.pixels(), after.pixels()) == 0.0 {
                    continue;
                }
                if let Some(moved) = movement(&small(before), &small(after)) {
                    moving += 1;
                    steps.push(moved);
                }
            }
        }
        steps.sort_by(f64::total_cmp);
        let share = |count: u64, of: u64| count as f64 / of.max(1) as f64;
        Ok(Self {
            seconds: dataset.total_frames() as f64 / pace,
            blank: share(blank, seen),
            frozen: share(frozen, seen),
            cuts_per_minute: share(cuts, seen) * pace * 60.0,
            moving: share(moving, pairs),
            pixels_per_frame: percentile(&steps, 0.9),
        })
    }

    /// What stands against a good world, each with its remedy.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings_with(false)
    }

    /// The same where it is known whether somebody acts: a player of a few pixels is not seen by what moves as a whole.
    pub(crate) fn findings_with(&self, acts: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |what: String, remedy: &str| {
            findings.push(Finding {
                what,
                remedy: remedy.to_owned(),
            });
        };
        let percent = |share: f64| (100.0 * share).round();
        if self.blank > NOTED_SHARE {
            find(
                format!("{} % of the frames are of one colour", percent(self.blank)),
                "import the films without --keep-all, which leaves such frames out",
            );
        }
        if self.frozen > NOTED_SHARE {
            find(
                format!("{} % of the frames stand still", percent(self.frozen)),
                "import the films without --keep-all, which leaves what is frozen out; pauses and menus teach nothing",
            );
        }
        if self.cuts_per_minute > NOTED_CUTS {
            find(
                format!(
                    "{:.1} scene cuts a minute lie inside clips",
                    self.cuts_per_minute
                ),
                "import the films without --keep-all, so that clips part where scenes cut",
            );
        }
        match self.pixels_per_frame {
            Some(pixels) if pixels > FAST_PIXELS => find(
                format!(
                    "what moves fast goes {pixels:.0} pixels (of 64) from frame to frame, and up to {LIKED_PIXELS} are well learned"
                ),
                "import with more frames a second (--fps), as far as the films have them; else record with more",
            ),
            Some(pixels) if pixels < SLOW_PIXELS => find(
                format!("hardly anything moves from frame to frame ({pixels:.1} pixels of 64)"),
                "import with fewer frames a second (--fps), or larger (--size, --crop)",
            ),
            None if !acts => find(
                "nothing moves as a whole: nobody acts in it, or it is too small to see".to_owned(),
                "crop to where the game is played (--crop), and leave menus out",
            ),
            _ => {}
        }
        if self.seconds < ENOUGH_SECONDS {
            find(
                format!("there are {:.0} seconds of footage", self.seconds),
                "a few minutes of play are the least for a game of one screen, twenty for one that scrolls",
            );
        }
        findings
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};
    use crate::gameplay::{GameplayOptions, generate_dataset};

    fn said(folder: &std::path::Path) -> String {
        let look = Inspection::of(&Dataset::open(folder).unwrap()).unwrap();
        let findings = look.findings();
        findings
            .iter()
            .map(|finding| finding.what.clone())
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn footage_of_a_game_is_found_good_and_a_black_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good");
        generate_dataset(&good, 8, 160, 1, GameplayOptions::default(), &|_| ()).unwrap();
        assert_eq!(said(&good), "");
        let format = FrameFormat {
            height: 16,
            width: 16,
            frames_per_second: 10.0,
        };
        let make = |name: &str, value: &dyn Fn(usize) -> u8| {
            let path = folder.path().join(name);
            let mut writer = DatasetWriter::create(&path, format).unwrap();
            for clip in 0..2 {
                let pixels = (0..format.frame_bytes() * 50).map(|i| value(i + clip));
                writer.push_clip(&pixels.collect::<Vec<_>>(), None).unwrap();
            }
            writer.finish().unwrap();
            said(&path)
        };
        let black = make("black", &|_| 0);
        assert!(
            black.contains("100 % of the frames are of one colour"),
            "{black}"
        );
        assert!(black.contains("nothing moves"), "{black}");
        // Where a small player acts that is no complaint.
        let look = Dataset::open(&folder.path().join("black")).unwrap();
        let findings = Inspection::of(&look).unwrap().findings_with(true);
        let mut said = findings.iter().map(|finding| finding.what.as_str());
        assert!(
            said.all(|said| !said.contains("nothing moves")),
            "{findings:?}"
        );
        let bytes = format.frame_bytes();
        let frozen = make("frozen", &|i| (i % bytes * 37) as u8);
        assert!(frozen.contains("stand still"), "{frozen}");
    }
}
