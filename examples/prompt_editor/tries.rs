//! Lines of play as they are kept in a project's file: what leads to their frames, not the frames.

use std::path::PathBuf;

use bevy_genie::prelude::*;
use serde::{Deserialize, Serialize};

/// A line of play that can be played again to the same frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Try {
    /// Its number; no other one of the project has it.
    pub(crate) number: u32,
    /// The number of the line at the root of its tree.
    pub(crate) tree: u32,
    /// What the designer calls it, if anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// The line that it was forked from, and the frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<(u32, u64)>,
    /// The checkpoint, if it is not the editor's first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Its picture, seed, sampler and actions.
    pub(crate) run: GenieReplay,
}

/// Tries that have been read from a file and are to become lines.
#[derive(Clone, Debug)]
pub(crate) enum Arriving {
    /// All lines of a project, in place of those that are there.
    Project(Vec<Try>),
    /// One run, which becomes the line of its picture.
    Run(Box<GenieReplay>),
}
