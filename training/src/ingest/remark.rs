//! What was skipped, changed or assumed, in words.

use serde::{Deserialize, Serialize};

/// Something that was skipped, changed or assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Of what kind it is.
    pub kind: RemarkKind,
    /// What happened, in words.
    pub text: String,
}

/// Kinds of remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkKind {
    /// A file or a part of one could not be read.
    Damaged,
    /// Something that was given is not in the dataset.
    Skipped,
    /// Something is otherwise in the dataset than it was given.
    Changed,
    /// Something that no file or option says.
    Assumed,
    /// What an option came to, or what is worth knowing: nothing is lost by it, and it is no error where all others are.
    Noted,
}

impl Remark {
    pub(super) fn new(kind: RemarkKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

impl RemarkKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Skipped => "skipped",
            Self::Changed => "changed",
            Self::Assumed => "assumed",
            Self::Noted => "noted",
        }
    }
}

/// A file that could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The file or folder.
    pub source: String,
    /// Why.
    pub reason: String,
}
