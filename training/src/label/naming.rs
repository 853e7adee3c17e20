//! From the measured effects of actions to their names and keys.

use genie_model::ActionLabel;

/// Effect of an action in one source of transitions: counts, as `f64` because shares are made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ActionEffect {
    /// All transitions, whether or not a motion was measured.
    pub transitions: f64,
    /// Transitions whose horizontal motion was measured.
    pub sideways: f64,
    /// Of these, those to the left.
    pub goes_left: f64,
    /// And those to the right.
    pub goes_right: f64,
    /// Sum of the horizontal motion in pixels, to the right.
    pub distance: f64,
    /// Transitions whose vertical motion was measured.
    pub vertical: f64,
    /// Of these, those upwards, and those downwards, at more than a part of the usual speed.
    pub goes_up: f64,
    /// See [`goes_up`](Self::goes_up).
    pub goes_down: f64,
    /// Of these, those in which the figure falls fast.
    pub falls: f64,
    /// Transitions (real) or prompts (generated) that began at rest.
    pub from_rest: f64,
    /// Of these, those in which the figure began to rise.
    pub rises: f64,
}

/// Fewer transitions than this are not used.
const LEAST_COUNT: f64 = 4.0;
/// Where the figure's motion is measured in fewer than [`LEAST_COUNT`] of so many transitions, it is not in sight: one that stands in footage is measured now and then.
const LEAST_UNSEEN: f64 = 40.0;

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole >= LEAST_COUNT).then(|| part / whole)
}

impl ActionEffect {
    /// Share of the transitions that go left, if there are enough.
    pub fn left(&self) -> Option<f64> {
        share(self.goes_left, self.sideways)
    }

    /// Share of the transitions that go right, if there are enough.
    pub fn right(&self) -> Option<f64> {
        share(self.goes_right, self.sideways)
    }

    /// Share of those begun at rest in which the figure rises, if there are enough.
    pub fn jumps(&self) -> Option<f64> {
        share(self.rises, self.from_rest)
    }

    /// Share of the transitions that go up, if there are enough.
    pub fn up(&self) -> Option<f64> {
        share(self.goes_up, self.vertical)
    }

    /// Share of the transitions that go down, if there are enough.
    pub fn down(&self) -> Option<f64> {
        share(self.goes_down, self.vertical)
    }

    /// Share of all transitions in which the figure is seen to move, sideways or up and down, whichever is more, if there are enough. What is not seen to move
    /// in a few frames stands: nothing tells it from the scene.
    pub fn moves(&self) -> Option<f64> {
        let moving = (self.goes_left + self.goes_right).max(self.goes_up + self.goes_down);
        share(moving, self.transitions)
    }

    /// Whether the figure is out of sight in these transitions, of which there are many: hardly any motion is measured, not even a stand.
    pub(super) fn is_unseen(&self) -> bool {
        self.transitions >= LEAST_UNSEEN && self.sideways.max(self.vertical) < LEAST_COUNT
    }

    /// Share of the transitions in which the figure falls, if there are enough.
    pub fn falling(&self) -> Option<f64> {
        share(self.falls, self.vertical)
    }
}

/// Effects of an action in both sources.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effects {
    /// Share of the real transitions from which it is inferred.
    pub usage: f64,
    /// In real footage.
    pub real: ActionEffect,
    /// In generated footage, held from rest.
    pub generated: ActionEffect,
}

impl Effects {
    /// What counts for actions that were found in the footage: what they mean is there, and dreams show whether the world obeys. Jumps
    /// alone are counted in dreams too, since few begin at rest in footage.
    pub(super) fn of_found_actions(&self) -> Self {
        Self {
            generated: ActionEffect {
                from_rest: self.generated.from_rest,
                rises: self.generated.rises,
                ..ActionEffect::default()
            },
            ..*self
        }
    }

    pub(super) fn is_measured(&self) -> bool {
        self.real.left().is_some() || self.generated.left().is_some()
    }
}

/// A figure of every action: the mean of both sources, or the value of the only source that has it, or 0.
///
/// The generated source counts only if the figure differs by `least` between some two actions in it: a world that does the
/// same under every action, such as an untrained one, does not show what the actions mean.
pub(super) fn combine(
    effects: &[Effects],
    least: f64,
    figure: impl Fn(&ActionEffect) -> Option<f64>,
) -> Vec<f64> {
    let generated = effects
        .iter()
        .filter_map(|effects| figure(&effects.generated));
    let (low, high) = generated.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let tells = high - low >= least;
    effects
        .iter()
        .map(|effects| {
            let generated = figure(&effects.generated);
            match (figure(&effects.real), generated.filter(|_| tells)) {
                (Some(real), Some(generated)) => f64::midpoint(real, generated),
                (Some(real), None) => real,
                // Better than nothing, where an action never happens in real footage.
                (None, _) => generated.unwrap_or(0.0),
            }
        })
        .collect()
}

/// How far the shares of left and right must be apart for a direction.
pub(super) const DIRECTION: f64 = 0.35;
/// The least for one that stands in for a direction which no action has.
const LEAST_BEYOND: f64 = 0.2;
/// How much more such a one must go that way than the other in dreams: a name promises what a key does.
const LEAST_DREAMT: f64 = 0.1;
/// Most of both together for an action that stands still.
pub(super) const STILL: f64 = 0.4;
/// Least share of rises from rest for a jump, and the least share of the best jumper's.
const JUMP: f64 = 0.2;
const OF_BEST_JUMP: f64 = 0.45;
/// A jump begins this many times as often as under the action that jumps least.
const JUMP_OVER_LEAST: f64 = 3.0;
/// Share of rises from rest from which on an action is a jump and nothing else.
const MOSTLY: f64 = 0.5;
/// Share of falling transitions in real footage that makes an action one of the air.
const FALLING: f64 = 0.6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Left,
    Still,
    Right,
    Unclear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Height {
    Ground,
    Jump,
    Fall,
}

/// Names every action, and gives it keys. Where no action goes left (or right) for sure, one that does so about twice as often as it goes the
/// other way, and in dreams too, stands in. Names differ: of several actions that mean the same the most used one has the
/// plain name, the others are numbered (`right_2`) and, like those without a name (`action_3`), get the key of their digit.
pub fn name_actions(effects: &[Effects]) -> Vec<ActionLabel> {
    let dreams: Vec<ActionEffect> = effects.iter().map(|it| it.generated).collect();
    name_actions_with_dreams(effects, &dreams)
}

/// The same where what the actions mean is in `effects`, and what they do in dreams apart from it.
pub(super) fn name_actions_with_dreams(
    effects: &[Effects],
    dreams: &[ActionEffect],
) -> Vec<ActionLabel> {
    let jumps = combine(effects, JUMP, ActionEffect::jumps);
    let heights = heights(effects, &jumps);
    let mut meanings: Vec<(Direction, Height)> = directions(effects, dreams, &heights)
        .into_iter()
        .zip(heights)
        .collect();
    let mut by_usage: Vec<usize> = (0..effects.len()).collect();
    by_usage.sort_by(|&a, &b| effects[b].usage.total_cmp(&effects[a].usage));

    // Falling is what a figure in the air does under any action, and an action that jumps now and then may be one that
    // took in the jumps of its direction: where a direction has no action of its own on the ground, such a one is it.
    for direction in [Direction::Left, Direction::Still, Direction::Right] {
        if meanings.contains(&(direction, Height::Ground)) {
            continue;
        }
        let stands_in = |height: Height| {
            let candidates = by_usage.iter().copied().filter(|&action| {
                meanings[action] == (direction, height)
                    && (height == Height::Fall || jumps[action] < MOSTLY)
            });
            candidates.min_by(|&a, &b| jumps[a].total_cmp(&jumps[b]))
        };
        if let Some(action) = stands_in(Height::Fall).or_else(|| stands_in(Height::Jump)) {
            meanings[action].1 = Height::Ground;
        }
    }

    let meant: Vec<_> = (meanings.iter().enumerate())
        .map(|(action, &meaning)| Some((name(meaning)?, keys(meaning, action))))
        .collect();
    label_by_usage(effects, &meant)
}

/// The name of an action and its keys; each inner list is held together.
pub(super) type Meaning = (&'static str, Vec<Vec<String>>);

/// Labels from the name and keys of each action: of several with the same name the most used one has it plain, with its keys; the others
/// are numbered, and like those without a name get the key of their digit.
pub(super) fn label_by_usage(effects: &[Effects], meant: &[Option<Meaning>]) -> Vec<ActionLabel> {
    let mut by_usage: Vec<usize> = (0..effects.len()).collect();
    by_usage.sort_by(|&a, &b| effects[b].usage.total_cmp(&effects[a].usage));
    let mut labels = vec![ActionLabel::default(); effects.len()];
    let mut taken = Vec::new();
    for action in by_usage {
        let Some((name, keys)) = &meant[action] else {
            labels[action] = ActionLabel {
                name: format!("action_{action}"),
                keys: digit(action),
                ..ActionLabel::default()
            };
            continue;
        };
        let before = taken.iter().filter(|&other| other == name).count();
        taken.push(*name);
        labels[action] = if before == 0 {
            ActionLabel {
                name: (*name).to_owned(),
                keys: keys.clone(),
                ..ActionLabel::default()
            }
        } else {
            ActionLabel {
                name: format!("{name}_{}", before + 1),
                keys: digit(action),
                ..ActionLabel::default()
            }
        };
    }
    labels
}

fn directions(effects: &[Effects], dreams: &[ActionEffect], heights: &[Height]) -> Vec<Direction> {
    let right_over_left = |effect: &ActionEffect| Some(effect.right()? - effect.left()?);
    let either = |effect: &ActionEffect| Some(effect.right()? + effect.left()?);
    let bias = combine(effects, DIRECTION, right_over_left);
    let moves = combine(effects, DIRECTION, either);
    let mut all: Vec<Direction> = effects
        .iter()
        .zip(bias.iter().zip(&moves))
        .map(|(effects, (&bias, &moves))| {
            if !effects.is_measured() {
                Direction::Unclear
            } else if bias >= DIRECTION {
                Direction::Right
            } else if bias <= -DIRECTION {
                Direction::Left
            } else if moves <= STILL {
                Direction::Still
            } else {
                Direction::Unclear
            }
        })
        .collect();
    for (way, direction) in [(-1.0, Direction::Left), (1.0, Direction::Right)] {
        let unclear = |action: usize| {
            all[action] == Direction::Unclear
                && heights[action] == Height::Ground
                && dreams_go(right_over_left(&dreams[action]), way)
        };
        if !all.contains(&direction)
            && let Some(action) = stand_in(&bias, &moves, way, unclear)
        {
            all[action] = direction;
        }
    }
    all
}

/// The action that stands in for a way along an axis that none goes for sure: of those that are unclear the one that goes it most beyond
/// the other way, if it does so about twice as often.
pub(super) fn stand_in(
    bias: &[f64],
    moves: &[f64],
    way: f64,
    unclear: impl Fn(usize) -> bool,
) -> Option<usize> {
    let beyond = |action: usize| way * bias[action];
    (0..bias.len())
        .filter(|&action| unclear(action))
        // Twice as often as the other way is a third of both beyond it.
        .filter(|&action| beyond(action) >= LEAST_BEYOND && beyond(action) >= moves[action] / 3.0)
        .max_by(|&a, &b| beyond(a).total_cmp(&beyond(b)))
}

/// Whether dreams go a way along an axis, by how much more they go onwards than back; or nothing is known of them.
pub(super) fn dreams_go(bias: Option<f64>, way: f64) -> bool {
    bias.is_none_or(|bias| way * bias >= LEAST_DREAMT)
}

/// A jump begins to rise from rest far more often than the other actions do.
fn heights(effects: &[Effects], jumps: &[f64]) -> Vec<Height> {
    let best = jumps.iter().copied().fold(0.0, f64::max);
    let least = jumps.iter().copied().fold(f64::INFINITY, f64::min);
    let needed = JUMP.max(OF_BEST_JUMP * best).max(JUMP_OVER_LEAST * least);
    effects
        .iter()
        .zip(jumps)
        .map(|(effects, &jumps)| {
            if jumps >= needed {
                Height::Jump
            } else if effects
                .real
                .falling()
                .is_some_and(|falling| falling >= FALLING)
            {
                Height::Fall
            } else {
                Height::Ground
            }
        })
        .collect()
}

fn name(meaning: (Direction, Height)) -> Option<&'static str> {
    Some(match meaning {
        (Direction::Left, Height::Ground) => "left",
        (Direction::Left, Height::Jump) => "left_jump",
        (Direction::Left, Height::Fall) => "left_fall",
        (Direction::Right, Height::Ground) => "right",
        (Direction::Right, Height::Jump) => "right_jump",
        (Direction::Right, Height::Fall) => "right_fall",
        (Direction::Still, Height::Ground) => IDLE,
        (Direction::Still | Direction::Unclear, Height::Jump) => "jump",
        (Direction::Still, Height::Fall) => "fall",
        (Direction::Unclear, _) => return None,
    })
}

/// Default keys: the arrows, W A D, and space to jump. Each inner list is held together.
fn keys(meaning: (Direction, Height), action: usize) -> Vec<Vec<String>> {
    let combinations: &[&[&str]] = match meaning {
        (Direction::Left, Height::Ground) => &[&["ArrowLeft"], &["KeyA"]],
        (Direction::Right, Height::Ground) => &[&["ArrowRight"], &["KeyD"]],
        (Direction::Left, Height::Jump) => &[
            &["ArrowLeft", "Space"],
            &["KeyA", "Space"],
            &["ArrowLeft", "ArrowUp"],
            &["KeyA", "KeyW"],
        ],
        (Direction::Right, Height::Jump) => &[
            &["ArrowRight", "Space"],
            &["KeyD", "Space"],
            &["ArrowRight", "ArrowUp"],
            &["KeyD", "KeyW"],
        ],
        (_, Height::Jump) => &[&["Space"], &["ArrowUp"], &["KeyW"]],
        (Direction::Still, Height::Ground) => &[],
        _ => return digit(action),
    };
    combinations
        .iter()
        .map(|keys| keys.iter().map(|&key| key.to_owned()).collect())
        .collect()
}

/// The name of what the world does while nothing is pressed.
pub(super) const IDLE: &str = "idle";
/// Keys with a digit.
pub(super) const DIGITS: usize = 10;

/// The digit of an action, counted from 1 as on the keyboard; none from the eleventh on.
pub(super) fn digit(action: usize) -> Vec<Vec<String>> {
    if action < DIGITS {
        vec![vec![format!("Digit{}", (action + 1) % DIGITS)]]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An effect of 100 transitions with these shares in percent.
    fn effect(left: u32, right: u32, jumps: u32, falls: u32) -> ActionEffect {
        ActionEffect {
            transitions: 100.0,
            sideways: 100.0,
            goes_left: f64::from(left),
            goes_right: f64::from(right),
            distance: 0.0,
            vertical: 100.0,
            goes_up: 0.0,
            goes_down: 0.0,
            falls: f64::from(falls),
            from_rest: 100.0,
            rises: f64::from(jumps),
        }
    }

    fn both(usage: f64, real: ActionEffect, generated: ActionEffect) -> Effects {
        Effects {
            usage,
            real,
            generated,
        }
    }

    fn names(effects: &[Effects]) -> Vec<String> {
        name_actions(effects)
            .into_iter()
            .map(|label| label.name)
            .collect()
    }

    #[test]
    fn six_clean_actions_get_their_names_and_keys() {
        let e = |usage, effect| both(usage, effect, effect);
        let effects = [
            e(0.1, effect(5, 80, 90, 10)),
            e(0.2, effect(2, 4, 3, 10)),
            e(0.3, effect(1, 90, 5, 15)),
            e(0.2, effect(85, 2, 4, 15)),
            e(0.1, effect(4, 4, 95, 0)),
            e(0.1, effect(70, 4, 80, 5)),
        ];
        let labels = name_actions(&effects);
        let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(
            names,
            ["right_jump", "idle", "right", "left", "jump", "left_jump"]
        );
        assert_eq!(labels[0].keys[3], ["KeyD", "KeyW"]);
        assert!(labels[1].keys.is_empty());
        assert_eq!(labels[2].keys, [["ArrowRight"], ["KeyD"]]);
        assert_eq!(labels[4].keys, [["Space"], ["ArrowUp"], ["KeyW"]]);
    }

    #[test]
    fn a_weak_model_is_still_named_by_what_is_real() {
        // Pressing does half of what it should; coasting and walls blur the real footage.
        let effects = [
            both(0.4, effect(3, 75, 5, 20), effect(10, 45, 6, 20)),
            both(0.3, effect(70, 5, 6, 20), effect(40, 12, 4, 20)),
            both(0.2, effect(10, 12, 2, 10), effect(15, 15, 5, 20)),
            both(0.1, effect(20, 45, 60, 5), effect(20, 30, 25, 10)),
        ];
        assert_eq!(names(&effects), ["right", "left", "idle", "jump"]);
    }

    #[test]
    fn a_blurred_direction_is_named_where_no_other_action_goes_that_way() {
        let e = |usage, effect| both(usage, effect, effect);
        let mut effects = vec![
            e(0.4, effect(3, 75, 2, 0)),
            e(0.2, effect(46, 17, 2, 0)),
            e(0.2, effect(2, 2, 2, 0)),
            e(0.1, effect(32, 13, 90, 0)),
            e(0.1, effect(40, 35, 2, 0)),
        ];
        assert_eq!(
            names(&effects),
            ["right", "left", "idle", "jump", "action_4"]
        );
        // A clear one needs nobody to stand in for it.
        effects.push(e(0.1, effect(80, 5, 2, 0)));
        assert_eq!(names(&effects)[1], "action_1");
        assert_eq!(names(&effects)[5], "left");
    }

    #[test]
    fn of_found_actions_dreams_tell_the_jumps_and_not_the_directions() {
        let effects = [
            both(0.4, effect(2, 98, 35, 0), effect(80, 10, 76, 0)),
            both(0.3, effect(2, 98, 1, 0), effect(80, 10, 5, 0)),
            both(0.2, effect(90, 2, 1, 0), effect(2, 80, 5, 0)),
            both(0.1, effect(2, 2, 93, 0), effect(2, 2, 90, 0)),
        ];
        let found: Vec<Effects> = effects.iter().map(Effects::of_found_actions).collect();
        assert_eq!(names(&found), ["right_jump", "right", "left", "jump"]);
    }

    #[test]
    fn none_stands_in_for_a_direction_that_it_does_not_go_in_dreams() {
        let effects = |dreamt| {
            [
                both(0.6, effect(3, 75, 2, 0), effect(2, 90, 2, 0)),
                both(0.4, effect(46, 17, 2, 0), dreamt),
            ]
        };
        assert_eq!(names(&effects(effect(30, 5, 2, 0))), ["right", "left"]);
        let stands = effects(effect(2, 2, 2, 0));
        let found = stands.map(|it| it.of_found_actions());
        let dreams = stands.map(|it| it.generated);
        let labels = name_actions_with_dreams(&found, &dreams);
        assert_eq!(labels[1].name, "action_1");
    }

    #[test]
    fn of_two_that_mean_the_same_the_more_used_is_plain() {
        let e = |usage, effect| both(usage, effect, effect);
        let effects = [
            e(0.1, effect(0, 80, 2, 0)),
            e(0.5, effect(0, 90, 2, 0)),
            e(0.3, effect(80, 0, 2, 0)),
            e(0.1, effect(45, 45, 2, 0)),
        ];
        let labels = name_actions(&effects);
        let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["right_2", "right", "left", "action_3"]);
        assert_eq!(labels[0].keys, [["Digit1"]]);
        assert_eq!(labels[3].keys, [["Digit4"]]);
    }

    #[test]
    fn an_action_of_the_air_stands_in_where_the_ground_has_none() {
        let e = |usage, effect| both(usage, effect, effect);
        let falling = e(0.2, effect(0, 80, 2, 90));
        let right = e(0.3, effect(0, 90, 2, 5));
        assert_eq!(names(&[falling, right]), ["right_fall", "right"]);
        assert_eq!(
            names(&[falling, e(0.4, effect(0, 0, 2, 0))]),
            ["right", "idle"]
        );
    }

    #[test]
    fn a_world_that_does_the_same_whatever_is_pressed_has_no_say() {
        let noise = effect(10, 10, 2, 30);
        let effects = [
            both(0.3, effect(5, 60, 4, 20), noise),
            both(0.3, effect(60, 5, 4, 20), noise),
            both(0.2, effect(4, 4, 4, 20), noise),
            both(0.2, effect(4, 4, 70, 5), noise),
        ];
        assert_eq!(names(&effects), ["right", "left", "idle", "jump"]);
    }

    #[test]
    fn an_action_that_took_in_some_jumps_is_still_idle() {
        let e = |usage, effect| both(usage, effect, effect);
        let rest = [e(0.4, effect(0, 80, 5, 0)), e(0.3, effect(80, 0, 5, 0))];
        let mixed = e(0.3, effect(4, 4, 37, 20));
        assert_eq!(names(&[rest[0], rest[1], mixed]), ["right", "left", "idle"]);
        let jump = e(0.1, effect(4, 4, 80, 20));
        assert_eq!(names(&[rest[0], rest[1], jump]), ["right", "left", "jump"]);
    }

    #[test]
    fn where_everything_jumps_nothing_is_the_jump() {
        let e = |usage, effect| both(usage, effect, effect);
        let effects = [e(0.5, effect(0, 80, 50, 0)), e(0.5, effect(80, 0, 55, 0))];
        assert_eq!(names(&effects), ["right", "left"]);
    }

    #[test]
    fn an_action_that_never_happens_is_numbered() {
        assert_eq!(names(&[Effects::default()]), ["action_0"]);
    }

    proptest! {
        #[test]
        fn names_always_differ(
            shares in proptest::collection::vec((0_u32..100, 0_u32..100, 0_u32..100, 0_u32..100), 1..20),
        ) {
            let effects: Vec<Effects> = shares
                .iter()
                .enumerate()
                .map(|(i, &(l, r, j, f))| {
                    both(i as f64, effect(l, r, j, f), effect(r, l, f, j))
                })
                .collect();
            let mut names = names(&effects);
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), effects.len());
        }
    }

    #[test]
    fn a_figure_is_out_of_sight_where_many_transitions_measure_nothing() {
        let of = |transitions, sideways, vertical| ActionEffect {
            transitions,
            sideways,
            vertical,
            ..ActionEffect::default()
        };
        assert!(of(500.0, 0.0, 0.0).is_unseen() && of(40.0, 3.0, 2.0).is_unseen());
        // One that stands is measured now and then, and a few transitions say nothing.
        assert!(!of(500.0, 0.0, 12.0).is_unseen() && !of(500.0, 12.0, 0.0).is_unseen());
        assert!(!of(12.0, 0.0, 0.0).is_unseen());
    }
}
