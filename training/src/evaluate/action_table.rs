//! Which true action a latent action stands for, by real transitions.

use super::known_transitions::KnownTransition;

/// Weight, in transitions, of what is known beforehand: that a latent action goes with every true action alike.
const PRIOR: f64 = 10.0;
/// A latent action that was inferred less often stands for nothing.
const FEWEST: u64 = 8;

/// How often each latent action was inferred where each true action was done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ActionTable {
    /// [latent, true].
    counts: Vec<Vec<u64>>,
}

impl ActionTable {
    /// Counts transitions, for so many latent and true actions.
    pub(super) fn new(transitions: &[KnownTransition], latent: usize, actions: usize) -> Self {
        let mut counts = vec![vec![0; actions]; latent];
        for transition in transitions {
            if let Some(count) = counts
                .get_mut(transition.latent)
                .and_then(|row| row.get_mut(usize::from(transition.truth)))
            {
                *count += 1;
            }
        }
        Self { counts }
    }

    /// The true action that a latent one goes with most often: what decodes best.
    pub(super) fn likeliest(&self, latent: usize) -> usize {
        let row = &self.counts[latent];
        let most = (0..row.len()).max_by_key(|&action| (row[action], std::cmp::Reverse(action)));
        most.unwrap_or(0)
    }

    /// The true action that a latent one stands for among those that `knows` allows: the one that leads to it most often, where each
    /// true action counts alike however often it happens. `None` for a latent action that was hardly ever inferred.
    pub(super) fn stands_for(&self, latent: usize, knows: impl Fn(usize) -> bool) -> Option<usize> {
        let row = &self.counts[latent];
        let total = self.transitions(latent);
        if total < FEWEST {
            return None;
        }
        let usual = total as f64 / self.all() as f64;
        let share = |action: usize| {
            (row[action] as f64 + PRIOR * usual) / (self.done(action) as f64 + PRIOR)
        };
        (0..row.len())
            .filter(|&action| knows(action))
            .max_by(|&a, &b| share(a).total_cmp(&share(b)))
    }

    /// Share of the transitions with a latent action in which a true action was done.
    pub(super) fn share(&self, latent: usize, action: usize) -> f64 {
        self.counts[latent][action] as f64 / self.transitions(latent).max(1) as f64
    }

    /// Number of transitions with a latent action.
    pub(super) fn transitions(&self, latent: usize) -> u64 {
        self.counts[latent].iter().sum()
    }

    /// Share of all transitions in which a true action was done.
    pub(super) fn usual(&self, action: usize) -> f64 {
        self.done(action) as f64 / self.all().max(1) as f64
    }

    /// Number of transitions in which a true action was done.
    fn done(&self, action: usize) -> u64 {
        self.counts.iter().map(|row| row[action]).sum()
    }

    fn all(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::TransitionPlace;

    fn transitions(counts: &[(usize, u8, usize)]) -> Vec<KnownTransition> {
        counts
            .iter()
            .flat_map(|&(latent, truth, count)| {
                let place = TransitionPlace { clip: 0, frame: 0 };
                let transition = KnownTransition {
                    place,
                    latent,
                    truth,
                };
                std::iter::repeat_n(transition, count)
            })
            .collect()
    }

    #[test]
    fn a_frequent_action_does_not_take_the_latent_action_of_a_rare_one() {
        // Action 0 is done nine times as often as action 1, and a quarter of it looks like latent 1.
        let table = ActionTable::new(&transitions(&[(0, 0, 675), (1, 0, 225), (1, 1, 100)]), 2, 2);
        assert_eq!(table.likeliest(1), 0);
        assert_eq!(table.stands_for(1, |_| true), Some(1));
        assert_eq!(table.stands_for(0, |_| true), Some(0));
        assert_eq!(table.stands_for(1, |action| action == 0), Some(0));
        assert!((table.share(1, 1) - 100.0 / 325.0).abs() < 1e-12);
    }

    #[test]
    fn few_transitions_decide_nothing() {
        // One transition with a rare action is no proof that its latent action stands for it.
        let table = ActionTable::new(&transitions(&[(0, 0, 60), (1, 0, 40), (1, 1, 1)]), 3, 2);
        assert_eq!(table.stands_for(1, |_| true), Some(1));
        assert_eq!(table.stands_for(2, |_| true), None);
        let even = ActionTable::new(&transitions(&[(0, 0, 50), (1, 0, 50), (0, 1, 1)]), 2, 2);
        assert_eq!(even.stands_for(1, |_| true), Some(0));
    }
}
