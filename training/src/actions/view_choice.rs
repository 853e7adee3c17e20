//! Which views are asked together: chosen on footage that is held back from what is learnt, never on what is scored.

use rayon::prelude::*;

use super::places::TransitionPlace;
use super::view::{Truth, View, ViewClassifier, mean_of};
use super::visible_score::VisibleActions;

/// One clip in so many is held back for the choice; where there are fewer clips, that share of each one's end.
const HELD_BACK: usize = 8;
/// Fewest transitions that a choice is made on.
const FEWEST: usize = 100;

/// Classifiers of the views that are asked together.
pub(super) struct ChosenViews {
    /// Numbers of the views among those offered, and what has learnt to read them.
    asked: Vec<(usize, ViewClassifier)>,
}

impl ChosenViews {
    /// Learns from most of the transitions, and chooses the set of views whose mean prediction carries most information about the
    /// transitions that are held back. Where these are too few to choose on, it is the first set, learnt from all.
    pub(super) fn learn(
        views: &[View<'_>],
        sets: &[&[usize]],
        truth: Truth<'_>,
        places: &[TransitionPlace],
        seed: u64,
    ) -> Self {
        let learn = |number: usize, examples: &[usize]| {
            let classifier = ViewClassifier::learn(views[number], truth, examples, seed);
            (number, classifier)
        };
        let all: Vec<usize> = (0..places.len()).collect();
        let held_back = held_back(places);
        let (tried, kept): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&at| held_back[at]);
        if tried.len() < FEWEST {
            let asked = sets[0].iter().map(|&number| learn(number, &all)).collect();
            return Self { asked };
        }
        let (learnt, predicted): (Vec<_>, Vec<_>) = (0..views.len())
            .into_par_iter()
            .map(|number| {
                let learnt = learn(number, &kept);
                let predicted = learnt.1.read(views[number], &tried);
                (learnt, predicted)
            })
            .unzip();
        let actions: Vec<u8> = tried.iter().map(|&at| truth.actions[at]).collect();
        let information = |set: &[usize]| {
            let some: Vec<_> = set.iter().map(|&view| &predicted[view]).collect();
            VisibleActions::of(&mean_of(&some), &actions).information
        };
        let tried: Vec<(&[usize], f64)> = sets.iter().map(|&set| (set, information(set))).collect();
        // The first of equals.
        let best = tried.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1));
        let set = best.map_or(sets[0], |best| best.0);
        tracing::debug!(views = ?set, held_back = actions.len(), "chose views");
        let asked = learnt
            .into_iter()
            .filter(|(number, _)| set.contains(number))
            .collect();
        Self { asked }
    }

    /// Mean probabilities of the true actions, one row for each of `count` transitions that the same views show.
    pub(super) fn read(&self, views: &[View<'_>], count: usize) -> Vec<Vec<f32>> {
        let all: Vec<usize> = (0..count).collect();
        let predicted: Vec<Vec<Vec<f32>>> = self
            .asked
            .par_iter()
            .map(|(view, classifier)| classifier.read(views[*view], &all))
            .collect();
        mean_of(&predicted.iter().collect::<Vec<_>>())
    }
}

/// Which transitions, in ascending order, are held back: whole clips, so that none of their scenery is learnt.
fn held_back(places: &[TransitionPlace]) -> Vec<bool> {
    let clips: Vec<&[TransitionPlace]> = places.chunk_by(|a, b| a.clip == b.clip).collect();
    let whole = clips.len() >= HELD_BACK;
    clips
        .iter()
        .enumerate()
        .flat_map(|(number, clip)| {
            (0..clip.len()).map(move |at| {
                if whole {
                    number % HELD_BACK == HELD_BACK - 1
                } else {
                    at >= clip.len() - clip.len() / HELD_BACK
                }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(lengths: &[usize]) -> Vec<TransitionPlace> {
        (lengths.iter().enumerate())
            .flat_map(|(clip, &length)| {
                (0..length).map(move |frame| TransitionPlace { clip, frame })
            })
            .collect()
    }

    #[test]
    fn whole_clips_are_held_back_where_there_are_enough() {
        let places = places(&[3; 17]);
        let held_back = held_back(&places);
        for (place, held_back) in places.iter().zip(held_back) {
            assert_eq!(held_back, [7, 15].contains(&place.clip), "{place:?}");
        }
    }

    #[test]
    fn of_few_clips_the_ends_are_held_back() {
        let places = places(&[16, 4]);
        let held_back = held_back(&places);
        for (place, held_back) in places.iter().zip(held_back) {
            assert_eq!(held_back, place.clip == 0 && place.frame >= 14, "{place:?}");
        }
    }
}
