//! What is told from other things in the picture, and followed.

use serde::{Deserialize, Serialize};

use super::appearance::Group;
use super::lane::Lane;
use super::observation::Blob;

/// What is followed: things of some classes of looks, or whatever is in a lane.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Thing {
    /// Its classes; none in a lane, in which it may have any look.
    #[serde(rename = "group")]
    pub(crate) classes: Group,
    /// The lane that it keeps to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lane: Option<Lane>,
}

impl Thing {
    /// Things of some classes of looks.
    pub(crate) fn of_looks(classes: Group) -> Self {
        let lane = None;
        Self { classes, lane }
    }

    /// Whatever is in a lane.
    pub(crate) fn in_lane(lane: Lane) -> Self {
        Self {
            classes: Group::new(),
            lane: Some(lane),
        }
    }

    /// Whether a blob of a class may be it.
    pub(crate) fn may_be(&self, blob: &Blob, class: usize) -> bool {
        match self.lane {
            Some(lane) => lane.holds(blob),
            None => self.classes.contains(&class),
        }
    }
}
