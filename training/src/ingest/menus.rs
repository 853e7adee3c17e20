//! Menus and pauses inside a scene: a picture that holds still comes over the game without a hard cut, at once or by a fade, and goes again.
//!
//! Little that moves is no menu: players stand still. What tells one is how it begins and ends. The picture as a whole becomes another one, in a way that no
//! movement explains: within a frame, or as one picture fades into the other. Between two such changes hardly anything moves, and what is seen is
//! not what was there before.

use std::collections::VecDeque;
use std::sync::Arc;

use genie_model::{Frame, median};

use super::cutting::{MENU_SECONDS, MENU_SHARE};
use super::look::{Look, changed_share, colours_apart, difference, fine_residue};
use super::ticks::Tick;

/// Longest fade, in seconds.
const FADE_SECONDS: f64 = 1.0;
/// A picture becomes another one where so many pixels change, and it differs by so much from what any movement of the last one explains (in levels
/// of 255), and by so many times what such pictures of the scene usually do.
const OTHER_SHARE: f32 = 0.15;
const OTHER_RESIDUE: f32 = 7.0;
const OTHER_RATIO: f32 = 4.0;
/// And no movement explains more of what is different than the rest.
const UNEXPLAINED: f32 = 0.6;
/// Share of the pixels that have other colours in a menu than in the game before it: the next level has much the same ones.
const OTHER_COLOURS: f32 = 0.4;
/// Or the game goes on after it where it was: the picture differs by less from that before it.
const SAME_DIFFERENCE: f32 = 4.0;
/// A fade is between two pictures that differ by so much; a frame in it differs from the blend of both by a share of that, and is at most so much
/// nearer to the first than the one before.
const FADE_DIFFERENCE: f32 = 10.0;
const FADE_ERROR: f32 = 0.12;
const FADE_BACK: f32 = 0.05;
/// Shares of the first picture in a frame that belongs to a fade.
const FADE_BETWEEN: std::ops::Range<f32> = 0.1..0.9;
/// So long a quiet picture that came over the game is one without its end being waited for, in seconds.
const HELD_SECONDS: f64 = 10.0;
/// Residues that say what is usual.
const USUAL: usize = 9;
/// Bytes of frames that may be held.
const MOST_HELD: usize = 64 << 20;

/// A frame, and whether it belongs to a menu.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) tick: Tick,
    pub(super) menu: bool,
}

/// Something that may be a menu.
#[derive(Debug)]
struct Candidate {
    /// The picture before it came.
    before: Look,
    /// Held frames that are older than it.
    older: usize,
    /// Frames since the picture came, and the sum of their changed shares.
    quiet: u64,
    change: f64,
    /// Changed shares of the last frames, which are not in the sum yet: they may belong to a fade.
    recent: VecDeque<f32>,
}

impl Candidate {
    fn frames(&self) -> u64 {
        self.quiet + self.recent.len() as u64
    }

    /// Puts the oldest of the last frames into the sum.
    fn count(&mut self, frames: usize) {
        for share in self.recent.drain(..frames) {
            self.quiet += 1;
            self.change += f64::from(share);
        }
    }

    fn is_still(&self, quiet: f64) -> bool {
        self.change <= quiet * self.quiet as f64
    }
}

/// Holds frames back until it is known whether they are of a menu.
#[derive(Debug)]
pub(super) struct MenuFinder {
    pace: f64,
    /// Share of pixels that usually change from frame to frame; where that is not known nothing is a menu.
    usual: Option<f32>,
    last: Option<(Arc<Frame>, Look)>,
    held: VecDeque<(Tick, Look)>,
    residues: VecDeque<f32>,
    candidate: Option<Candidate>,
    /// A menu that has been there for long is at hand.
    inside: bool,
    /// Frames of a quiet picture that is a menu without its end being waited for.
    most: usize,
}

impl MenuFinder {
    /// For frames of so many bytes.
    pub(super) fn new(pace: f64, usual: Option<f32>, frame_bytes: usize) -> Self {
        let most = (HELD_SECONDS * pace).ceil().max(2.0) as usize;
        let fits = MOST_HELD / frame_bytes.max(1);
        let least = ((2.0 * FADE_SECONDS + MENU_SECONDS) * pace).ceil() as usize;
        Self {
            pace,
            // Frames of which no few seconds fit the memory are looked at by their cuts alone.
            usual: usual.filter(|usual| *usual > 0.0 && fits > least),
            most: most.min(fits),
            last: None,
            held: VecDeque::new(),
            residues: VecDeque::new(),
            candidate: None,
            inside: false,
        }
    }

    fn frames(&self, seconds: f64) -> usize {
        ((seconds * self.pace).ceil() as usize).max(2)
    }

    /// Takes a frame; gives those about which all is known.
    pub(super) fn push(&mut self, tick: Tick) -> Vec<Judged> {
        let Some(usual) = self.usual else {
            return vec![Judged { tick, menu: false }];
        };
        let mut known = Vec::new();
        if !tick.continues {
            known.extend(self.finish());
        }
        let look = Look::new(&tick.frame);
        let quiet = f64::from(MENU_SHARE * usual);
        let fade_frames = self.frames(FADE_SECONDS);
        if let Some((last, seen)) = self.last.take() {
            let share = changed_share(last.pixels(), tick.frame.pixels());
            let came = self.becomes_another(share, &seen, &look);
            if let Some(length) = came.then_some(1).or_else(|| self.fade(&look)) {
                known.extend(self.change(length, quiet, &look));
            } else if self.inside && f64::from(share) > 4.0 * quiet {
                // It was no menu after all, or it went without a change.
                self.inside = false;
            } else if let Some(candidate) = &mut self.candidate {
                candidate.recent.push_back(share);
                if candidate.recent.len() > fade_frames {
                    candidate.count(1);
                    let settled = candidate.quiet as f64 >= 0.5 * self.pace;
                    if settled && !candidate.is_still(quiet) {
                        self.candidate = None;
                    } else if candidate.quiet as usize >= self.most {
                        known.extend(self.decide(0, quiet, None));
                        self.inside = known.last().is_some_and(|last| last.menu);
                    }
                }
            }
        }
        self.last = Some((Arc::clone(&tick.frame), look.clone()));
        self.held.push_back((tick, look));
        if self.inside {
            known.extend(self.release(self.held.len(), true));
        } else if self.candidate.is_none() {
            let late = self.held.len().saturating_sub(self.frames(FADE_SECONDS));
            known.extend(self.release(late, false));
        }
        known
    }

    /// The end of the footage: gives all that is held.
    pub(super) fn finish(&mut self) -> Vec<Judged> {
        let quiet = f64::from(MENU_SHARE * self.usual.unwrap_or(0.0));
        let mut known = self.decide(0, quiet, None);
        known.extend(self.release(self.held.len(), false));
        self.residues.clear();
        self.inside = false;
        self.last = None;
        known
    }

    /// Whether the picture has become another one from the last frame to this one, of which a share of the pixels changed.
    fn becomes_another(&mut self, share: f32, before: &Look, now: &Look) -> bool {
        let residue = if share > OTHER_SHARE {
            fine_residue(before, now)
        } else {
            0.0
        };
        let usual = median(self.residues.iter().copied()).unwrap_or(0.0);
        if self.residues.len() == USUAL {
            self.residues.pop_front();
        }
        self.residues.push_back(residue);
        residue > OTHER_RATIO * usual && is_another(residue, before, now)
    }

    /// How many frames ago a fade to this picture began, if there was one.
    fn fade(&self, now: &Look) -> Option<usize> {
        let looks: Vec<&Look> = self.held.iter().rev().map(|(_, look)| look).collect();
        (3..=self.frames(FADE_SECONDS).min(looks.len())).find(|&length| {
            let before = looks[length - 1];
            let (mut weight, mut between) = (0.0, false);
            difference(before, now) >= FADE_DIFFERENCE
                && looks[..length - 1].iter().all(|look| {
                    let (share, error) = blend(look, now, before);
                    let further = share > weight - FADE_BACK;
                    weight = share;
                    between |= FADE_BETWEEN.contains(&share);
                    further && error < FADE_ERROR
                })
                && between
                && is_another(fine_residue(before, now), before, now)
        })
    }

    /// The picture became another one over the last so many frames: what was at hand is decided, and something else may begin.
    fn change(&mut self, length: usize, quiet: f64, now: &Look) -> Vec<Judged> {
        let young = (self.candidate.as_ref())
            .is_some_and(|it| (it.frames() as f64) < MENU_SECONDS * self.pace);
        if young {
            // A fade in steps, or a flash: what was before it still was before.
            if let Some(candidate) = &mut self.candidate {
                candidate.quiet = 0;
                candidate.change = 0.0;
                candidate.recent.clear();
            }
            return Vec::new();
        }
        let was_inside = std::mem::take(&mut self.inside);
        // The frames of a fade belong to neither side.
        let fading = length.min(self.held.len()) - 1;
        let before = self.candidate.as_ref().map(|it| it.before.clone());
        let known = self.decide(fading, quiet, Some(now));
        let ended = was_inside || known.iter().any(|it| it.menu);
        let older = self.held.len().saturating_sub(fading);
        let last = older.checked_sub(1).and_then(|last| self.held.get(last));
        // What follows a menu is another one if it differs from the game before it, not from the menu.
        let before = before
            .filter(|_| ended)
            .or(last.map(|(_, look)| look.clone()));
        self.candidate = before.map(|before| Candidate {
            before,
            older,
            quiet: 0,
            change: 0.0,
            recent: VecDeque::new(),
        });
        if ended && fading > 0 {
            // What fades away is a menu still.
            let known = known.into_iter().chain(self.release(fading, true));
            return known.collect();
        }
        known
    }

    /// Decides what was at hand, but for the last `later` frames, and lets it go. `after` is the picture that came in its place.
    fn decide(&mut self, later: usize, quiet: f64, after: Option<&Look>) -> Vec<Judged> {
        let Some(mut candidate) = self.candidate.take() else {
            return Vec::new();
        };
        candidate.count(candidate.recent.len().saturating_sub(later));
        let end = self.held.len().saturating_sub(later);
        let long = candidate.quiet as f64 >= MENU_SECONDS * self.pace;
        let Some((_, look)) = self.held.get(end.saturating_sub(1)) else {
            return Vec::new();
        };
        let before = &candidate.before;
        let returned = after.is_some_and(|after| returns(before, after));
        let other = returned || colours_apart(before, look) > OTHER_COLOURS;
        let menu = end > candidate.older
            && long
            && other
            && candidate.is_still(quiet)
            && is_another(fine_residue(before, look), before, look);
        if !menu {
            return Vec::new();
        }
        let mut known = self.release(candidate.older, false);
        known.extend(self.release(end - candidate.older, true));
        known
    }

    fn release(&mut self, count: usize, menu: bool) -> Vec<Judged> {
        let count = count.min(self.held.len());
        if let Some(candidate) = &mut self.candidate {
            candidate.older = candidate.older.saturating_sub(count);
        }
        self.held
            .drain(..count)
            .map(|(tick, _)| Judged { tick, menu })
            .collect()
    }
}

/// Whether a picture is another one than that before it, by how far both are from each other whatever moves.
fn is_another(residue: f32, before: &Look, now: &Look) -> bool {
    residue > OTHER_RESIDUE && residue > UNEXPLAINED * difference(before, now)
}

/// Whether the game goes on where it was.
fn returns(before: &Look, after: &Look) -> bool {
    difference(before, after) < SAME_DIFFERENCE
}

/// The share of `before` in a picture that blends it with `now`, and how far the picture is from that blend, as a share of how far the two are
/// from each other.
fn blend(look: &Look, now: &Look, before: &Look) -> (f32, f32) {
    let [seen, now, before] = [look, now, before].map(|look| look.small.as_flattened());
    let (mut along, mut whole) = (0.0, 0.0);
    for ((seen, now), before) in seen.iter().zip(now).zip(before) {
        along += (seen - now) * (before - now);
        whole += (before - now).powi(2);
    }
    let share = along / whole.max(1e-6);
    let (mut error, mut far) = (0.0, 0.0);
    for ((seen, now), before) in seen.iter().zip(now).zip(before) {
        error += (seen - (now + share * (before - now))).abs();
        far += (before - now).abs();
    }
    (share, error / far.max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: f64 = 10.0;

    /// A textured world seen from `x`, with a player of 6x6 pixels at a height.
    fn game(x: usize, height: usize) -> Frame {
        let pixels = (0..64 * 64)
            .flat_map(|i| {
                let (px, py) = (i % 64 + x, i / 64);
                let block = ((px / 8) * 7 + (py / 8) * 13) % 11;
                [60, 110, 160].map(|base: u8| base + block as u8 * 8)
            })
            .collect();
        let world = Frame::from_rgb(64, 64, pixels).expect("64x64");
        world.with(&Frame::filled(6, 6, [250, 240, 60]), 28, height)
    }

    /// A share of one picture over another.
    fn mixed(under: &Frame, over: &Frame, share: f32) -> Frame {
        let pairs = under.pixels().iter().zip(over.pixels());
        let blend =
            |(&a, &b): (&u8, &u8)| (f32::from(a) * (1.0 - share) + f32::from(b) * share) as u8;
        Frame::from_rgb(64, 64, pairs.map(blend).collect()).expect("64x64")
    }

    /// A pause over a picture: dark, with a box in which a cursor blinks.
    fn pause(under: &Frame, time: usize) -> Frame {
        let dim = mixed(under, &Frame::filled(64, 64, [0; 3]), 0.6);
        let menu = dim.with(&Frame::filled(30, 24, [40, 40, 90]), 17, 20);
        if time % 10 < 5 {
            menu.with(&Frame::filled(2, 2, [255; 3]), 20, 26)
        } else {
            menu
        }
    }

    /// Which frames belong to a menu.
    fn menus(frames: Vec<Frame>) -> Vec<bool> {
        let count = frames.len();
        let mut finder = MenuFinder::new(PACE, Some(0.3), 64 * 64 * 3);
        let mut judged = Vec::new();
        for (index, frame) in frames.into_iter().enumerate() {
            judged.extend(finder.push(Tick {
                frame: Arc::new(frame),
                time: index as f64 / PACE,
                index: index as u64,
                continues: true,
            }));
        }
        judged.extend(finder.finish());
        // Each once, in order.
        assert!(judged.iter().map(|it| it.tick.index).eq(0..count as u64));
        judged.iter().map(|it| it.menu).collect()
    }

    fn runs(menus: &[bool]) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        for (at, _) in menus.iter().enumerate().filter(|(_, menu)| **menu) {
            match runs.last_mut() {
                Some((_, end)) if *end == at => *end = at + 1,
                _ => runs.push((at, at + 1)),
            }
        }
        runs
    }

    fn walk(frames: std::ops::Range<usize>) -> Vec<Frame> {
        frames.map(|time| game(time * 2, 30 + time % 8)).collect()
    }

    #[test]
    fn a_pause_that_comes_at_once_and_goes_is_found() {
        let mut frames = walk(0..30);
        let under = frames[29].clone();
        frames.extend((0..25).map(|time| pause(&under, time)));
        frames.extend(walk(30..60));
        assert_eq!(runs(&menus(frames)), [(30, 55)]);
    }

    #[test]
    fn a_menu_that_fades_in_and_out_is_found() {
        let mut frames = walk(0..30);
        let under = frames[29].clone();
        let title = Frame::filled(64, 64, [20, 20, 60]).with(
            &Frame::filled(40, 12, [220, 200, 40]),
            12,
            12,
        );
        for step in 1..6 {
            frames.push(mixed(&under, &title, step as f32 / 6.0));
        }
        frames.extend((0..30).map(|time| {
            title
                .clone()
                .with(&Frame::filled(3, 3, [255; 3]), 20, 40 + time / 10)
        }));
        let next = game(200, 30);
        for step in 1..6 {
            frames.push(mixed(&title, &next, step as f32 / 6.0));
        }
        frames.extend(walk(100..130));
        let found = menus(frames);
        let runs = runs(&found);
        assert_eq!(runs.len(), 1, "{runs:?}");
        let (from, to) = runs[0];
        // The frames of the fades may go to either side.
        assert!(
            (29..=36).contains(&from) && (64..=71).contains(&to),
            "{runs:?}"
        );
    }

    #[test]
    fn a_long_pause_and_one_at_the_end_are_found() {
        let mut frames = walk(0..30);
        let under = frames[29].clone();
        frames.extend((0..300).map(|time| pause(&under, time)));
        frames.extend(walk(30..60));
        let under = game(59 * 2, 30);
        frames.extend((0..20).map(|time| pause(&under, time)));
        assert_eq!(runs(&menus(frames)), [(30, 330), (360, 380)]);
    }

    #[test]
    fn a_player_who_stands_flashes_and_scrolling_are_no_menus() {
        // Standing, with something small that moves.
        let mut frames = walk(0..30);
        frames.extend((0..60).map(|time| game(60, 30 + time / 4 % 2)));
        frames.extend(walk(30..60));
        assert_eq!(runs(&menus(frames)), []);
        // Standing between two flashes.
        let mut frames = walk(0..20);
        let flash = Frame::filled(64, 64, [240; 3]);
        for _ in 0..3 {
            frames.push(flash.clone());
            frames.extend((0..20).map(|_| game(40, 30)));
        }
        frames.extend(walk(20..40));
        assert_eq!(runs(&menus(frames)), []);
        // Scrolling by half a picture a frame, and standing after it.
        let mut frames: Vec<Frame> = (0..20).map(|time| game(time * 29, 30)).collect();
        frames.extend((0..30).map(|_| game(19 * 29, 30)));
        frames.extend((0..20).map(|time| game(19 * 29 + time * 29, 30)));
        assert_eq!(runs(&menus(frames)), []);
    }
}
