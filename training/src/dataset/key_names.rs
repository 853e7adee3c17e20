//! What was pressed, by name: the keys behind the numbers of true actions.

use std::collections::BTreeSet;
use std::path::Path;

use genie_model::ActionLabel;
use serde::Deserialize;

use super::true_actions::NAMES_FILE;

/// The file with names; true action i is the i-th.
#[derive(Deserialize)]
struct Names {
    keys: Vec<String>,
}

/// The names of a dataset's true actions, where it has some.
pub(crate) fn key_names(folder: &Path) -> Vec<String> {
    std::fs::read(folder.join(NAMES_FILE))
        .ok()
        .and_then(|text| serde_json::from_slice::<Names>(&text).ok())
        .map(|names| names.keys)
        .unwrap_or_default()
}

/// What is pressed together, from its name: keys between plus signs.
pub(crate) fn pressed(name: &str) -> BTreeSet<&str> {
    name.split('+').filter(|key| !key.is_empty()).collect()
}

/// The label of what is pressed: nothing is idle, and keys that Bevy knows are its keys.
pub(crate) fn key_label(name: &str) -> ActionLabel {
    let keys: Vec<&str> = pressed(name).into_iter().collect();
    let short = |key: &str| {
        key.trim_start_matches("arrow")
            .trim_start_matches("key")
            .to_owned()
    };
    let known: Option<Vec<String>> = keys.iter().map(|key| key_code(key)).collect();
    ActionLabel {
        name: if keys.is_empty() {
            "idle".to_owned()
        } else {
            keys.iter()
                .map(|key| short(key))
                .collect::<Vec<_>>()
                .join("_")
        },
        keys: known.filter(|keys| !keys.is_empty()).into_iter().collect(),
    }
}

/// The name of Bevy's `KeyCode` for a key as people write it.
fn key_code(key: &str) -> Option<String> {
    let key = key.to_lowercase();
    let known = match key.as_str() {
        "left" | "arrowleft" => "ArrowLeft",
        "right" | "arrowright" => "ArrowRight",
        "up" | "arrowup" => "ArrowUp",
        "down" | "arrowdown" => "ArrowDown",
        "space" => "Space",
        "enter" | "return" => "Enter",
        "tab" => "Tab",
        "shift" | "shiftleft" => "ShiftLeft",
        "shiftright" => "ShiftRight",
        "ctrl" | "control" | "controlleft" => "ControlLeft",
        "controlright" => "ControlRight",
        "alt" | "altleft" => "AltLeft",
        other => {
            let other = other
                .strip_prefix("key")
                .or_else(|| other.strip_prefix("digit"))
                .unwrap_or(other);
            let mut letters = other.chars();
            return match (letters.next(), letters.next()) {
                (Some(letter @ 'a'..='z'), None) => {
                    Some(format!("Key{}", letter.to_ascii_uppercase()))
                }
                (Some(digit @ '0'..='9'), None) => Some(format!("Digit{digit}")),
                _ => None,
            };
        }
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_bevys_names() {
        for (key, code) in [
            ("a", Some("KeyA")),
            ("KeyW", Some("KeyW")),
            ("digit3", Some("Digit3")),
            ("Left", Some("ArrowLeft")),
            ("fire", None),
        ] {
            assert_eq!(key_code(key).as_deref(), code, "{key}");
        }
    }
}
