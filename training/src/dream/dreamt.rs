//! What a dream makes.

use std::path::PathBuf;

use crate::ingest::Finding;

/// What a dream made.
#[derive(Debug, Clone, PartialEq)]
pub struct Dreamt {
    /// The world.
    pub world: PathBuf,
    /// The report.
    pub report: PathBuf,
    /// Pictures to begin from.
    pub prompts: Vec<PathBuf>,
    /// What stands against the world, each with its remedy.
    pub findings: Vec<Finding>,
    /// Seconds that it took, those of stopped calls included.
    pub seconds: f64,
    /// Footage that could not be read, and why.
    pub unreadable: Vec<String>,
    /// Whether some of the footage was damaged or unreadable.
    pub damaged: bool,
    /// What of the footage was skipped, changed or assumed.
    pub remarks: Vec<String>,
}
