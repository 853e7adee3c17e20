//! From pressed keys and named actions to the latent action of a tick.

use std::borrow::Cow;
use std::time::Instant;

use bevy::prelude::*;
use genie_model::ActionLabel;
use serde::{Deserialize, Serialize};

use crate::InputSource;

/// Names that pull in opposite directions: while both sides of a pair are held, neither counts.
const OPPOSITES: [(&[&str], &[&str]); 2] = [
    (
        &[
            "ArrowLeft",
            "KeyA",
            "left",
            "GamepadDPadLeft",
            "LeftStickLeft",
        ],
        &[
            "ArrowRight",
            "KeyD",
            "right",
            "GamepadDPadRight",
            "LeftStickRight",
        ],
    ),
    (
        &["ArrowUp", "KeyW", "up", "GamepadDPadUp", "LeftStickUp"],
        &[
            "ArrowDown",
            "KeyS",
            "down",
            "GamepadDPadDown",
            "LeftStickDown",
        ],
    ),
];
/// Keys of checkpoints, and what stands for them on a gamepad: with the buttons alone, and with the stick.
const ON_GAMEPAD: [(&str, [&str; 2]); 5] = [
    ("ArrowLeft", ["GamepadDPadLeft", "LeftStickLeft"]),
    ("ArrowRight", ["GamepadDPadRight", "LeftStickRight"]),
    ("ArrowUp", ["GamepadDPadUp", "LeftStickUp"]),
    ("ArrowDown", ["GamepadDPadDown", "LeftStickDown"]),
    ("Space", ["GamepadSouth", "GamepadSouth"]),
];
/// More names than this are not held at once; the oldest is forgotten.
const MAX_HELD: usize = 64;

/// Message: a named action of a world is pressed or released, by a key, a gamepad or game code.
///
/// An action stays held until it is released. One that is pressed and released between two ticks still counts for the
/// next tick. Names are those of the world's [`LatentActionMap`]: the labels of its checkpoint, latent actions written as
/// numbers, keys and buttons as [`InputSource`] names them, and what the game has bound.
#[derive(Message, Reflect, Clone, Debug, PartialEq)]
#[reflect(Debug, PartialEq, Clone)]
pub struct InputAction {
    /// The world.
    pub world: Entity,
    /// Name of the action.
    pub action: Cow<'static, str>,
    /// 0 for released, 1 for pressed, anything between for a stick or trigger.
    pub value: f32,
}

impl InputAction {
    /// The action is pressed.
    pub fn press(world: Entity, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            world,
            action: action.into(),
            value: 1.0,
        }
    }

    /// The action is released.
    pub fn release(world: Entity, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            value: 0.0,
            ..Self::press(world, action)
        }
    }

    /// Whether the value counts as pressed: at least one half.
    pub fn pressed(&self) -> bool {
        self.value >= 0.5
    }
}

/// A latent action, by number or by label.
#[derive(Reflect, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[reflect(Debug, PartialEq, Clone)]
#[serde(untagged)]
pub enum LatentTarget {
    /// 0 to `A - 1`.
    Number(usize),
    /// Its label in the checkpoint.
    Label(String),
}

impl From<usize> for LatentTarget {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for LatentTarget {
    fn from(label: &str) -> Self {
        Self::Label(label.to_owned())
    }
}

/// The named actions that, held together, lead to a latent action.
#[derive(Reflect, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[reflect(Debug, PartialEq, Clone)]
#[serde(deny_unknown_fields)]
pub struct ActionRule {
    /// The names, all of them held.
    pub held: Vec<Cow<'static, str>>,
    /// Where they lead.
    pub target: LatentTarget,
    /// Among the rules that hold, those of the highest priority are looked at alone; 0 unless set.
    #[serde(default)]
    pub priority: i32,
}

/// Which held actions lead to which latent action of a world.
///
/// Among the rules of which all names are held, the one with the highest priority wins; among those the one with the most
/// names; then the one completed last; then the one bound by the game. While opposite directions are held, neither
/// counts. When no rule holds, the world idles: under the latent action that the game has set, else the one labelled
/// `idle`, else 0.
///
/// As long as the game does not say [`without_labels`](Self::without_labels), the checkpoint's labels are bound too: each
/// name, each number, names together where a label is made of them (`right` and `jump` for `right_jump`), and the key
/// combinations listed with them; if no label lists keys, `Digit0` to `Digit9` press the
/// latent actions 0 to 9. Combinations of arrow keys and space are bound on the gamepad as well: directional pad or left
/// stick, and the bottom button.
///
/// Change the component, or replace it, at any time: the next tick goes by it. It can be saved and loaded with serde:
///
/// ```
/// use bevy_genie::prelude::*;
/// # use bevy::prelude::*;
/// let mut map = LatentActionMap::default()
///     .bind_inputs([GamepadButton::East], "jump")
///     .bind(["dash"], 3)
///     .with_idle("idle");
/// let saved = serde_json::to_string(&map)?;
/// map.unbind(["dash"]);
/// map.add(["dash"], "right").priority = 1;
/// let map: LatentActionMap = serde_json::from_str(&saved)?;
/// assert_eq!(map.rules()[1].target, LatentTarget::Number(3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Component, Reflect, Clone, Debug, Serialize, Deserialize)]
#[reflect(Component, Default, Debug, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct LatentActionMap {
    rules: Vec<ActionRule>,
    idle: Option<LatentTarget>,
    use_labels: bool,
    #[serde(skip)]
    #[reflect(ignore)]
    labels: Vec<ActionLabel>,
    #[serde(skip)]
    label_rules: Vec<ActionRule>,
}

impl Default for LatentActionMap {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            idle: None,
            use_labels: true,
            labels: Vec::new(),
            label_rules: Vec::new(),
        }
    }
}

impl LatentActionMap {
    /// A map with the game's own bindings only.
    pub fn without_labels() -> Self {
        Self {
            use_labels: false,
            ..Self::default()
        }
    }

    /// Binds the named actions, held together, to a latent action.
    #[must_use]
    pub fn bind<N: Into<Cow<'static, str>>>(
        mut self,
        names: impl IntoIterator<Item = N>,
        target: impl Into<LatentTarget>,
    ) -> Self {
        self.add(names, target);
        self
    }

    /// Binds keys, buttons or sticks, held together, to a latent action.
    #[must_use]
    pub fn bind_inputs<S: Into<InputSource>>(
        self,
        inputs: impl IntoIterator<Item = S>,
        target: impl Into<LatentTarget>,
    ) -> Self {
        self.bind(inputs.into_iter().map(Into::into), target)
    }

    /// Binds the keys, held together, to a latent action.
    #[must_use]
    pub fn bind_keys(
        self,
        keys: impl IntoIterator<Item = KeyCode>,
        target: impl Into<LatentTarget>,
    ) -> Self {
        self.bind_inputs(keys, target)
    }

    /// As [`bind`](Self::bind), in place. Returns the rule, to set its priority.
    pub fn add<N: Into<Cow<'static, str>>>(
        &mut self,
        names: impl IntoIterator<Item = N>,
        target: impl Into<LatentTarget>,
    ) -> &mut ActionRule {
        self.rules.push(ActionRule {
            held: names.into_iter().map(Into::into).collect(),
            target: target.into(),
            priority: 0,
        });
        self.rules.last_mut().expect("it was just pushed")
    }

    /// Takes back the game's rules for exactly these names, in any order.
    pub fn unbind<N: Into<Cow<'static, str>>>(&mut self, names: impl IntoIterator<Item = N>) {
        let sorted = |names: &[Cow<'static, str>]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        let names: Vec<_> = names.into_iter().map(Into::into).collect();
        let names = sorted(&names);
        self.rules.retain(|rule| sorted(&rule.held) != names);
    }

    /// The game's own rules.
    pub fn rules(&self) -> &[ActionRule] {
        &self.rules
    }

    /// The game's own rules, to change them.
    pub fn rules_mut(&mut self) -> &mut Vec<ActionRule> {
        &mut self.rules
    }

    /// The latent action of a tick in which nothing is held.
    #[must_use]
    pub fn with_idle(mut self, target: impl Into<LatentTarget>) -> Self {
        self.idle = Some(target.into());
        self
    }

    /// The latent action for the names held, in the order in which they were pressed. Bindings to latent actions that
    /// the checkpoint does not have are passed over.
    pub fn resolve(&self, held: &[&str]) -> usize {
        let held = without_opposites(held);
        let mut best: Option<((i32, usize, usize), usize)> = None;
        for rule in self.rules.iter().chain(&self.label_rules) {
            let Some(action) = self.number(&rule.target) else {
                continue;
            };
            let places: Option<Vec<_>> = rule
                .held
                .iter()
                .map(|name| held.iter().position(|held| held == name))
                .collect();
            let Some(latest) = places.and_then(|places| places.into_iter().max()) else {
                continue;
            };
            let rank = (rule.priority, rule.held.len(), latest);
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, action));
            }
        }
        best.map_or_else(|| self.idle_action(), |(_, action)| action)
    }

    /// The latent action of a tick in which nothing is held.
    pub fn idle_action(&self) -> usize {
        let own = self.idle.as_ref().and_then(|idle| self.number(idle));
        own.or_else(|| self.number(&"idle".into())).unwrap_or(0)
    }

    /// All names that some binding listens to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.iter().chain(&self.label_rules);
        rules.flat_map(|rule| rule.held.iter().map(|name| &**name))
    }

    /// Whether the labels of a checkpoint have been taken in: a map that the game has just put in place has none.
    pub(crate) fn has_learned(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Takes in the labels of the world's checkpoint.
    pub(crate) fn learn(&mut self, labels: &[ActionLabel]) {
        self.labels = labels.to_vec();
        self.label_rules.clear();
        if !self.use_labels {
            return;
        }
        let no_keys = labels.iter().all(|label| label.keys.is_empty());
        for (number, label) in labels.iter().enumerate() {
            let mut bind = |held: Vec<Cow<'static, str>>| {
                let target = LatentTarget::Number(number);
                self.label_rules.push(ActionRule {
                    held,
                    target,
                    priority: 0,
                });
            };
            bind(vec![label.name.clone().into()]);
            bind(vec![number.to_string().into()]);
            // `right_jump` is what `right` and `jump` are together.
            let parts: Vec<&str> = label.name.split('_').collect();
            let known = |part: &&str| labels.iter().any(|label| label.name == **part);
            if parts.len() > 1 && parts.iter().all(known) {
                bind(parts.iter().map(|part| (*part).to_owned().into()).collect());
            }
            if no_keys && number < 10 {
                bind(vec![format!("Digit{number}").into()]);
            }
            for combination in &label.keys {
                if combination.is_empty() {
                    continue;
                }
                bind(combination.iter().map(|key| key.clone().into()).collect());
                for way in [0, 1] {
                    let on_gamepad = combination.iter().map(|key| {
                        let known = ON_GAMEPAD.iter().find(|(name, _)| name == key);
                        known.map(|(_, ways)| ways[way].into())
                    });
                    if let Some(held) = on_gamepad.collect() {
                        bind(held);
                    }
                }
            }
        }
    }

    fn number(&self, target: &LatentTarget) -> Option<usize> {
        match target {
            LatentTarget::Number(number) => Some(*number).filter(|&n| n < self.labels.len()),
            LatentTarget::Label(name) => self.labels.iter().position(|l| l.name == *name),
        }
    }
}

fn without_opposites<'a>(held: &[&'a str]) -> Vec<&'a str> {
    let mut held = held.to_vec();
    for (one, other) in OPPOSITES {
        let any = |side: &[&str]| held.iter().any(|name| side.contains(name));
        if any(one) && any(other) {
            held.retain(|name| !one.contains(name) && !other.contains(name));
        }
    }
    held
}

/// The actions held in one world, in the order in which they were pressed.
#[derive(Debug, Default)]
pub(crate) struct HeldActions {
    held: Vec<Held>,
    /// When the first change since the last tick came in.
    changed: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    name: Cow<'static, str>,
    down: bool,
    /// Pressed since the last tick.
    fresh: bool,
}

impl HeldActions {
    pub(crate) fn apply(&mut self, action: &InputAction) {
        let at = self.held.iter().position(|h| h.name == action.action);
        let down = at.is_some_and(|at| self.held[at].down);
        if down != action.pressed() {
            self.changed.get_or_insert_with(Instant::now);
        }
        match (at, action.pressed()) {
            // A stick reports its value again and again: that is no new press.
            (Some(_), true) if down => {}
            (at, true) => {
                if let Some(at) = at {
                    self.held.remove(at);
                } else if self.held.len() >= MAX_HELD {
                    self.held.remove(0);
                }
                self.held.push(Held {
                    name: action.action.clone(),
                    down: true,
                    fresh: true,
                });
            }
            (Some(at), false) => {
                self.held[at].down = false;
                if !self.held[at].fresh {
                    self.held.remove(at);
                }
            }
            (None, false) => {}
        }
    }

    /// The latent action of the tick at hand, and when the first change came in that it takes account of; short presses
    /// have then had their tick.
    pub(crate) fn take(&mut self, map: &LatentActionMap) -> (usize, Option<Instant>) {
        let names: Vec<&str> = self.held.iter().map(|held| &*held.name).collect();
        let action = map.resolve(&names);
        self.held.retain_mut(|held| {
            held.fresh = false;
            held.down
        });
        (action, self.changed.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<ActionLabel> {
        let label = |name: &str, keys: &[&[&str]]| ActionLabel {
            name: name.to_owned(),
            keys: keys
                .iter()
                .map(|keys| keys.iter().map(|&key| key.to_owned()).collect())
                .collect(),
        };
        vec![
            label("left", &[&["ArrowLeft"], &["KeyA"]]),
            label("idle", &[]),
            label("right", &[&["ArrowRight"], &["KeyD"]]),
            label("jump", &[&["Space"]]),
            label("right_jump", &[&["ArrowRight", "Space"]]),
        ]
    }

    fn map() -> LatentActionMap {
        let mut map = LatentActionMap::default();
        map.learn(&labels());
        map
    }

    #[test]
    fn the_longest_combination_wins_and_opposites_cancel() {
        let map = map();
        assert_eq!(map.resolve(&[]), 1);
        assert_eq!(map.resolve(&["KeyD"]), 2);
        assert_eq!(map.resolve(&["Space", "ArrowRight"]), 4);
        assert_eq!(map.resolve(&["ArrowLeft", "ArrowRight"]), 1);
        assert_eq!(map.resolve(&["KeyA", "ArrowRight", "Space"]), 3);
        // No combination of these two: the later press counts.
        assert_eq!(map.resolve(&["ArrowLeft", "Space"]), 3);
        assert_eq!(map.resolve(&["Space", "ArrowLeft"]), 0);
        assert_eq!(map.resolve(&["4"]), 4);
        assert_eq!(map.resolve(&["right_jump"]), 4);
        assert_eq!(map.resolve(&["jump", "right"]), 4);
        assert_eq!(map.resolve(&["KeyQ", "99"]), 1);
    }

    #[test]
    fn game_bindings_come_first_and_may_stand_alone() {
        let mut map = LatentActionMap::default()
            .bind_keys([KeyCode::Space], "right")
            .bind(["dash"], 77)
            .with_idle("jump");
        map.learn(&labels());
        assert_eq!(map.resolve(&["Space"]), 2);
        assert_eq!(
            map.resolve(&["dash"]),
            3,
            "an unknown target is passed over"
        );
        let mut alone = LatentActionMap::without_labels().bind(["go"], "right");
        alone.learn(&labels());
        assert_eq!(alone.resolve(&["go"]), 2);
        assert_eq!(alone.resolve(&["ArrowLeft"]), 1);
    }

    #[test]
    fn priorities_settle_simultaneous_presses() {
        let mut map = map();
        map.add(["Space"], "jump").priority = 1;
        assert_eq!(
            map.resolve(&["Space", "ArrowRight"]),
            3,
            "before the longer one"
        );
        assert_eq!(
            map.resolve(&["Space", "ArrowLeft"]),
            3,
            "before the later one"
        );
        map.unbind(["Space"]);
        assert_eq!(map.resolve(&["Space", "ArrowRight"]), 4);
        map.add(["b", "a"], "left");
        map.unbind(["a", "b"]);
        assert!(map.rules().is_empty());
    }

    #[test]
    fn labelled_keys_are_on_the_gamepad_too() {
        let map = map();
        assert_eq!(map.resolve(&["GamepadDPadRight"]), 2);
        assert_eq!(map.resolve(&["LeftStickLeft"]), 0);
        assert_eq!(map.resolve(&["LeftStickRight", "GamepadSouth"]), 4);
        assert_eq!(
            map.resolve(&["LeftStickRight", "ArrowLeft"]),
            1,
            "opposites"
        );
    }

    #[test]
    fn a_map_survives_serialisation_without_what_it_learned() {
        let mut before = LatentActionMap::without_labels()
            .bind_inputs([MouseButton::Left], "jump")
            .bind(["go", "fast"], 2)
            .with_idle(1);
        before.rules_mut()[1].priority = -3;
        before.learn(&labels());
        let text = serde_json::to_string(&before).expect("it is plain data");
        let mut after: LatentActionMap = serde_json::from_str(&text).expect("it was just written");
        assert_eq!(after.rules(), before.rules());
        assert!(!after.has_learned());
        after.learn(&labels());
        assert_eq!(after.resolve(&["MouseLeft"]), 3);
        assert_eq!(after.resolve(&["ArrowLeft"]), 1, "labels stay out");
        assert!(serde_json::from_str::<LatentActionMap>(r#"{"rulez": []}"#).is_err());
    }

    #[test]
    fn unlabelled_worlds_are_played_with_digits() {
        let mut labels = labels();
        for label in &mut labels {
            label.keys.clear();
        }
        let mut map = LatentActionMap::default();
        map.learn(&labels);
        assert_eq!(
            map.resolve(&[&*InputSource::from(KeyCode::Digit4).name()]),
            4
        );
    }

    #[test]
    fn a_tap_between_ticks_counts_once() {
        let (map, mut held) = (map(), HeldActions::default());
        let world = Entity::PLACEHOLDER;
        held.apply(&InputAction::press(world, "Space"));
        held.apply(&InputAction::release(world, "Space"));
        assert_eq!(held.take(&map).0, 3);
        assert_eq!(held.take(&map).0, 1);
        held.apply(&InputAction::press(world, "KeyD"));
        assert_eq!(held.take(&map).0, 2);
        assert_eq!(held.take(&map).0, 2);
        held.apply(&InputAction::release(world, "KeyD"));
        assert_eq!(held.take(&map).0, 1);
    }

    #[test]
    fn a_stick_that_repeats_itself_does_not_count_as_a_new_press() {
        let (map, mut held) = (map(), HeldActions::default());
        let world = Entity::PLACEHOLDER;
        held.apply(&InputAction::press(world, "left"));
        held.apply(&InputAction::press(world, "jump"));
        held.apply(&InputAction {
            value: 0.9,
            ..InputAction::press(world, "left")
        });
        assert_eq!(held.take(&map).0, 3);
    }
}
