//! From what the anchor does to a description that codes are found by.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use genie_model::median;
use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::code_model::CodeModel;
use super::description::{Description, Values};
use super::gravity::SpeedChanges;
use super::k_means::place;
use super::tokeniser::Tokeniser;

/// Displacements of more than this many times the usual one are all alike.
const LARGEST: f32 = 2.0;
/// Between the seeds of starts, so that neighbouring seeds share none.
const START_STRIDE: u64 = 0x9e37_79b9;
/// Looks that hardly change are not blown up beyond a deviation of this.
const LEAST_LOOK: f32 = 0.1;

/// How transitions of this footage are described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Describer {
    /// The most common displacement, in whole pixels: what the anchor does by itself, such as flying on with the scene.
    rest: [f32; 2],
    /// The usual displacement beside it.
    usual: [f32; 2],
    /// The larger deviation of the direction read from looks, over both axes.
    look_deviation: f32,
    /// Where the footage shows gravity: the direction up or down that is read, on average, from an anchor that neither rises nor falls. A fall is
    /// described as standing, since nothing is pressed for it. None in files written before this was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standing_look: Option<f32>,
    /// In files written before there were tokens there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokeniser>,
}

impl Describer {
    /// Learns what is usual from the transitions of clips: displacements relative to the scene, and directions read from looks.
    pub(crate) fn fit(
        motions: &[Vec<[f32; 2]>],
        looks: &[impl AsRef<[[f32; 2]]>],
        settings: &AgentSettings,
    ) -> Self {
        let least = settings.least_motion;
        let moves = || motions.iter().flatten();
        let mut speeds = SpeedChanges::default();
        for pair in motions.iter().flat_map(|clip| clip.windows(2)) {
            speeds.add(pair[0][1], pair[1][1], least);
        }
        let gravity = speeds.show_gravity(settings);
        let mut rest = [0, 1].map(|axis| most_common(moves().map(|motion| motion[axis])));
        if gravity {
            // Nothing flies on up or down there by itself.
            rest[1] = 0.0;
        }
        let mut describer = Self {
            rest,
            usual: [1.0; 2],
            look_deviation: 1.0,
            standing_look: None,
            tokens: None,
        };
        let looks = looks.iter().flat_map(AsRef::as_ref).copied();
        let (mut beside, mut looks): (Vec<[f32; 2]>, Vec<[f32; 2]>) = moves()
            .map(|motion| describer.beside_rest(*motion))
            .zip(looks)
            .unzip();
        if gravity {
            let standing = (beside.iter().zip(&looks))
                .filter(|(motion, _)| motion[1].abs() <= least)
                .map(|(_, look)| look[1]);
            describer.standing_look = mean(standing);
        }
        for (motion, look) in beside.iter_mut().zip(&mut looks) {
            (*motion, *look) = describer.without_fall(*motion, *look, settings);
        }
        describer.usual = [0, 1].map(|axis| {
            let sizes = beside.iter().map(|motion| motion[axis].abs());
            let sizes = sizes.filter(|&size| size > least);
            median(sizes).map_or(1.0, |size| size.max(1.0))
        });
        let deviations = [0, 1].map(|axis| deviation(looks.iter().map(|look| look[axis])));
        describer.look_deviation = deviations[0].max(deviations[1]).max(LEAST_LOOK);
        let looks: Vec<[f32; 2]> = looks.iter().map(|it| describer.scaled_look(*it)).collect();
        // Where speed lasts, what is pressed shows in how it changes: a flap in a fall, and one more while still rising.
        let changes = gravity.then(|| {
            let clips = motions.iter();
            let changes = clips.flat_map(|clip| (1..clip.len()).map(|at| change_at(clip, at)));
            changes.collect::<Vec<_>>()
        });
        describer.tokens = Some(Tokeniser::fit(
            &beside,
            &looks,
            changes.as_deref(),
            settings,
        ));
        describer
    }

    /// Describes every transition of a clip by its displacements and what the looks say of them.
    pub(crate) fn describe(
        &self,
        motions: &[[f32; 2]],
        looks: &[[f32; 2]],
        settings: &AgentSettings,
    ) -> Vec<Description> {
        let seen = motions.iter().zip(looks);
        let (beside, looks): (Vec<[f32; 2]>, Vec<[f32; 2]>) = seen
            .map(|(motion, look)| self.without_fall(self.beside_rest(*motion), *look, settings))
            .unzip();
        let ways: Vec<[f32; 2]> = (beside.iter())
            .map(|motion| self.way_beside(*motion, settings))
            .collect();
        ways.iter()
            .zip(looks)
            .enumerate()
            .map(|(index, (here, look))| {
                let next = ways.get(index + 1).unwrap_or(here);
                let after = beside.get(index + 1).unwrap_or(&beside[index]);
                let [x, y] = [0, 1].map(|axis| {
                    (here[axis] + settings.next_weight * next[axis])
                        / (1.0 + settings.next_weight / 2.0)
                });
                let look = self.scaled_look(look);
                let [look_x, look_y] = look.map(|part| settings.look_weight * part);
                let tokens = self.tokens.as_ref().map_or([0; 3], |tokens| {
                    let of = |motion| tokens.motion(motion, settings);
                    [of(beside[index]), of(*after), tokens.look(look)]
                });
                let change = (self.tokens.as_ref())
                    .and_then(|tokens| tokens.change(change_at(motions, index), settings));
                Description {
                    values: [x, y, look_x, look_y],
                    tokens,
                    change,
                }
            })
            .collect()
    }

    /// Whether its descriptions have tokens.
    pub(crate) fn has_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// A displacement beside the most common one.
    fn beside_rest(&self, motion: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|axis| motion[axis] - self.rest[axis])
    }

    /// A displacement beside the most common one and a direction read from looks, of which a fall says nothing where there is gravity.
    fn without_fall(
        &self,
        [x, y]: [f32; 2],
        [look_x, look_y]: [f32; 2],
        settings: &AgentSettings,
    ) -> ([f32; 2], [f32; 2]) {
        match self.standing_look {
            Some(standing) if y > settings.least_motion => ([x, 0.0], [look_x, standing]),
            _ => ([x, y], [look_x, look_y]),
        }
    }

    /// A direction read from looks, in units of its usual deviation.
    pub(crate) fn scaled_look(&self, look: [f32; 2]) -> [f32; 2] {
        look.map(|part| part / self.look_deviation)
    }

    /// Which way a displacement goes: its direction counts first, its distance second.
    pub(crate) fn way(&self, motion: [f32; 2], settings: &AgentSettings) -> [f32; 2] {
        self.way_beside(self.beside_rest(motion), settings)
    }

    /// The same of a displacement beside the most common one.
    fn way_beside(&self, motion: [f32; 2], settings: &AgentSettings) -> [f32; 2] {
        [0, 1].map(|axis| {
            let motion = motion[axis];
            if motion.abs() <= settings.least_motion {
                0.0
            } else {
                motion.signum() * (0.6 + 0.4 * (motion.abs() / self.usual[axis]).min(LARGEST))
            }
        })
    }

    /// What cannot be in one that comes from a file.
    pub(crate) fn problem(&self) -> Option<String> {
        let sizes = self.usual.iter().chain([&self.look_deviation]);
        let sound = (self.rest.iter().chain(&self.standing_look)).all(|part| part.is_finite())
            && sizes
                .into_iter()
                .all(|size| *size > 0.0 && size.is_finite());
        (!sound)
            .then(|| "expected finite numbers for what is usual".to_owned())
            .or_else(|| self.tokens.as_ref().and_then(Tokeniser::problem))
    }
}

/// How a displacement differs from the one before; not, where there is none before.
fn change_at(motions: &[[f32; 2]], at: usize) -> [f32; 2] {
    let before = at
        .checked_sub(1)
        .map_or(motions[at], |before| motions[before]);
    [0, 1].map(|axis| motions[at][axis] - before[axis])
}

/// The whole number that most values are nearest to; the one nearest to 0 of equals.
fn most_common(values: impl Iterator<Item = f32>) -> f32 {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value.round() as i32).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|&(value, count)| (count, Reverse(value.abs())))
        .map_or(0.0, |(value, _)| value as f32)
}

/// Of no values there is none.
fn mean(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (sum, count) = values.fold((0.0_f64, 0_usize), |(sum, count), value| {
        (sum + f64::from(value), count + 1)
    });
    (count > 0).then(|| (sum / count as f64) as f32)
}

fn deviation(values: impl Iterator<Item = f32>) -> f32 {
    let (mut count, mut sum, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
    for value in values.map(f64::from) {
        count += 1.0;
        sum += value;
        squares += value * value;
    }
    let mean = sum / count.max(1.0);
    (squares / count.max(1.0) - mean * mean).max(0.0).sqrt() as f32
}

/// Finds codes in the descriptions of clips: as many as the settings say, or as the footage bears; the likeliest of several starts.
pub(crate) fn find_codes(
    clips: &[Vec<Description>],
    settings: &AgentSettings,
    seed: u64,
) -> CodeModel {
    let all: Vec<Values> = clips.iter().flatten().map(|it| it.values).collect();
    let likeliest = |count, starts| likeliest_codes(clips, &all, (count, starts), settings, seed);
    if let Some(count) = settings.actions {
        return likeliest(count, settings.code_starts).0;
    }
    let trials = TRIED_COUNTS.step_by(TRIED_STEP).map(|count| {
        let (codes, likelihood) = likeliest(count, TRIED_STARTS);
        (count, information_criterion(&codes, likelihood, all.len()))
    });
    // Of equals the fewest.
    let best = trials.reduce(|best, next| if next.1 > best.1 { next } else { best });
    let count = best.map_or(*TRIED_COUNTS.start(), |(count, _)| count);
    likeliest(count, settings.code_starts).0
}

/// So many codes, the likeliest of so many starts, and the mean log-likelihood of a transition under them.
fn likeliest_codes(
    clips: &[Vec<Description>],
    all: &[Values],
    (count, starts): (usize, usize),
    settings: &AgentSettings,
    seed: u64,
) -> (CodeModel, f64) {
    let fit = |start: u64| {
        let seed = seed.wrapping_add(start.wrapping_mul(START_STRIDE));
        let centres = place(all, count, settings.code_restarts, seed).1;
        let (model, history) = CodeModel::fit(clips, &centres, settings.code_rounds);
        (model, history.last().copied().unwrap_or(f64::NEG_INFINITY))
    };
    let mut best = fit(0);
    for start in 1..starts as u64 {
        let next = fit(start);
        if next.1 > best.1 {
            best = next;
        }
    }
    best
}

/// Numbers of codes that are tried where the number is not given (even ones), and the starts of each.
const TRIED_COUNTS: std::ops::RangeInclusive<usize> = 4..=20;
const TRIED_STEP: usize = 2;
const TRIED_STARTS: usize = 2;

/// Schwarz's criterion (1978) of a transition: how likely the descriptions are under the codes, less what as many free numbers gain on chance. That
/// evidence counts for a part makes it a rule of thumb.
fn information_criterion(codes: &CodeModel, likelihood: f64, transitions: usize) -> f64 {
    let transitions = transitions.max(1) as f64;
    likelihood - 0.5 * codes.free_numbers() as f64 * transitions.ln() / transitions
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Clips of 100 transitions in which the anchor goes one of so many ways, each for some transitions, seen through a little noise.
    fn clips_of(ways: usize, clips: usize) -> Vec<Vec<Description>> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        (0..clips)
            .map(|_| {
                let (mut way, mut left) = (0, 0);
                (0..100)
                    .map(|_| {
                        if left == 0 {
                            (way, left) = (rng.random_range(0..ways), rng.random_range(3..9));
                        }
                        left -= 1;
                        let (x, y) = (way % 4, way / 4);
                        let mut near = |value: usize| value as f32 + rng.random_range(-0.2..0.2);
                        Description {
                            values: [near(x), near(y), near(0), near(0)],
                            tokens: [(5 * x + y) as u8, 12, 0],
                            change: None,
                        }
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn as_many_codes_are_taken_as_the_footage_bears() {
        let settings = AgentSettings {
            actions: None,
            ..AgentSettings::default()
        };
        let count = |clips: &[Vec<Description>]| find_codes(clips, &settings, 0).len();
        // No fewer are tried.
        assert_eq!(count(&clips_of(3, 40)), 4);
        assert!((12..=14).contains(&count(&clips_of(12, 40))));
        // A few transitions bear few codes, whatever is in them.
        let few: Vec<_> = (clips_of(12, 1).into_iter())
            .map(|clip| clip[..12].to_vec())
            .collect();
        assert_eq!(count(&few), 4);
        let given = AgentSettings::default();
        assert_eq!(Some(find_codes(&few, &given, 0).len()), given.actions);
    }

    /// Jumps and walks to the right between them, and what is described of them.
    fn described(jump: &[f32]) -> (Describer, Vec<Description>) {
        let settings = AgentSettings::default();
        let motions: Vec<[f32; 2]> = (0..10)
            .flat_map(|_| {
                let walk = [[0.0, 0.0]; 4].into_iter().chain([[2.0, 0.0]; 4]);
                walk.chain(jump.iter().map(|&down| [0.0, down]))
            })
            .collect();
        // What rises and what falls looks like it.
        let looks: Vec<[f32; 2]> = motions
            .iter()
            .map(|[_, y]| [0.0, y.signum() * y.abs().min(1.0)])
            .collect();
        let describer = Describer::fit(
            &vec![motions.clone(); 10],
            &vec![looks.clone(); 10],
            &settings,
        );
        let all = describer.describe(&motions, &looks, &settings);
        (describer, all[8..8 + jump.len()].to_vec())
    }

    /// A bird that falls, and rises a little whenever it flaps, also while it still rises; and whether it flaps.
    fn flight(seed: u64) -> (Vec<[f32; 2]>, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut speed, mut flaps, mut left) = (0.0_f32, false, 0);
        (0..3000)
            .map(|_| {
                if left == 0 {
                    (flaps, left) = (rng.random_bool(0.5), rng.random_range(1..6));
                }
                left -= 1;
                speed = if flaps { -2.3 } else { (speed + 0.6).min(2.7) };
                ([2.0, speed + rng.random_range(-0.1..0.1)], flaps)
            })
            .unzip()
    }

    #[test]
    fn a_flap_is_told_from_a_rise_that_lasts() {
        let settings = AgentSettings::default();
        let (motions, _) = flight(1);
        let looks = vec![[0.0; 2]; motions.len()];
        let describer = Describer::fit(
            std::slice::from_ref(&motions),
            std::slice::from_ref(&looks),
            &settings,
        );
        let codes = find_codes(
            &[describer.describe(&motions, &looks, &settings)],
            &settings,
            0,
        );
        let (motions, flaps) = flight(2);
        let read = codes.read(&describer.describe(&motions, &looks, &settings));
        let mut counts = vec![[0_usize; 2]; codes.len()];
        for (&code, &flaps) in read.iter().zip(&flaps) {
            counts[code][usize::from(flaps)] += 1;
        }
        let right: usize = counts.iter().map(|of| of[0].max(of[1])).sum();
        assert!(right as f32 > 0.85 * flaps.len() as f32, "{counts:?}");
        assert_eq!(describer.problem(), None);
        // Without gravity nothing is said of changes.
        let lift: Vec<[f32; 2]> = (motions.iter().zip(&flaps))
            .map(|(_, &up)| [0.0, if up { -2.0 } else { 2.0 }])
            .collect();
        let describer = Describer::fit(
            std::slice::from_ref(&lift),
            std::slice::from_ref(&looks),
            &settings,
        );
        let described = describer.describe(&lift, &looks, &settings);
        assert!(described.iter().all(|it| it.change.is_none()));
    }

    #[test]
    fn a_fall_is_described_as_standing_where_there_is_gravity() {
        let jump = [-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0];
        let (describer, air) = described(&jump);
        let standing =
            describer.describe(&[[0.0; 2]; 2], &[[0.0; 2]; 2], &AgentSettings::default())[0];
        let (rise, fall) = air.split_at(4);
        assert!(
            rise.iter().all(|it| it.tokens != standing.tokens),
            "{rise:?}"
        );
        assert!(
            fall.iter().all(|it| it.tokens == standing.tokens),
            "{fall:?}"
        );
        assert!(fall.iter().all(|it| it.values[1] == 0.0));
        assert_eq!(describer.problem(), None);
        let damaged = Describer {
            standing_look: Some(f32::INFINITY),
            ..describer
        };
        assert!(damaged.problem().is_some());
        // A lift goes down because somebody wants it to.
        let (_, air) = described(&[-3.0, -3.0, -3.0, -3.0, 3.0, 3.0, 3.0, 3.0]);
        let (up, down) = air.split_at(4);
        assert!(up.iter().take(3).all(|it| it.values[1] < -0.5), "{up:?}");
        assert!(down.iter().take(3).all(|it| it.values[1] > 0.5), "{down:?}");
    }
}
