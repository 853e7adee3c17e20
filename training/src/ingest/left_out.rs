//! Why frames are left out.

use serde::{Deserialize, Serialize};

/// Why frames are not in the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeftOut {
    /// Of one colour.
    Blank,
    /// The picture stands still.
    Frozen,
    /// Hardly anything moves between two changes of the whole picture: a menu or a pause.
    Menu,
    /// A piece between cuts that is too short to learn from.
    Short,
}

impl LeftOut {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Frozen => "frozen",
            Self::Menu => "menu or pause",
            Self::Short => "short piece",
        }
    }
}
