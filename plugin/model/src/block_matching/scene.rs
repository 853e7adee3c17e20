//! The shift that most of a picture follows.

use std::ops::Range;

use super::picture::Picture;
use super::search::search;
use super::shift::Shift;

/// A shift explains a block clearly worse than another at so many grey levels per pixel.
const CLEARLY_WORSE: f32 = 4.0;

/// The shift of most of the screen, in a vote of its blocks; `None` where the shift to the other side explains it as well,
/// as on regular patterns.
///
/// The pictures must have one size. Blocks of `side` by `side` pixels vote, without those that reach into the columns
/// `excluded`. A block speaks against a shift that explains it worse than another does, and how much worse hardly counts:
/// a figure of strong colours that moves against the scene does not outvote a pale scene. Of equally good shifts the first
/// is taken: give the shortest first, as [`shifts_within`](super::shifts_within) does.
pub fn scene_shift(
    before: &Picture,
    after: &Picture,
    shifts: &[Shift],
    side: usize,
    excluded: Range<i32>,
) -> Option<Shift> {
    let side = side.max(1) as i32;
    let (height, width) = (after.height() as i32, after.width() as i32);
    let blocks: Vec<(i32, i32)> = (0..=height - side)
        .step_by(side as usize)
        .flat_map(|top| {
            (0..=width - side)
                .step_by(side as usize)
                .map(move |left| (left, top))
        })
        .filter(|(left, _)| left + side <= excluded.start || *left >= excluded.end)
        .collect();
    // costs[shift][block]: mean difference, or None where the block came from outside the screen.
    let costs: Vec<Vec<Option<f32>>> = shifts
        .iter()
        .map(|&shift| {
            let cost = |&block: &(i32, i32)| block_cost(before, after, block, side, shift);
            blocks.iter().map(cost).collect()
        })
        .collect();
    let best_of_block: Vec<f32> = (0..blocks.len())
        .map(|block| {
            let costs = costs.iter().filter_map(|costs| costs[block]);
            costs.fold(f32::INFINITY, f32::min)
        })
        .collect();
    let votes_against: Vec<f32> = costs
        .iter()
        .map(|costs| {
            let votes: Vec<f32> = costs
                .iter()
                .zip(&best_of_block)
                .filter_map(|(cost, best)| Some((((*cost)? - best) / CLEARLY_WORSE).min(1.0)))
                .collect();
            votes.iter().sum::<f32>() / votes.len().max(1) as f32
        })
        .collect();
    // A larger motion must explain more than a smaller one: part of a block at least.
    let margin = 0.25 / blocks.len().max(1) as f32;
    let mut votes = votes_against.iter().copied();
    let (shift, least) = search(
        shifts.iter().copied(),
        |_, _| votes.next(),
        |votes, least| votes < least - margin,
    )?;
    let mirrored = shifts
        .iter()
        .position(|other| (other.right, other.down) == (-shift.right, shift.down))?;
    let ambiguous = shift.right != 0 && votes_against[mirrored] < least + 0.5 / blocks.len() as f32;
    (!ambiguous).then_some(shift)
}

/// Mean limited difference of a block under a shift; `None` where it came from outside the screen.
fn block_cost(
    before: &Picture,
    after: &Picture,
    (left, top): (i32, i32),
    side: i32,
    shift: Shift,
) -> Option<f32> {
    let last = (after.width() as i32 - side, after.height() as i32 - side);
    let inside =
        (0..=last.0).contains(&(left - shift.right)) && (0..=last.1).contains(&(top - shift.down));
    // Large blocks are looked at in a grid of pixels.
    let stride = (side as usize / 8).max(1);
    inside.then(|| {
        let (mut sum, mut count) = (0, 0_u32);
        for y in (0..side).step_by(stride) {
            for x in (0..side).step_by(stride) {
                sum += after.limited_difference((left + x, top + y), before, shift);
                count += 1;
            }
        }
        sum as f32 / count as f32
    })
}
