//! Which actions players are offered: those that dreams show.
//!
//! Some codes of real footage are no actions of a player: the last frame of a movement, or what follows from the past whatever is pressed. A
//! world that is commanded one of them does something else, which its own reader of actions tells without any true action.

use genie_model::ActionLabel;

/// How often dreams under an action were read as that action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recognised {
    /// Steps of play in which it was commanded.
    pub commanded: u64,
    /// Those of them that were read as it.
    pub recognised: u64,
}

impl Recognised {
    /// Share of the steps; `None` where there are none.
    pub fn share(&self) -> Option<f64> {
        (self.commanded > 0).then(|| self.recognised as f64 / self.commanded as f64)
    }

    /// Whether that is less often than by chance among so many actions. As many steps are added as there are actions, two of them recognised, so that few
    /// steps hide none.
    fn is_below_chance(&self, actions: f64) -> bool {
        (self.recognised as f64 + 2.0) / (self.commanded as f64 + actions) < 1.0 / actions
    }
}

/// Whether each action is hidden: dreams do not show it, or the footage never did. Where fewer than two would be left, none is: such a world shows
/// nothing that it is told.
pub(super) fn hidden(recognised: &[Recognised], usage: &[f64]) -> Vec<bool> {
    let commanded = recognised.iter().filter(|it| it.commanded > 0).count() as f64;
    let hidden: Vec<bool> = (recognised.iter().zip(usage))
        .map(|(it, &usage)| usage == 0.0 || it.is_below_chance(commanded))
        .collect();
    if hidden.iter().filter(|hidden| !**hidden).count() < 2 {
        return vec![false; hidden.len()];
    }
    hidden
}

/// Hides actions: they lose their keys, and a plain name goes to the most used of those that share it and are offered. What the world does while nothing is
/// pressed is never hidden.
pub(super) fn hide(labels: &mut [ActionLabel], usage: &[f64], hidden: &[bool]) {
    for action in (0..labels.len()).filter(|&action| hidden[action]) {
        let plain = labels[action].name.clone();
        let shares = |other: usize| {
            let rest = labels[other].name.strip_prefix(&plain);
            let number = rest.and_then(|rest| rest.strip_prefix('_'));
            number.is_some_and(|number| number.parse::<usize>().is_ok())
        };
        let heir = (0..labels.len())
            .filter(|&other| !hidden[other] && shares(other))
            .max_by(|&a, &b| usage[a].total_cmp(&usage[b]));
        if let Some(heir) = heir {
            labels.swap(action, heir);
        }
    }
    let hidden = labels.iter_mut().zip(hidden).filter(|(_, hidden)| **hidden);
    for (label, _) in hidden.filter(|(label, _)| label.name != "idle") {
        label.keys.clear();
        label.hidden = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(shares: &[(u64, u64)]) -> Vec<Recognised> {
        let seen = shares.iter();
        seen.map(|&(recognised, commanded)| Recognised {
            commanded,
            recognised,
        })
        .collect()
    }

    #[test]
    fn what_dreams_do_not_show_is_hidden_where_enough_steps_say_so() {
        let used = [0.25; 4];
        let of = |shares: &[(u64, u64)]| hidden(&seen(shares), &used[..shares.len()]);
        assert_eq!(
            of(&[(40, 60), (3, 60), (20, 60), (0, 0)]),
            [false, true, false, false]
        );
        // What the footage never shows.
        let shares = seen(&[(40, 60), (50, 60), (0, 0)]);
        assert_eq!(hidden(&shares, &[0.5, 0.5, 0.0]), [false, false, true]);
        // One of three is chance, and a few steps tell little.
        assert_eq!(of(&[(2, 3), (0, 2), (2, 3)]), [false; 3]);
        // A world that shows nothing that it is told.
        assert_eq!(of(&[(9, 60), (3, 60), (2, 60), (1, 60)]), [false; 4]);
        assert_eq!(seen(&[(1, 4)])[0].share(), Some(0.25));
        assert_eq!(seen(&[(0, 0)])[0].share(), None);
    }

    #[test]
    fn a_plain_name_and_its_keys_go_to_an_action_that_is_offered() {
        let label = |name: &str, key: &str| ActionLabel {
            name: name.to_owned(),
            keys: vec![vec![key.to_owned()]],
            ..ActionLabel::default()
        };
        let mut labels = [
            label("left", "ArrowLeft"),
            label("left_2", "Digit1"),
            label("left_3", "Digit2"),
            label("left_jump", "KeyQ"),
            label("action_4", "Digit4"),
        ];
        let usage = [0.4, 0.1, 0.3, 0.1, 0.1];
        hide(&mut labels, &usage, &[true, false, false, false, true]);
        let names: Vec<&str> = labels.iter().map(|label| &*label.name).collect();
        assert_eq!(names, ["left_3", "left_2", "left", "left_jump", "action_4"]);
        assert_eq!(labels[2].keys, [["ArrowLeft"]]);
        let mut idle = [label("idle", "Digit0"), label("action_1", "Digit1")];
        hide(&mut idle, &[0.5, 0.5], &[true, true]);
        assert!(!idle[0].hidden && idle[1].hidden);
        let offered: Vec<bool> = labels.iter().map(|label| !label.hidden).collect();
        assert_eq!(offered, [false, true, true, true, false]);
        assert!(labels[0].keys.is_empty() && labels[4].keys.is_empty());
    }
}
