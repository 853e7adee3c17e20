//! Frames become clips: split where scenes cut, without what is black, frozen or a menu.

use genie_model::median;

use super::left_out::LeftOut;
use super::look::{Look, changed_share, colours_apart, residue};
use super::ticks::Tick;

/// Share of changed pixels below which nothing moves.
const STILL_SHARE: f32 = 0.0006;
/// A picture that stands so long is frozen, in seconds.
const FROZEN_SECONDS: f64 = 2.0;
/// A scene cuts where so many pixels change, colours differ by so much, and the picture differs by so much from what any
/// movement of the last one explains (in levels of 255).
const CUT_SHARE: f32 = 0.5;
const CUT_COLOURS: f32 = 0.30;
const CUT_RESIDUE: f32 = 22.0;
/// And how many times the residue of the frames before.
const CUT_RATIO: f32 = 3.0;
/// A segment between cuts in which so much less moves than in the rest of the footage is a menu or a pause.
pub(super) const MENU_SHARE: f32 = 0.08;
pub(super) const MENU_SECONDS: f64 = 1.0;

/// What is to be done with a frame, or with the frames of the clip at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// The clip at hand ends before this frame; whether it is kept.
    End(Result<(), LeftOut>),
    /// The frame goes into the clip at hand.
    Take,
    /// The frame goes nowhere.
    Leave(LeftOut),
}

/// Settings of the cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct CutSettings {
    pub(super) keep_all: bool,
    pub(super) pace: f64,
    pub(super) longest: u64,
    pub(super) shortest: u64,
    /// Share of pixels that usually change from frame to frame, where that is known.
    pub(super) usual_change: Option<f32>,
}

/// Decides frame by frame.
pub(super) struct Cutter {
    settings: CutSettings,
    last: Option<(Tick, Look)>,
    /// Frames of the clip at hand, and the sum of their changed shares.
    frames: u64,
    change: f64,
    /// Whether the clip at hand began at a cut.
    began_at_cut: bool,
    any_cut: bool,
    still: u64,
    residues: Vec<f32>,
}

impl Cutter {
    pub(super) fn new(settings: CutSettings) -> Self {
        Self {
            settings,
            last: None,
            frames: 0,
            change: 0.0,
            began_at_cut: false,
            any_cut: false,
            still: 0,
            residues: Vec::new(),
        }
    }

    /// Decides what is done with a frame, which may be known to belong to a menu: at most two verdicts, in their order.
    pub(super) fn push(&mut self, tick: &Tick, menu: bool) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(2);
        let split = self.last.is_some() && !tick.continues;
        if self.settings.keep_all {
            if (split || self.frames >= self.settings.longest) && self.frames > 0 {
                verdicts.push(Verdict::End(Ok(())));
                self.frames = 0;
            }
            self.frames += 1;
            self.last = Some((tick.clone(), Look::nothing()));
            verdicts.push(Verdict::Take);
            return verdicts;
        }
        let look = Look::new(&tick.frame);
        let (share, cut) = match self.last.take() {
            None => (0.0, false),
            Some((before, looked)) => {
                let same = std::sync::Arc::ptr_eq(&before.frame, &tick.frame);
                let share = if same {
                    0.0
                } else {
                    changed_share(before.frame.pixels(), tick.frame.pixels())
                };
                (share, self.is_cut(&looked, &look, share))
            }
        };
        self.still = if share < STILL_SHARE && !split {
            self.still + 1
        } else {
            0
        };
        let frozen = self.still as f64 >= FROZEN_SECONDS * self.settings.pace;
        let left = if look.blank {
            Some(LeftOut::Blank)
        } else if menu {
            Some(LeftOut::Menu)
        } else if frozen {
            Some(LeftOut::Frozen)
        } else {
            None
        };
        self.last = Some((tick.clone(), look));
        if split || cut || left.is_some() {
            if self.frames > 0 {
                // A gap in the footage is nothing that we cut.
                let at_cut = cut || left.is_some();
                verdicts.push(Verdict::End(self.judge(at_cut)));
            }
            if cut || left.is_some() {
                self.began_at_cut = true;
                self.any_cut = true;
            } else {
                self.began_at_cut = false;
            }
            self.begin();
        } else if self.frames >= self.settings.longest {
            verdicts.push(Verdict::End(Ok(())));
            self.began_at_cut = false;
            self.begin();
        }
        if let Some(left) = left {
            verdicts.push(Verdict::Leave(left));
            return verdicts;
        }
        if self.frames > 0 {
            self.change += f64::from(share);
        }
        self.frames += 1;
        verdicts.push(Verdict::Take);
        verdicts
    }

    /// Decides whether the current clip is kept at the end of the footage.
    pub(super) fn finish(&mut self) -> Option<Verdict> {
        let verdict = (self.frames > 0).then(|| {
            Verdict::End(if self.settings.keep_all {
                Ok(())
            } else {
                self.judge(false)
            })
        });
        self.begin();
        verdict
    }

    fn begin(&mut self) {
        self.frames = 0;
        self.change = 0.0;
        self.residues.clear();
    }

    /// Whether the clip at hand is kept; only pieces that we cut can be dropped.
    fn judge(&self, ends_at_cut: bool) -> Result<(), LeftOut> {
        if !ends_at_cut && !self.began_at_cut {
            return Ok(());
        }
        if let Some(usual) = self.settings.usual_change
            && self.frames > 1
            && self.frames as f64 >= MENU_SECONDS * self.settings.pace
            && self.change / (self.frames - 1) as f64 <= f64::from(MENU_SHARE * usual)
        {
            return Err(LeftOut::Menu);
        }
        if self.frames < self.settings.shortest {
            return Err(LeftOut::Short);
        }
        Ok(())
    }

    fn is_cut(&mut self, before: &Look, after: &Look, share: f32) -> bool {
        let residue = residue(before, after);
        let usual = median(self.residues.iter().copied()).unwrap_or(0.0);
        let cut = share > CUT_SHARE
            && colours_apart(before, after) > CUT_COLOURS
            && residue > CUT_RESIDUE
            && residue > CUT_RATIO * usual;
        if self.residues.len() >= 9 {
            self.residues.remove(0);
        }
        self.residues.push(residue);
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genie_model::Frame;
    use std::sync::Arc;

    /// A textured world seen from `x`, in the colours of a scene.
    fn view(x: usize, scene: u8, index: u64) -> Tick {
        let pixels = (0..64 * 64)
            .flat_map(|i| {
                let (px, py) = (i % 64 + x, i / 64);
                let block = (px / 8 * 7 + py / 8 * 13 + usize::from(scene) * 5) % 11;
                let base = [[20, 90, 200], [220, 60, 20], [30, 200, 60]][usize::from(scene) % 3];
                base.map(|c: u8| c.saturating_add(block as u8 * 5))
            })
            .collect();
        tick(Frame::from_rgb(64, 64, pixels).expect("64x64"), index)
    }

    fn tick(frame: Frame, index: u64) -> Tick {
        Tick {
            frame: Arc::new(frame),
            time: index as f64 / 10.0,
            index,
            continues: true,
        }
    }

    fn settings() -> CutSettings {
        CutSettings {
            keep_all: false,
            pace: 10.0,
            longest: 1000,
            shortest: 8,
            usual_change: None,
        }
    }

    /// Lengths of the kept clips, and what was left out.
    fn cut(settings: CutSettings, ticks: &[Tick]) -> (Vec<usize>, Vec<LeftOut>) {
        let mut cutter = Cutter::new(settings);
        let (mut clips, mut left, mut open) = (Vec::new(), Vec::new(), 0);
        let mut record = |verdict, clips: &mut Vec<usize>| match verdict {
            Verdict::Take => open += 1,
            Verdict::Leave(why) => left.push(why),
            Verdict::End(Ok(())) => clips.push(std::mem::take(&mut open)),
            Verdict::End(Err(why)) => {
                left.extend(std::iter::repeat_n(why, open));
                open = 0;
            }
        };
        for tick in ticks {
            for verdict in cutter.push(tick, false) {
                record(verdict, &mut clips);
            }
        }
        if let Some(verdict) = cutter.finish() {
            record(verdict, &mut clips);
        }
        (clips, left)
    }

    #[test]
    fn scenes_part_and_scrolling_does_not() {
        let scrolling: Vec<Tick> = (0..40).map(|i| view(i * 6, 0, i as u64)).collect();
        assert_eq!(cut(settings(), &scrolling), (vec![40], vec![]));
        let scenes: Vec<Tick> = (0..40)
            .map(|i| view(i * 2, u8::from(i >= 25), i as u64))
            .collect();
        assert_eq!(cut(settings(), &scenes), (vec![25, 15], vec![]));
        let kept = CutSettings {
            keep_all: true,
            ..settings()
        };
        assert_eq!(cut(kept, &scenes), (vec![40], vec![]));
    }

    #[test]
    fn black_and_frozen_pictures_are_left_out() {
        let mut ticks: Vec<Tick> = (0..20).map(|i| view(i * 2, 0, i as u64)).collect();
        ticks.extend((20..25).map(|i| tick(Frame::filled(64, 64, [0; 3]), i)));
        ticks.extend((25..45).map(|i| view(i as usize * 2, 0, i)));
        let (clips, left) = cut(settings(), &ticks);
        assert_eq!(clips, [20, 20]);
        assert_eq!(left, [LeftOut::Blank; 5]);

        let mut ticks: Vec<Tick> = (0..20).map(|i| view(i * 2, 0, i as u64)).collect();
        ticks.extend((20..80).map(|i| view(40, 0, i)));
        ticks.extend((80..100).map(|i| view(i as usize * 2, 0, i)));
        let (clips, left) = cut(settings(), &ticks);
        // Two seconds of standing still are part of play.
        assert_eq!(clips, [40, 20]);
        assert_eq!(left, [LeftOut::Frozen; 40]);
    }

    #[test]
    fn a_menu_between_two_cuts_is_left_out() {
        let mut ticks: Vec<Tick> = (0..30).map(|i| view(i * 2, 0, i as u64)).collect();
        ticks.extend((30..45).map(|i| {
            // A cursor moves over a picture that stands.
            let mut frame = (*view(0, 1, i).frame).clone();
            frame = frame.with(&Frame::filled(3, 3, [255; 3]), i as usize, 10);
            tick(frame, i)
        }));
        ticks.extend((45..75).map(|i| view(i as usize * 2, 2, i)));
        let with = CutSettings {
            usual_change: Some(0.6),
            ..settings()
        };
        assert_eq!(cut(with, &ticks), (vec![30, 30], vec![LeftOut::Menu; 15]));
        // Where little moves all the time, that is the game.
        let quiet = CutSettings {
            usual_change: Some(0.01),
            ..settings()
        };
        assert_eq!(cut(quiet, &ticks).0, [30, 15, 30]);
    }

    #[test]
    fn long_clips_are_split_and_short_pieces_dropped() {
        let ticks: Vec<Tick> = (0..25).map(|i| view(i * 2, 0, i as u64)).collect();
        let short = CutSettings {
            longest: 10,
            ..settings()
        };
        assert_eq!(cut(short, &ticks).0, [10, 10, 5]);
        let flash: Vec<Tick> = (0..40)
            .map(|i| view(i * 2, u8::from((20..24).contains(&i)), i as u64))
            .collect();
        assert_eq!(
            cut(settings(), &flash),
            (vec![20, 16], vec![LeftOut::Short; 4])
        );
        // Footage that nothing cuts is kept whatever its length.
        assert_eq!(cut(settings(), &ticks[..3]).0, [3]);
        assert_eq!(
            cut(settings(), &[tick(Frame::filled(4, 4, [9, 0, 0]), 0)]).1,
            [LeftOut::Blank]
        );
    }
}
