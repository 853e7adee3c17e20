//! Names of codes before there is a world: by what the found player does in the footage alone.

use genie_model::ActionLabel;

use super::counting::{count_real, usual_speeds};
use super::name_by_motion;
use super::naming::Effects;
use super::reference::{Reference, motions};
use crate::actions::ClipActions;
use crate::evaluate::is_numbered;

/// Names each of so many codes by what the player does under it in this footage, as [`label`](super::label) does with a world at hand. Several codes that do the same have one name:
/// the most used has it plain, the others are numbered.
#[must_use]
pub fn name_codes(found: &[ClipActions], codes: usize) -> Vec<ActionLabel> {
    let references = [0, 1].map(|axis| Reference::choose(found, axis));
    let seen: Vec<_> = (found.iter())
        .map(|clip| motions(references, clip))
        .collect();
    let speeds = usual_speeds(seen.iter().flatten());
    let mut effects = vec![Effects::default(); codes];
    for (motions, clip) in seen.iter().zip(found) {
        let codes: Vec<usize> = clip.iter().map(|transition| transition.code).collect();
        count_real(&mut effects, motions, &codes, speeds);
    }
    name_by_motion(&effects, seen.iter().map(Vec::as_slice))
}

/// For each code the one that has its name plain: all that have one name come to the same.
#[must_use]
pub fn codes_of_one_name(labels: &[ActionLabel]) -> Vec<usize> {
    let plain =
        |label: &ActionLabel| (labels.iter()).position(|it| is_numbered(&label.name, &it.name));
    let with_labels = labels.iter().enumerate();
    with_labels
        .map(|(code, label)| plain(label).unwrap_or(code))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::AgentTransition;

    #[test]
    fn codes_are_named_by_what_the_player_does() {
        // Left, right and nothing, each under two codes and for three frames; the fifth code both ways.
        let steps = [
            (0, -2.0),
            (1, 2.0),
            (2, 0.0),
            (3, 2.0),
            (4, 0.0),
            (5, 2.0),
            (5, -2.0),
        ];
        let clip: ClipActions = (0..40)
            .flat_map(|_| steps)
            .flat_map(|step| [step; 3])
            .chain([(1, 2.0), (2, 0.0)].repeat(30))
            .map(|(code, right)| AgentTransition {
                code,
                displacement: [right, 0.0],
                seen: true,
                look: [0.0; 2],
                present: true,
                position: [20.0, 20.0],
            })
            .collect();
        let labels = name_codes(&[clip], 6);
        let names: Vec<&str> = labels.iter().map(|label| &*label.name).collect();
        assert_eq!(
            names,
            ["left", "right", "idle", "right_2", "idle_2", "action_5"]
        );
        assert_eq!(codes_of_one_name(&labels), [0, 1, 2, 1, 2, 5]);
        assert!(
            name_codes(&[], 3)
                .iter()
                .all(|label| label.name.starts_with("action_"))
        );
    }
}
