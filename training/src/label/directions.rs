//! Names for actions in games without gravity: the directions in which the player goes.

use genie_model::ActionLabel;

use super::motion::Motion;
use super::naming::{
    ActionEffect, DIRECTION, Effects, IDLE, STILL, combine, dreams_go, label_by_usage, stand_in,
};
use crate::actions::{AgentSettings, SpeedChanges};

/// What is no motion and no change of it, in pixels a frame.
const LEAST: f32 = 0.5;

/// Whether the motion of the player shows gravity.
pub(super) fn has_gravity<'a>(clips: impl Iterator<Item = &'a [Motion]>) -> bool {
    let mut changes = SpeedChanges::default();
    for pair in clips.flat_map(|clip| clip.windows(2)) {
        if let (Some(before), Some(after)) = (pair[0].down, pair[1].down) {
            changes.add(before, after, LEAST);
        }
    }
    changes.show_gravity(&AgentSettings::default())
}

/// Where an action goes along an axis: -1, 0 or 1; `None` if that is unclear. Where no action goes a way for sure, one may
/// [stand in](stand_in).
fn signs(
    effects: &[Effects],
    dreams: &[ActionEffect],
    measured: impl Fn(&ActionEffect) -> Option<[f64; 2]>,
) -> Vec<Option<i8>> {
    let bias = combine(effects, DIRECTION, |it| measured(it).map(|[a, b]| b - a));
    let moves = combine(effects, DIRECTION, |it| measured(it).map(|[a, b]| a + b));
    let mut all: Vec<Option<i8>> = (effects.iter().zip(&bias).zip(&moves))
        .map(|((effects, bias), &moves)| {
            if !effects.is_measured() {
                None
            } else if bias.abs() >= DIRECTION {
                Some(bias.signum() as i8)
            } else {
                (moves <= STILL).then_some(0)
            }
        })
        .collect();
    for way in [-1, 1] {
        let unclear = |action: usize| {
            let dreamt = measured(&dreams[action]).map(|[a, b]| b - a);
            all[action].is_none()
                && effects[action].is_measured()
                && dreams_go(dreamt, f64::from(way))
        };
        if !all.contains(&Some(way))
            && let Some(action) = stand_in(&bias, &moves, f64::from(way), unclear)
        {
            all[action] = Some(way);
        }
    }
    all
}

/// Names every action by the direction in which the player goes under it, one of nine, and gives it the arrows and W A S D as keys. What
/// actions mean is in `effects`, what they do in dreams apart from it. Names differ as [`name_actions`](super::name_actions) says.
pub(super) fn name_directions(effects: &[Effects], dreams: &[ActionEffect]) -> Vec<ActionLabel> {
    let sideways = signs(effects, dreams, |it| Some([it.left()?, it.right()?]));
    let upright = signs(effects, dreams, |it| Some([it.up()?, it.down()?]));
    let meant: Vec<_> = (sideways.iter().zip(&upright))
        .map(|(&x, &y)| {
            let (x, y) = (x?, y?);
            let name = match (x, y) {
                (-1, -1) => "up_left",
                (0, -1) => "up",
                (1, -1) => "up_right",
                (-1, 0) => "left",
                (1, 0) => "right",
                (-1, 1) => "down_left",
                (0, 1) => "down",
                (1, 1) => "down_right",
                _ => IDLE,
            };
            Some((name, keys(x, y)))
        })
        .collect();
    label_by_usage(effects, &meant)
}

/// The arrows of a direction, and the letters; each inner list is held together.
fn keys(x: i8, y: i8) -> Vec<Vec<String>> {
    if (x, y) == (0, 0) {
        return Vec::new();
    }
    let names = [
        ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"],
        ["KeyA", "KeyD", "KeyW", "KeyS"],
    ];
    names
        .map(|[left, right, up, down]| {
            let sideways = [left, "", right][(x + 1) as usize];
            let upright = [up, "", down][(y + 1) as usize];
            [sideways, upright]
                .into_iter()
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect()
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels_of(effects: &[Effects]) -> Vec<ActionLabel> {
        let dreams: Vec<ActionEffect> = effects.iter().map(|it| it.generated).collect();
        name_directions(effects, &dreams)
    }

    fn vertical(downs: &[f32]) -> Vec<Motion> {
        downs
            .iter()
            .map(|&down| Motion {
                right: Some(0.0),
                down: Some(down),
            })
            .collect()
    }

    #[test]
    fn jumps_show_gravity_and_free_flight_does_not() {
        let jump = vertical(&[
            0.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0,
        ]);
        let jumps: Vec<Vec<Motion>> = vec![jump; 40];
        assert!(has_gravity(jumps.iter().map(|clip| &clip[..])));
        // A ship goes up or down for a while, stops, and turns now and then.
        let flight = vertical(&[
            0.0, -3.0, -3.0, 0.0, 0.0, 0.0, 3.0, 3.0, 0.0, 0.0, 0.0, -3.0, 3.0, -3.0, 0.0,
        ]);
        let flights: Vec<Vec<Motion>> = vec![flight; 40];
        assert!(!has_gravity(flights.iter().map(|clip| &clip[..])));
        // Too little is no evidence.
        assert!(!has_gravity(jumps[..3].iter().map(|clip| &clip[..])));
    }

    #[test]
    fn nine_directions_have_names_and_keys() {
        let effect = |x: i8, y: i8| ActionEffect {
            sideways: 100.0,
            goes_left: if x < 0 { 80.0 } else { 5.0 },
            goes_right: if x > 0 { 80.0 } else { 5.0 },
            vertical: 100.0,
            goes_up: if y < 0 { 80.0 } else { 5.0 },
            goes_down: if y > 0 { 80.0 } else { 5.0 },
            ..ActionEffect::default()
        };
        let of = |x, y| Effects {
            usage: 0.1,
            real: effect(x, y),
            generated: effect(x, y),
        };
        let effects: Vec<Effects> = [-1, 0, 1]
            .into_iter()
            .flat_map(|y| [-1, 0, 1].map(|x| of(x, y)))
            .collect();
        let labels = labels_of(&effects);
        let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "up_left",
                "up",
                "up_right",
                "left",
                "idle",
                "right",
                "down_left",
                "down",
                "down_right"
            ]
        );
        assert_eq!(labels[0].keys[0], ["ArrowLeft", "ArrowUp"]);
        assert_eq!(labels[7].keys, [["ArrowDown"], ["KeyS"]]);
        assert!(labels[4].keys.is_empty());
    }

    #[test]
    fn a_blurred_direction_is_named_where_no_other_action_goes_that_way() {
        let effect = |left: f64, right: f64, up: f64, down: f64| {
            let effect = ActionEffect {
                sideways: 100.0,
                goes_left: left,
                goes_right: right,
                vertical: 100.0,
                goes_up: up,
                goes_down: down,
                ..ActionEffect::default()
            };
            Effects {
                usage: 0.25,
                real: effect,
                generated: effect,
            }
        };
        let names = |effects: &[Effects]| -> Vec<String> {
            let labels = labels_of(effects);
            labels.into_iter().map(|label| label.name).collect()
        };
        let mut effects = vec![
            effect(2.0, 2.0, 2.0, 90.0),
            effect(2.0, 2.0, 48.0, 16.0),
            effect(2.0, 2.0, 40.0, 30.0),
            effect(2.0, 2.0, 2.0, 2.0),
        ];
        assert_eq!(names(&effects), ["down", "up", "action_2", "idle"]);
        effects.push(effect(2.0, 2.0, 90.0, 2.0));
        assert_eq!(
            names(&effects),
            ["down", "action_1", "action_2", "idle", "up"]
        );
    }

    #[test]
    fn an_action_that_goes_both_ways_is_numbered() {
        let both = ActionEffect {
            sideways: 100.0,
            goes_left: 45.0,
            goes_right: 45.0,
            vertical: 100.0,
            ..ActionEffect::default()
        };
        let effects = [Effects {
            usage: 1.0,
            real: both,
            generated: both,
        }];
        assert_eq!(labels_of(&effects)[0].name, "action_0");
    }
}
