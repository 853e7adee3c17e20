//! Displacements and looks as tokens.

use genie_model::median;
use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::description::TOKEN_COUNTS;
use super::k_means::{nearest, place};

/// Fewest displacements of an axis that are told apart by their size.
const FEWEST: usize = 50;
/// Steps that a displacement of middle size is rounded to, a pixel.
const ROUNDED: f32 = 100.0;
/// Displacements of one axis: far back, back, none, on, far on.
const OF_AXIS: usize = 5;

/// How displacements and looks of some footage become tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tokeniser {
    /// Size from which a displacement is a large one, on each axis; `None` where there is too little to say.
    large: [Option<f32>; 2],
    /// The same of a change between two displacements, if changes are told apart. None in files written before they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    large_changes: Option<[Option<f32>; 2]>,
    /// Centres of the looks.
    looks: Vec<[f32; 2]>,
}

impl Tokeniser {
    /// Learns from displacements beside the most common one, and from looks in units of their deviation; and from changes of displacement, if they are
    /// to be told apart.
    pub(super) fn fit(
        motions: &[[f32; 2]],
        looks: &[[f32; 2]],
        changes: Option<&[[f32; 2]]>,
        settings: &AgentSettings,
    ) -> Self {
        Self {
            large: large(motions, settings),
            large_changes: changes.map(|changes| large(changes, settings)),
            looks: place(looks, TOKEN_COUNTS[2], settings.code_restarts, 0).1,
        }
    }

    /// The token of a displacement beside the most common one.
    pub(super) fn motion(&self, motion: [f32; 2], settings: &AgentSettings) -> u8 {
        token(motion, &self.large, settings)
    }

    /// The token of a change between two displacements, if changes are told apart.
    pub(super) fn change(&self, change: [f32; 2], settings: &AgentSettings) -> Option<u8> {
        let large = self.large_changes.as_ref();
        large.map(|large| token(change, large, settings))
    }

    /// The token of looks in units of their deviation.
    pub(super) fn look(&self, look: [f32; 2]) -> u8 {
        nearest(&look, &self.looks).0 as u8
    }

    /// What cannot be in one that comes from a file.
    pub(super) fn problem(&self) -> Option<String> {
        let sound = self.looks.len() <= TOKEN_COUNTS[2]
            && self.looks.iter().flatten().all(|value| value.is_finite())
            && (self
                .large
                .iter()
                .chain(self.large_changes.iter().flatten())
                .flatten())
            .all(|value| value.is_finite());
        (!sound).then(|| {
            format!(
                "expected at most {} looks of finite numbers",
                TOKEN_COUNTS[2]
            )
        })
    }
}

/// The size from which a displacement is a large one, on each axis: the middle one, if there are enough to say.
fn large(motions: &[[f32; 2]], settings: &AgentSettings) -> [Option<f32>; 2] {
    [0, 1].map(|axis| {
        let sizes = motions.iter().map(|motion| motion[axis].abs());
        let sizes: Vec<f32> = sizes.filter(|&size| size > settings.least_motion).collect();
        let middle = || median(sizes.iter().copied()).map(|it| (it * ROUNDED).round() / ROUNDED);
        (sizes.len() > FEWEST).then(middle).flatten()
    })
}

/// The token of a displacement by its direction and size on each axis.
fn token(motion: [f32; 2], large: &[Option<f32>; 2], settings: &AgentSettings) -> u8 {
    let [x, y] = [0, 1].map(|axis| {
        let size = motion[axis].abs();
        if size <= settings.least_motion {
            return OF_AXIS / 2;
        }
        let far = 1 + usize::from(large[axis].is_some_and(|large| size >= large));
        if motion[axis] > 0.0 {
            OF_AXIS / 2 + far
        } else {
            OF_AXIS / 2 - far
        }
    });
    (x * OF_AXIS + y) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displacements_are_told_apart_by_direction_and_size() {
        let settings = AgentSettings::default();
        let motions: Vec<[f32; 2]> = (0..300).map(|at| [[1.0, 3.0][at % 2], 0.0]).collect();
        let looks = [[-1.0, 0.0], [1.0, 0.0]].repeat(150);
        let tokens = Tokeniser::fit(&motions, &looks, None, &settings);
        let of = |x, y| tokens.motion([x, y], &settings);
        let all = [
            of(0.0, 0.0),
            of(1.0, 0.0),
            of(3.0, 0.0),
            of(-1.0, 0.0),
            of(-3.0, 0.0),
            of(0.0, 2.0),
        ];
        let mut distinct = all.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 6, "{all:?}");
        // Nothing is known of how far it goes up and down.
        assert_eq!(of(0.0, 2.0), of(0.0, 9.0));
        assert!(
            all.iter()
                .all(|&token| usize::from(token) < TOKEN_COUNTS[0])
        );
        assert_ne!(tokens.look([-0.8, 0.0]), tokens.look([0.8, 0.1]));
        assert!(tokens.problem().is_none());
    }

    #[test]
    fn nothing_is_survived() {
        let settings = AgentSettings::default();
        let tokens = Tokeniser::fit(&[], &[], None, &settings);
        assert_eq!(tokens.look([1.0, 2.0]), 0);
        assert!(usize::from(tokens.motion([9.0, -9.0], &settings)) < TOKEN_COUNTS[0]);
    }
}
