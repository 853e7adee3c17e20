//! Names of codes before there is a world: by what the found player does in the footage alone.

use genie_model::ActionLabel;

use super::counting::{count_real, usual_speeds};
use super::name_by_motion;
use super::reference::{Reference, motions, references};
use crate::actions::{AnchoredAgent, ClipActions};

/// Names each code of a player by what it does under it in this footage, as [`label`](super::label()) does with a world at hand. Several codes that do the
/// same have one name: the most used has it plain, the others are numbered.
#[must_use]
pub fn name_codes(agent: &AnchoredAgent, found: &[ClipActions]) -> Vec<ActionLabel> {
    name_by(references(agent, found), found, agent.actions())
}

fn name_by(references: [Reference; 2], found: &[ClipActions], codes: usize) -> Vec<ActionLabel> {
    let seen: Vec<_> = (found.iter())
        .map(|clip| {
            let codes: Vec<usize> = clip.iter().map(|transition| transition.code).collect();
            (motions(references, clip), codes)
        })
        .collect();
    let speeds = usual_speeds(seen.iter().flat_map(|(motions, _)| motions));
    name_by_motion(&count_real(&seen, codes, speeds), &seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::AgentTransition;
    use crate::evaluate::plain_actions;

    fn transition(code: usize, displacement: [f32; 2]) -> AgentTransition {
        AgentTransition {
            code,
            displacement,
            seen: true,
            look: [0.0; 2],
            present: true,
            position: [20.0, 20.0],
        }
    }

    /// A bird that is always in the air: each flap throws it up, and then it rises ever more slowly, and falls.
    #[test]
    fn a_flap_is_a_jump_although_the_bird_never_stands() {
        let mut clip = ClipActions::new();
        for falls_for in (2..=8).cycle().take(600) {
            let mut down = -2.4;
            clip.push(transition(0, [0.0, down]));
            for _ in 0..falls_for {
                down += 0.8;
                let code = if down < -0.1 { 1 } else { 2 };
                clip.push(transition(code, [0.0, down]));
            }
        }
        let labels = name_by([Reference::Scene; 2], &[clip], 3);
        assert_eq!(labels[0].name, "jump");
        assert!(labels[1..].iter().all(|label| !label.name.contains("jump")));
    }

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
            .map(|(code, right)| transition(code, [right, 0.0]))
            .collect();
        let labels = name_by([Reference::Scene; 2], &[clip], 6);
        let names: Vec<&str> = labels.iter().map(|label| &*label.name).collect();
        assert_eq!(
            names,
            ["left", "right", "idle", "right_2", "idle_2", "action_5"]
        );
        assert_eq!(plain_actions(&labels), [0, 1, 2, 1, 2, 5]);
        assert!(
            name_by([Reference::Scene; 2], &[], 3)
                .iter()
                .all(|label| label.name.starts_with("action_"))
        );
    }
}
