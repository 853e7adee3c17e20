//! The frames that the next one is compared with.

use std::sync::Arc;

use bevy::prelude::*;
use genie_model::Frame;

/// Frames that the next one is compared with.
#[derive(Component, Clone, Debug, Default)]
pub(super) struct TriggerMemory {
    pub(super) prompt: Option<Arc<Frame>>,
    pub(super) last: Option<(u64, Arc<Frame>)>,
}
