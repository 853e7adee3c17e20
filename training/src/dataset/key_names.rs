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
        ..ActionLabel::default()
    }
}

/// Whether a key has this name.
pub(crate) fn is_key(name: &str) -> bool {
    key_code(name).is_some()
}

/// The key whose name was probably meant by one that no key has: a letter is missing, doubled, or changed places with the next.
pub(crate) fn likely_key(name: &str) -> Option<&'static str> {
    const NAMES: [&str; 14] = [
        "left",
        "right",
        "down",
        "space",
        "enter",
        "return",
        "shift",
        "control",
        "escape",
        "arrowleft",
        "arrowright",
        "arrowup",
        "arrowdown",
        "backspace",
    ];
    let without = |word: &str, at: usize| -> String {
        let letters = word.char_indices();
        letters
            .filter(|(place, _)| *place != at)
            .map(|(_, letter)| letter)
            .collect()
    };
    let is_slip = |key: &str| {
        let starts = |word: &str| word.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
        let swapped = |at: usize| {
            let mut letters: Vec<char> = key.chars().collect();
            letters.swap(at, at + 1);
            letters.into_iter().eq(name.chars())
        };
        starts(name).into_iter().any(|at| without(name, at) == key)
            || starts(key).into_iter().any(|at| without(key, at) == name)
            || (0..key.len() - 1).any(swapped)
    };
    NAMES.into_iter().find(|key| is_slip(key))
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
        "altright" => "AltRight",
        "escape" | "esc" => "Escape",
        "backspace" => "Backspace",
        "delete" => "Delete",
        "insert" => "Insert",
        "home" => "Home",
        "end" => "End",
        "pageup" => "PageUp",
        "pagedown" => "PageDown",
        "comma" => "Comma",
        "period" => "Period",
        "slash" => "Slash",
        "minus" => "Minus",
        "equal" => "Equal",
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
                (Some('f'), Some(_)) => {
                    let number: u8 = other[1..].parse().ok()?;
                    (1..=12).contains(&number).then(|| format!("F{number}"))
                }
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
            ("esc", Some("Escape")),
            ("F3", Some("F3")),
            ("fire", None),
            ("f13", None),
        ] {
            assert_eq!(key_code(key).as_deref(), code, "{key}");
        }
    }

    #[test]
    fn slips_are_told_from_other_names() {
        for (name, key) in [
            ("rigth", Some("right")),
            ("lefft", Some("left")),
            ("spce", Some("space")),
            ("jump", None),
            ("fight", None),
            ("", None),
        ] {
            assert_eq!(likely_key(name), key, "{name}");
        }
    }
}
