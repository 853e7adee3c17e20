//! From the named actions that are held to the latent action of a tick.

use std::borrow::Cow;

use bevy::prelude::*;
use genie_model::ActionLabel;
use serde::{Deserialize, Serialize};

use crate::input::devices::GenieInputSource;
use crate::input::label_rules::label_rules;
use crate::input::rule::{GenieAction, GenieActionRule};

/// Names of opposite directions: while both sides of a pair are held, neither counts.
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

/// Which held actions lead to which latent action of a world.
///
/// Among the rules of which all names are held, the one with the highest priority wins; among those the one with the most
/// names; then the one completed last; then the one bound by the game. While opposite directions are held, neither
/// counts. When no rule holds, the world idles: under the latent action that the game has set, else the one labelled
/// `idle`, else 0.
///
/// Unless the map was made [`without_labels`](Self::without_labels), the checkpoint's labels are bound too: each
/// name, each number, names together where a label is made of them (`right` and `jump` for `right_jump`), and the key
/// combinations listed with them. `Digit0` to `Digit9` press the latent actions 0 to 9, whether or not the checkpoint is
/// labelled, apart from digits that a label lists as its own keys. Combinations of arrow keys and space are bound on the
/// gamepad as well: directional pad or left stick, and the bottom button.
///
/// Change the component, or replace it, at any time: it counts from the next tick on. It can be saved and loaded with serde:
///
/// ```
/// use bevy_genie::prelude::*;
/// # use bevy::prelude::*;
/// let mut map = GenieActionMap::default()
///     .bind_inputs([GamepadButton::East], "jump")
///     .bind(["dash"], 3)
///     .with_idle("idle");
/// let saved = serde_json::to_string(&map)?;
/// map.unbind(["dash"]);
/// map.add(["dash"], "right").priority = 1;
/// let map: GenieActionMap = serde_json::from_str(&saved)?;
/// assert_eq!(map.rules()[1].target, GenieAction::Number(3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Component, Reflect, Clone, Debug, Serialize, Deserialize)]
#[reflect(Component, Default, Debug, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct GenieActionMap {
    rules: Vec<GenieActionRule>,
    idle: Option<GenieAction>,
    use_labels: bool,
    #[serde(skip)]
    #[reflect(ignore)]
    labels: Vec<ActionLabel>,
    #[serde(skip)]
    label_rules: Vec<GenieActionRule>,
}

impl Default for GenieActionMap {
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

impl GenieActionMap {
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
        target: impl Into<GenieAction>,
    ) -> Self {
        self.add(names, target);
        self
    }

    /// Binds keys, buttons or sticks, held together, to a latent action.
    #[must_use]
    pub fn bind_inputs<S: Into<GenieInputSource>>(
        self,
        inputs: impl IntoIterator<Item = S>,
        target: impl Into<GenieAction>,
    ) -> Self {
        self.bind(inputs.into_iter().map(Into::into), target)
    }

    /// Binds the keys, held together, to a latent action.
    #[must_use]
    pub fn bind_keys(
        self,
        keys: impl IntoIterator<Item = KeyCode>,
        target: impl Into<GenieAction>,
    ) -> Self {
        self.bind_inputs(keys, target)
    }

    /// As [`bind`](Self::bind), in place. Returns the rule, to set its priority.
    pub fn add<N: Into<Cow<'static, str>>>(
        &mut self,
        names: impl IntoIterator<Item = N>,
        target: impl Into<GenieAction>,
    ) -> &mut GenieActionRule {
        self.rules.push(GenieActionRule {
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
    pub fn rules(&self) -> &[GenieActionRule] {
        &self.rules
    }

    /// The game's own rules, to change them.
    pub fn rules_mut(&mut self) -> &mut Vec<GenieActionRule> {
        &mut self.rules
    }

    /// The latent action of a tick in which nothing is held.
    #[must_use]
    pub fn with_idle(mut self, target: impl Into<GenieAction>) -> Self {
        self.idle = Some(target.into());
        self
    }

    /// The latent action for the names held, in the order in which they were pressed. Bindings to latent actions that
    /// the checkpoint does not have are ignored.
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
        own.or_else(|| self.number(&"idle".into()))
            .or_else(|| self.labels.iter().position(|label| !label.hidden))
            .unwrap_or(0)
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
        self.label_rules = if self.use_labels {
            label_rules(labels)
        } else {
            Vec::new()
        };
    }

    fn number(&self, target: &GenieAction) -> Option<usize> {
        match target {
            GenieAction::Number(number) => Some(*number).filter(|&n| n < self.labels.len()),
            GenieAction::Label(name) => self.labels.iter().position(|l| l.name == *name),
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
            hidden: false,
        };
        vec![
            label("left", &[&["ArrowLeft"], &["KeyA"]]),
            label("idle", &[]),
            label("right", &[&["ArrowRight"], &["KeyD"]]),
            label("jump", &[&["Space"]]),
            label("right_jump", &[&["ArrowRight", "Space"]]),
        ]
    }

    fn map() -> GenieActionMap {
        let mut map = GenieActionMap::default();
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
        let mut map = GenieActionMap::default()
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
        let mut alone = GenieActionMap::without_labels().bind(["go"], "right");
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
        let mut before = GenieActionMap::without_labels()
            .bind_inputs([MouseButton::Left], "jump")
            .bind(["go", "fast"], 2)
            .with_idle(1);
        before.rules_mut()[1].priority = -3;
        before.learn(&labels());
        let text = serde_json::to_string(&before).expect("it is plain data");
        let mut after: GenieActionMap = serde_json::from_str(&text).expect("it was just written");
        assert_eq!(after.rules(), before.rules());
        assert!(!after.has_learned());
        after.learn(&labels());
        assert_eq!(after.resolve(&["MouseLeft"]), 3);
        assert_eq!(after.resolve(&["ArrowLeft"]), 1, "labels stay out");
        assert!(serde_json::from_str::<GenieActionMap>(r#"{"rulez": []}"#).is_err());
    }

    #[test]
    fn digits_press_actions_by_number_with_and_without_labels() {
        let digit = |map: &GenieActionMap, key: KeyCode| {
            map.resolve(&[&*GenieInputSource::from(key).name()])
        };
        assert_eq!(digit(&map(), KeyCode::Digit4), 4);
        let mut labels = labels();
        for label in &mut labels {
            label.keys.clear();
        }
        let mut unlabelled = GenieActionMap::default();
        unlabelled.learn(&labels);
        assert_eq!(digit(&unlabelled, KeyCode::Digit4), 4);
        // A label's own key is its own.
        labels[0].keys = vec![vec!["Digit4".to_owned()]];
        let mut with_own = GenieActionMap::default();
        with_own.learn(&labels);
        assert_eq!(digit(&with_own, KeyCode::Digit4), 0);
        assert_eq!(digit(&with_own, KeyCode::Digit3), 3);
        // An action that players are not offered has no key, and answers to its name and its number.
        labels[3].hidden = true;
        labels[3].keys = vec![vec!["Space".to_owned()]];
        let mut hidden = GenieActionMap::default();
        hidden.learn(&labels);
        assert_eq!(digit(&hidden, KeyCode::Digit3), hidden.idle_action());
        assert_eq!(digit(&hidden, KeyCode::Space), hidden.idle_action());
        assert_eq!(hidden.resolve(&["jump"]), 3);
        assert_eq!(hidden.resolve(&["3"]), 3);
        // Nothing held is nothing hidden either.
        for label in &mut labels {
            label.hidden = label.name != "right";
            label.name.push('x');
        }
        hidden.learn(&labels);
        assert_eq!(hidden.idle_action(), 2);
    }
}
