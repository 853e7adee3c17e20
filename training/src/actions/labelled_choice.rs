//! Which candidate is the player where some transitions are labelled with what was pressed: the one whose motion tells it.

use std::collections::HashMap;

use super::AgentSettings;
use super::information::PairCounts;
use super::key_reader::LabelledPlaces;
use super::motion_series::GroupState;
use super::unpredictability::Candidate;

/// Nats, over all labelled transitions, by which one candidate must tell more than the likeliest player to take its place: more than chance brings
/// the best of some twenty candidates.
const LEAST_GAIN: f64 = 20.0;

/// The candidate whose motion tells most of what was pressed, if it clearly tells more of it than the first one. `states` are those of
/// every group in some `clips`, which are named by their numbers in the footage.
pub(crate) fn told_by_labels(
    candidates: &[Candidate],
    states: &[Vec<Vec<GroupState>>],
    clips: &[usize],
    labelled: LabelledPlaces<'_>,
    settings: &AgentSettings,
) -> Option<usize> {
    let place_of: HashMap<usize, usize> = clips.iter().copied().zip(0..).collect();
    let told = |candidate: &Candidate| {
        let states = &states[candidate.group];
        let pairs = labelled.places.iter().zip(labelled.actions);
        let pairs = pairs.filter_map(|(place, &action)| {
            let state = states[*place_of.get(&place.clip)?].get(place.frame)?;
            let sign = |part: f32| {
                if part.abs() > settings.least_motion {
                    part.signum() as i8
                } else {
                    0
                }
            };
            Some(((state.seen, state.motion.map(sign)), action))
        });
        let counts = PairCounts::new(pairs);
        counts.information() * counts.total() as f64
    };
    let told: Vec<f64> = candidates.iter().map(told).collect();
    let (best, most) = (told.iter().enumerate()).max_by(|a, b| a.1.total_cmp(b.1))?;
    (*most >= told[0] + LEAST_GAIN).then_some(best)
}
