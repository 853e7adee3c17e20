//! How far a dream is.

use std::fmt::{Display, Formatter};
use std::time::Duration;

/// The stages of a dream, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Films become clips.
    Import,
    /// The training is chosen and timed.
    Plan,
    /// The tokenizer is trained.
    Tokenizer,
    /// Latent actions and dynamics are trained.
    Dynamics,
    /// Actions get their names.
    Label,
    /// The world is compared with footage that it never saw.
    Evaluate,
    /// Prompts, pictures and the report are written.
    Report,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Import,
        Self::Plan,
        Self::Tokenizer,
        Self::Dynamics,
        Self::Label,
        Self::Evaluate,
        Self::Report,
    ];
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Import => "importing the footage",
            Self::Plan => "choosing the training",
            Self::Tokenizer => "training the tokenizer",
            Self::Dynamics => "training actions and dynamics",
            Self::Label => "naming the actions",
            Self::Evaluate => "evaluating on held-out footage",
            Self::Report => "writing the report",
        })
    }
}

/// How far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The stage at hand.
    pub stage: Stage,
    /// Share of it that is done, 0 to 1.
    pub done: f64,
    /// Time until the report.
    pub left: Duration,
}
