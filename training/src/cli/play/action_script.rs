//! What to do and for how long: `right:20,jump:6,left`.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use genie_model::WorldModel;

/// Most frames of one script, three quarters of an hour of play: its frames are held in memory.
const MOST_FRAMES: usize = 30_000;

/// A list of actions, each held for a number of frames.
///
/// Written as `action:frames` with commas between; an action without a number is done once. Spaces and a comma at the end do
/// not count, and neither do capitals, nor the order of what an action holds together: `Jump+right` is `right_jump`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ActionScript {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    action: String,
    frames: usize,
}

/// Why a text is no script, or a world cannot play it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ScriptError {
    #[error("entry {position}: expected an action before `:` and between commas")]
    NoAction {
        /// Counted from 1.
        position: usize,
    },
    #[error("entry {position}: expected a number of frames from 1 on, found `{found}`")]
    Frames {
        /// Counted from 1.
        position: usize,
        found: String,
    },
    #[error("the script is longer than {MOST_FRAMES} frames")]
    TooLong,
    #[error("this world has no action `{action}`; it has {available}, or their numbers from 0")]
    UnknownAction { action: String, available: String },
}

impl FromStr for ActionScript {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut total = 0_usize;
        let mut entries = Vec::new();
        let text = text.trim();
        let text = text.strip_suffix(',').unwrap_or(text);
        for (index, entry) in text.split(',').enumerate() {
            let position = index + 1;
            let (action, frames) = match entry.rsplit_once(':') {
                None => (entry, 1),
                Some((action, frames)) => {
                    let count = frames.trim().parse().ok().filter(|&count| count >= 1);
                    let count = count.ok_or_else(|| ScriptError::Frames {
                        position,
                        found: frames.trim().to_owned(),
                    })?;
                    (action, count)
                }
            };
            let action = action.trim();
            if action.is_empty() || action.contains(':') {
                return Err(ScriptError::NoAction { position });
            }
            total = total.saturating_add(frames);
            if total > MOST_FRAMES {
                return Err(ScriptError::TooLong);
            }
            entries.push(Entry {
                action: action.to_owned(),
                frames,
            });
        }
        Ok(Self { entries })
    }
}

impl Display for ActionScript {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}:{}", entry.action, entry.frames)?;
        }
        Ok(())
    }
}

impl ActionScript {
    /// The latent action of every frame.
    pub(super) fn resolve(&self, world: &WorldModel) -> Result<Vec<usize>, ScriptError> {
        let mut actions = Vec::new();
        for entry in &self.entries {
            let action = world.action_named(&entry.action).ok_or_else(|| {
                let names: Vec<&str> = world
                    .actions()
                    .iter()
                    .map(|label| label.name.as_str())
                    .collect();
                ScriptError::UnknownAction {
                    action: entry.action.clone(),
                    available: names.join(", "),
                }
            })?;
            actions.extend(std::iter::repeat_n(action, entry.frames));
        }
        Ok(actions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scripts_are_read_as_people_write_them() {
        for text in ["right:20, jump : 6,left", "right:20,jump:6,left, "] {
            let script: ActionScript = text.parse().unwrap();
            assert_eq!(script.to_string(), "right:20,jump:6,left:1");
        }
        let wrong = [
            ("", ScriptError::NoAction { position: 1 }),
            ("right:2,,left", ScriptError::NoAction { position: 2 }),
            (":4", ScriptError::NoAction { position: 1 }),
            ("right:30001", ScriptError::TooLong),
        ];
        for (text, error) in wrong {
            assert_eq!(text.parse::<ActionScript>(), Err(error), "{text}");
        }
        for text in [
            "right:0",
            "right:-2",
            "right:x",
            "right:",
            "right:99999999999999999999999",
        ] {
            let error = text.parse::<ActionScript>().unwrap_err();
            assert!(
                matches!(error, ScriptError::Frames { position: 1, .. }),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,60}") {
            let _ = text.parse::<ActionScript>();
        }

        #[test]
        fn separators_in_any_order_are_survived(text in "[a-c0-9:, ]{0,40}") {
            if let Ok(script) = text.parse::<ActionScript>() {
                prop_assert_eq!(script.to_string().parse::<ActionScript>(), Ok(script));
            }
        }

        #[test]
        fn what_is_written_is_read_again(
            entries in proptest::collection::vec(("[a-z0-9_]{1,12}", 1_usize..500), 1..20),
        ) {
            let entries = entries
                .into_iter()
                .map(|(action, frames)| Entry { action, frames })
                .collect();
            let script = ActionScript { entries };
            prop_assert_eq!(script.to_string().parse::<ActionScript>(), Ok(script));
        }
    }
}
