//! Names by what was pressed take the place of names by what is seen.

use std::collections::BTreeSet;

use genie_model::ActionLabel;

use super::naming::digit;
use crate::evaluate::PressedKeys;

/// Gives every action the name and keys that it clearly belongs to: the most used of several that belong to the same has them plain, the
/// others are numbered and get the key of their digit. The rest keep their names and keys, where these are still free.
pub(super) fn name_by_keys(
    seen: Vec<ActionLabel>,
    usage: &[f64],
    pressed: &[Option<PressedKeys>],
) -> Vec<ActionLabel> {
    let clear = |action: usize| {
        let keys = pressed[action].as_ref().filter(|keys| keys.is_clear());
        keys.and_then(|keys| keys.label.as_ref())
    };
    let mut by_usage: Vec<usize> = (0..seen.len()).collect();
    by_usage.sort_by(|&a, &b| usage[b].total_cmp(&usage[a]));
    let mut names = BTreeSet::new();
    let mut keys: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut labels = seen;
    for &action in &by_usage {
        let Some(belongs) = clear(action) else {
            continue;
        };
        let mut label = belongs.clone();
        for number in 2.. {
            if names.insert(label.name.clone()) {
                break;
            }
            label.name = format!("{}_{number}", belongs.name);
            label.keys = digit(action);
        }
        keys.extend(label.keys.iter().cloned());
        labels[action] = label;
    }
    for &action in by_usage.iter().filter(|&&action| clear(action).is_none()) {
        let label = &mut labels[action];
        if !names.insert(label.name.clone()) {
            label.name = format!("action_{action}");
            names.insert(label.name.clone());
            label.keys = digit(action);
        }
        if label.keys.iter().any(|held| keys.contains(held)) {
            label.keys = digit(action);
        }
        keys.extend(label.keys.iter().cloned());
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, key: &str) -> ActionLabel {
        ActionLabel {
            name: name.to_owned(),
            keys: vec![vec![key.to_owned()]],
            ..ActionLabel::default()
        }
    }

    fn keys(name: &str, key: &str, share: f64) -> PressedKeys {
        PressedKeys {
            action: 0,
            label: Some(label(name, key)),
            share,
            usual: 0.2,
            transitions: 100,
        }
    }

    #[test]
    fn what_was_pressed_clearly_wins_and_no_name_or_key_is_given_twice() {
        let seen = vec![
            label("left", "ArrowLeft"),
            label("right", "ArrowRight"),
            label("right_2", "Digit3"),
            label("idle", "KeyX"),
        ];
        let pressed = [
            Some(keys("fire", "Space", 0.6)),
            // Not clearly more than usual.
            Some(keys("fire", "Space", 0.25)),
            Some(keys("right", "ArrowRight", 0.9)),
            None,
        ];
        let labels = name_by_keys(seen, &[0.4, 0.3, 0.2, 0.1], &pressed);
        assert_eq!(
            labels,
            [
                label("fire", "Space"),
                label("action_1", "Digit2"),
                label("right", "ArrowRight"),
                label("idle", "KeyX"),
            ]
        );
        // A number without a name is no name.
        let unnamed = PressedKeys {
            label: None,
            ..keys("", "", 0.9)
        };
        let kept = name_by_keys(labels[..1].to_vec(), &[1.0], &[Some(unnamed)]);
        assert_eq!(kept, labels[..1]);
        let both = [0.6, 0.7].map(|share| Some(keys("fire", "Space", share)));
        let labels = name_by_keys(labels[..2].to_vec(), &[0.1, 0.9], &both);
        assert_eq!(labels, [label("fire_2", "Digit1"), label("fire", "Space")]);
    }
}
