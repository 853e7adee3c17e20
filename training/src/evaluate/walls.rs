//! Whether walls stand: an action that the footage shows to change nothing where it was held, such as a step into a wall, changes nothing in
//! dreams either, for as long as it is held.
//!
//! Pictures alone are compared, so that nobody has to be followed in dreams.

use genie_model::{median, percentile};
use serde::{Deserialize, Serialize};

use super::agreement::Inferred;
use super::blocked::usual_actions;
use super::statistics::share;
use super::{Advance, EvaluateError, EvaluateOptions, Footage, WorldParts, Worlds};
use crate::dataset::TrueActions;

/// Frames that the action is held for in dreams.
const HELD: usize = 8;
/// A picture stands still where it changes by less than this share of what the action usually changes: in the footage, and in dreams, which
/// flicker.
const STILL_IN_FOOTAGE: f64 = 0.25;
const STILL_IN_DREAMS: f64 = 0.5;
/// Most places that are tried, evenly over those that there are.
const PLACES: usize = 128;

/// Whether the world stands still where the footage did although an action was held that usually changes the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// Places in the footage in which an action, newly pressed, left the picture as it was for two frames.
    pub places: u64,
    /// Those of them in which the world left it so too, in every frame.
    pub stood: u64,
    /// Frames that the action was held for in the world.
    pub frames: usize,
}

impl Walls {
    /// Share of the places in which the world stood still.
    pub fn share(&self) -> f64 {
        share(self.stood, self.places)
    }
}

/// Where an action left the picture as it was.
struct Place<'f> {
    /// The real frames, the last of which the action was pressed in.
    before: [&'f [u8]; 2],
    /// The latent action between them.
    between: usize,
    /// The latent action that is usually inferred from what was pressed.
    usual: usize,
    /// What it usually changes.
    change: f64,
}

/// Holds actions in the world where they changed nothing; `None` where the footage shows no such place. `table` says how often each latent action (row)
/// came with each true one (column).
pub(super) fn measure(
    parts: &WorldParts,
    footage: &Footage,
    inferred: &[Inferred],
    (known, table): (&TrueActions, &[Vec<u64>]),
    options: &EvaluateOptions,
    advance: &Advance<'_>,
) -> Result<Option<Walls>, EvaluateError> {
    let found = find(parts.frame_bytes(), footage, inferred, (known, table));
    let every = found.len().div_ceil(PLACES).max(1);
    let places: Vec<Place<'_>> = found.into_iter().step_by(every).collect();
    if places.is_empty() {
        return Ok(None);
    }
    let frames = |at: usize| -> Vec<&[u8]> { places.iter().map(|it| it.before[at]).collect() };
    let seed = options.seed ^ 0x7761_6c6c;
    let mut worlds = Worlds::start(parts, &frames(0), seed, &options.sampler)?;
    let between: Vec<usize> = places.iter().map(|it| it.between).collect();
    worlds.observe(parts, &frames(1), &between)?;
    let held: Vec<usize> = places.iter().map(|it| it.usual).collect();
    let mut before = worlds.map_frames(<[u8]>::to_vec);
    let mut stood = vec![true; places.len()];
    for step in 0..HELD {
        worlds.step(&held)?;
        advance((step + 1) as f64 / HELD as f64)?;
        let after = worlds.map_frames(<[u8]>::to_vec);
        for (at, place) in places.iter().enumerate() {
            stood[at] &= change(&before[at], &after[at]) < STILL_IN_DREAMS * place.change;
        }
        before = after;
    }
    Ok(Some(Walls {
        places: places.len() as u64,
        stood: stood.into_iter().filter(|stood| *stood).count() as u64,
        frames: HELD,
    }))
}

fn find<'f>(
    size: usize,
    footage: &'f Footage,
    inferred: &[Inferred],
    (known, table): (&TrueActions, &[Vec<u64>]),
) -> Vec<Place<'f>> {
    let usual = usual_actions(table);
    let mut changes: Vec<Vec<f64>> = vec![Vec::new(); usual.len()];
    let mut read: Vec<Vec<f64>> = vec![Vec::new(); table.len()];
    let segments = || footage.segments.iter().zip(inferred);
    let frame = |bytes: &'f [u8], at: usize| &bytes[at * size..][..size];
    for (segment, inferred) in segments() {
        let pressed = inferred.true_actions(known).zip(&inferred.actions);
        for (at, (pressed, &latent)) in pressed.enumerate() {
            let bytes = &segment.bytes[..];
            let change = change(frame(bytes, at), frame(bytes, at + 1));
            read[latent].push(change);
            if usual[pressed] == Some(latent) {
                changes[pressed].push(change);
            }
        }
    }
    let changes: Vec<f64> = (changes.into_iter())
        .map(|changes| median(changes).unwrap_or(0.0))
        .collect();
    // What a transition changes at most, but for one in ten, by the latent action that is read from it. Where other things move, the picture does not stand still
    // whatever the player does.
    let most: Vec<f64> = (read.into_iter())
        .map(|mut changes| {
            changes.sort_by(f64::total_cmp);
            percentile(&changes, 0.9).unwrap_or(0.0)
        })
        .collect();
    let mut places = Vec::new();
    for (segment, inferred) in segments() {
        let bytes = &segment.bytes[..];
        // What is known goes on to the end of the clip.
        let pressed = inferred.true_actions(known).take(inferred.actions.len());
        let pressed: Vec<usize> = pressed.collect();
        for at in 1..pressed.len().saturating_sub(1) {
            let (now, limit) = (pressed[at], STILL_IN_FOOTAGE * changes[pressed[at]]);
            let still = |at: usize| change(frame(bytes, at), frame(bytes, at + 1)) < limit;
            // What is held for longer may do nothing because it is held (a jump on the ground), and a game that answers a frame late is no wall.
            if let Some(usual) = usual[now]
                && pressed[at - 1] != now
                && pressed[at + 1] == now
                && (inferred.actions[at..=at + 1].iter())
                    .all(|&latent| latent != usual && most[latent] < limit)
                && still(at)
                && still(at + 1)
            {
                places.push(Place {
                    before: [frame(bytes, at - 1), frame(bytes, at)],
                    between: inferred.actions[at - 1],
                    usual,
                    change: changes[now],
                });
            }
        }
    }
    places
}

/// Mean absolute difference of the values of two pictures.
fn change(before: &[u8], after: &[u8]) -> f64 {
    let pairs = before.iter().zip(after);
    let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / before.len().max(1) as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evaluate::footage::Segment;

    /// A clip of frames of one value, and what was pressed and inferred in its transitions.
    fn clip(
        values: &[u8],
        (actions, looks): (&[usize], &[usize]),
    ) -> (Footage, Vec<Inferred>, TrueActions) {
        let footage = Footage {
            segments: vec![Segment {
                clip: 0,
                start: 0,
                bytes: values.to_vec(),
            }],
            built_in: None,
        };
        let known = TrueActions::from_clips(vec![actions.iter().map(|&it| it as u8).collect()]);
        let inferred = Inferred::of_clip(0, looks.to_vec());
        (footage, vec![inferred], known)
    }

    #[test]
    fn walls_are_where_an_action_that_usually_changes_the_picture_does_not_for_two_frames() {
        // Action 1 changes a picture by 10, and does not in the last three transitions, which look like action 0, which never changes it.
        let values = [0, 10, 20, 30, 40, 50, 60, 60, 60, 61, 61];
        let actions = [1, 1, 1, 1, 1, 1, 0, 1, 1, 1];
        let looks = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0];
        let (footage, inferred, known) = clip(&values, (&actions, &looks));
        let table = [vec![1, 0], vec![0, 9]];
        let found = find(1, &footage, &inferred, (&known, &table));
        let places: Vec<_> = found.iter().map(|it| (it.between, it.usual)).collect();
        assert_eq!(places, [(0, 1)]);
        assert!(found.iter().all(|it| (it.change - 10.0).abs() < 1e-9));
        assert_eq!(found[0].before, [[60], [60]]);

        // Held for longer, late by a frame, still by nature, and an action whose usual effect is not known.
        let none = |values: &[u8], actions: &[usize], looks: &[usize]| {
            let (footage, inferred, known) = clip(values, (actions, looks));
            find(1, &footage, &inferred, (&known, &table)).is_empty()
        };
        assert!(none(&[0, 10, 20, 20, 20, 20], &[1; 5], &[1, 1, 0, 0, 0]));
        assert!(none(
            &[0, 10, 10, 10, 20, 30],
            &[1, 0, 1, 1, 1],
            &[1, 0, 0, 1, 1]
        ));
        assert!(none(
            &[0, 10, 10, 10, 10, 20],
            &[1, 0, 0, 0, 1],
            &[1, 0, 0, 0, 1]
        ));
        // Another thing moves now and then while the player stands.
        let moving = [0, 10, 20, 30, 40, 40, 60, 60, 60, 60, 60];
        assert!(none(&moving, &actions, &[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]));
        // The rest of a clip that is longer than its segment is not looked at.
        let (footage, inferred, _) = clip(&values, (&actions, &looks));
        let longer = [&actions[..], &[0, 1, 1, 1, 7]].concat();
        let (_, _, known) = clip(&values, (&longer, &looks));
        let table = [vec![1, 0], vec![0, 9]];
        assert_eq!(find(1, &footage, &inferred, (&known, &table)).len(), 1);

        let unknown = [vec![1, 4], vec![0, 3], vec![0, 3]];
        let (footage, inferred, known) = clip(&values, (&actions, &looks));
        assert!(find(1, &footage, &inferred, (&known, &unknown)).is_empty());
    }
}
