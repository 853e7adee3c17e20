//! Lanes: a thing that looks different from clip to clip, or like other things, but keeps to one row or column of the picture, alone.

use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::observation::{Blob, ClipObservation};

/// A strip of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// Whether it lies across the picture; else it is upright.
    pub row: bool,
    /// Least coordinate of the centre of what is in it, in working pixels.
    pub from: f32,
    /// Least coordinate beyond it.
    pub to: f32,
}

impl Lane {
    /// Whether a blob is in it.
    pub(crate) fn holds(&self, blob: &Blob) -> bool {
        (self.from..self.to).contains(&blob.centre[usize::from(self.row)])
    }
}

/// The lanes in which most often exactly one thing is, so many on each axis as are asked for at most. A camera that holds the player makes one
/// too. `edges` are the picture's width and height in working pixels.
pub(crate) fn lanes(
    clips: &[ClipObservation],
    edges: [f32; 2],
    settings: &AgentSettings,
) -> Vec<Lane> {
    let on_axis = |axis: usize| {
        let mut alone = frames_alone(clips, axis, edges[axis].ceil() as usize, settings);
        let frames: usize = clips.iter().map(ClipObservation::frames).sum();
        let fewest = (settings.lane_share * frames as f32).max(1.0);
        let mut found = Vec::new();
        while found.len() < settings.lanes {
            let most = alone.iter().copied().max().unwrap_or(0);
            if (most as f32) < fewest {
                break;
            }
            let reach = settings.lane_reach;
            let middle = middle_of(&alone, most);
            found.push(Lane {
                row: axis == 1,
                from: middle as f32 - reach as f32,
                to: (middle + reach + 1) as f32,
            });
            let taken = middle.saturating_sub(2 * reach)..(middle + 2 * reach + 1);
            (alone.iter_mut().enumerate())
                .filter(|(at, _)| taken.contains(at))
                .for_each(|(_, count)| *count = 0);
        }
        found
    };
    [0, 1].into_iter().flat_map(on_axis).collect()
}

/// For each row or column, the number of frames in which there is exactly one thing in the lane around it.
fn frames_alone(
    clips: &[ClipObservation],
    axis: usize,
    edge: usize,
    settings: &AgentSettings,
) -> Vec<usize> {
    let mut alone = vec![0; edge];
    let mut things = vec![0_usize; edge];
    for blobs in clips.iter().flat_map(|clip| &clip.blobs) {
        things.fill(0);
        for blob in blobs {
            let here = (blob.centre[axis].max(0.0) as usize).min(edge - 1);
            let from = here.saturating_sub(settings.lane_reach);
            let to = (here + settings.lane_reach + 1).min(edge);
            things[from..to].iter_mut().for_each(|count| *count += 1);
        }
        (alone.iter_mut().zip(&things)).for_each(|(sum, &here)| *sum += usize::from(here == 1));
    }
    alone
}

/// The middle of the first run of places that have the most.
fn middle_of(alone: &[usize], most: usize) -> usize {
    let has_most = |count: &usize| *count == most;
    let first = alone.iter().position(has_most).unwrap_or(0);
    let run = alone[first..].iter().take_while(|count| has_most(count));
    first + run.count().saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::tests::{information, quick};
    use super::super::{AnchoredAgent, ClipsInMemory};

    const EDGE: usize = 64;
    const COLOURS: [[u8; 3]; 4] = [[230, 40, 40], [240, 220, 40], [40, 230, 90], [90, 90, 250]];

    /// A ship below, of another colour in each clip, that goes left or right at random, and ships of all colours that pass above.
    fn draw(seed: u64) -> (ClipsInMemory, Vec<Vec<usize>>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut clips, mut all) = (Vec::new(), Vec::new());
        for clip in 0..24 {
            let colour = COLOURS[rng.random_range(0..COLOURS.len())];
            let (mut place, mut command, mut left) = (30_usize, 0, 0);
            let (mut bytes, mut commands) = (Vec::new(), Vec::new());
            for frame in 0..60 {
                // Scenery, without which ships that pass would be taken for a camera that moves.
                let scenery = |at: usize| 30 + ((at / 15 * 73) ^ (at / 3 / EDGE / 4 * 151)) % 29;
                let mut picture: Vec<u8> =
                    (0..EDGE * EDGE * 3).map(|at| scenery(at) as u8).collect();
                let mut ship = |x: usize, y: usize, colour: [u8; 3]| {
                    for at in (0..25).map(|pixel| (y + pixel / 5) * EDGE + x + pixel % 5) {
                        picture[3 * at..3 * at + 3].copy_from_slice(&colour);
                    }
                };
                ship(place, 54, colour);
                for (row, colour) in COLOURS.into_iter().enumerate() {
                    for second in [0, 30] {
                        let x = (2 * frame + 17 * row + 13 * clip + second) % (EDGE - 5);
                        let x = if row % 2 == 0 { x } else { EDGE - 6 - x };
                        ship(x, 6 + 8 * row, colour);
                    }
                }
                bytes.extend(picture);
                let out = |command: usize| !(4..EDGE - 8).contains(&(place + 6 * command - 3));
                if left == 0 || out(command) {
                    (command, left) = (rng.random_range(0..2), rng.random_range(1..5));
                    command ^= usize::from(out(command));
                }
                left -= 1;
                place = place + 6 * command - 3;
                commands.push(command);
            }
            commands.pop();
            clips.push(bytes);
            all.push(commands);
        }
        let frame_size = (EDGE, EDGE);
        (ClipsInMemory { frame_size, clips }, all)
    }

    #[test]
    fn a_player_of_other_colours_in_each_clip_is_told_by_the_row_that_it_keeps_to() {
        let (clips, commands) = draw(1);
        let (agent, found) = AnchoredAgent::fit(&clips, &quick(), 0).unwrap();
        let report = agent.report();
        let lane = report.anchor().unwrap().lane;
        let lane = lane.unwrap_or_else(|| panic!("{:?}", report.candidates));
        assert!(lane.row && (lane.from..lane.to).contains(&56.5));
        let told = information(&found, &commands);
        assert!(told > 0.4, "{told}");
        let words = report.player_in_words();
        assert!(words.ends_with("a row of the picture"), "{words}");

        let file = serde_json::to_string(&agent).unwrap();
        let back: AnchoredAgent = serde_json::from_str(&file).unwrap();
        let (others, commands) = draw(2);
        assert!(information(&back.apply(&others).unwrap(), &commands) > 0.4);

        let mut without = quick();
        without.lanes = 0;
        let (_, found) = AnchoredAgent::fit(&clips, &without, 0).unwrap();
        let (_, commands) = draw(1);
        let told = information(&found, &commands);
        assert!(told < 0.3, "{told}");
    }
}
