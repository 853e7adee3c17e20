//! From what the anchor does to one of a few codes.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::AgentSettings;
use super::k_means::{settle, spread_starts};

/// Transitions that codes are placed by.
const SAMPLES: usize = 6000;
/// Rounds of k-means in each restart.
const ROUNDS: usize = 15;
/// Displacements of more than this many times the usual one are all alike.
const LARGEST: f32 = 2.0;

/// What a transition is described by before it becomes a code: a direction on the screen, [x, y], in it and in the next one, where
/// much of what a player does shows only.
pub(crate) type Description = [f32; 4];

/// The usual displacement on each axis: the median of those that are not zero, at least 1.
pub(crate) fn usual_motion(motions: &[[f32; 2]], settings: &AgentSettings) -> [f32; 2] {
    [0, 1].map(|axis| {
        let mut sizes: Vec<f32> = motions
            .iter()
            .map(|motion| motion[axis].abs())
            .filter(|&size| size > settings.least_motion)
            .collect();
        sizes.sort_by(f32::total_cmp);
        sizes
            .get(sizes.len() / 2)
            .map_or(1.0, |&size| size.max(1.0))
    })
}

/// Describes every transition of a clip by its displacement and what the looks say of it.
pub(crate) fn describe(
    motions: &[[f32; 2]],
    looks: &[[f32; 2]],
    usual: [f32; 2],
    settings: &AgentSettings,
) -> Vec<Description> {
    let ways: Vec<[f32; 2]> = motions
        .iter()
        .zip(looks)
        .map(|(motion, look)| way(*motion, *look, usual, settings))
        .collect();
    ways.iter()
        .enumerate()
        .map(|(index, here)| {
            let next = ways
                .get(index + 1)
                .unwrap_or(here)
                .map(|part| part * settings.next_weight);
            [here[0], here[1], next[0], next[1]]
        })
        .collect()
}

/// Direction of a transition: its displacement, and which way the looks say on top.
fn way(motion: [f32; 2], look: [f32; 2], usual: [f32; 2], settings: &AgentSettings) -> [f32; 2] {
    [0, 1].map(|axis| {
        let size = motion[axis].abs();
        let moved = if size <= settings.least_motion {
            0.0
        } else {
            // Direction counts first, distance second.
            motion[axis].signum() * (0.6 + 0.4 * (size / usual[axis]).min(LARGEST))
        };
        moved + settings.look_weight * look[axis]
    })
}

/// Numbers of codes that are tried where the number is not given.
const TRIED_COUNTS: std::ops::RangeInclusive<usize> = 3..=12;
/// The fewest codes are chosen that leave at most this share of the variance of the descriptions.
const LEFT_OVER: f32 = 0.15;

/// Places codes, as many as the settings say or the descriptions ask for; the best of several starts.
pub(crate) fn place_codes(
    descriptions: &[Description],
    settings: &AgentSettings,
    seed: u64,
) -> Vec<Description> {
    if let Some(count) = settings.actions {
        return place(descriptions, count, settings, seed).1;
    }
    let (variance, _) = place(descriptions, 1, settings, seed);
    let mut found = Vec::new();
    for count in TRIED_COUNTS {
        let distortion;
        (distortion, found) = place(descriptions, count, settings, seed);
        if distortion <= LEFT_OVER * variance {
            break;
        }
    }
    found
}

/// Places `count` codes; also their mean squared distance to what they stand for.
fn place(
    descriptions: &[Description],
    count: usize,
    settings: &AgentSettings,
    seed: u64,
) -> (f32, Vec<Description>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let samples: Vec<Description> = sample(
        &mut rng,
        descriptions.len(),
        descriptions.len().min(SAMPLES),
    )
    .into_iter()
    .map(|index| descriptions[index])
    .collect();
    let mut best: Option<(f32, Vec<Description>)> = None;
    for _ in 0..settings.code_restarts.max(1) {
        let mut centres = spread_starts(&samples, count, &mut rng);
        let distortion = settle(&samples, &mut centres, ROUNDS);
        if best.as_ref().is_none_or(|(least, _)| distortion < *least) {
            best = Some((distortion, centres));
        }
    }
    best.unwrap_or_default()
}
