//! The rules that follow from a checkpoint's labels.

use std::borrow::Cow;

use genie_model::ActionLabel;

use crate::input::rule::{GenieAction, GenieActionRule};

/// Keys of checkpoints, and what stands for them on a gamepad: with the buttons alone, and with the stick.
const ON_GAMEPAD: [(&str, [&str; 2]); 5] = [
    ("ArrowLeft", ["GamepadDPadLeft", "LeftStickLeft"]),
    ("ArrowRight", ["GamepadDPadRight", "LeftStickRight"]),
    ("ArrowUp", ["GamepadDPadUp", "LeftStickUp"]),
    ("ArrowDown", ["GamepadDPadDown", "LeftStickDown"]),
    ("Space", ["GamepadSouth", "GamepadSouth"]),
];

/// The rules of these labels, one label for each latent action.
pub(super) fn label_rules(labels: &[ActionLabel]) -> Vec<GenieActionRule> {
    let mut rules = Vec::new();
    for (number, label) in labels.iter().enumerate() {
        let mut bind = |held: Vec<Cow<'static, str>>| {
            let target = GenieAction::Number(number);
            rules.push(GenieActionRule {
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
        let digit = format!("Digit{number}");
        let listed = |label: &ActionLabel| label.keys.iter().flatten().any(|key| *key == digit);
        if label.hidden {
            continue;
        }
        if number < 10 && !labels.iter().any(listed) {
            bind(vec![digit.into()]);
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
    rules
}
