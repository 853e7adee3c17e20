//! What is told from other things in the picture, and followed.

use serde::{Deserialize, Serialize};

use super::appearance::Group;
use super::lane::Lane;
use super::observation::{Blob, ClipObservation};

/// What is followed: things of some classes of looks, or whatever is in a lane.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Thing {
    /// Its classes; none in a lane, in which it may have any look.
    #[serde(rename = "group")]
    pub(crate) classes: Group,
    /// The lane that it keeps to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lane: Option<Lane>,
    /// Pixels that it usually has: the median over frames, of the largest blob in each that may be it. 0 where it was not measured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) usual_area: f32,
}

// As serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

impl Thing {
    /// Things of some classes of looks.
    pub(crate) fn of_looks(classes: Group) -> Self {
        Self {
            classes,
            ..Self::default()
        }
    }

    /// Whatever is in a lane.
    pub(crate) fn in_lane(lane: Lane) -> Self {
        Self {
            lane: Some(lane),
            ..Self::default()
        }
    }

    /// Measures how large it usually is, in clips with the classes of their blobs. What keeps to a lane may have any size, as it may have any look.
    pub(crate) fn measure<'c>(
        &mut self,
        clips: impl Iterator<Item = (&'c ClipObservation, &'c Vec<Vec<usize>>)>,
    ) {
        if self.lane.is_some() {
            return;
        }
        let frames = clips.flat_map(|(clip, labels)| clip.blobs.iter().zip(labels));
        let largest = frames.filter_map(|(blobs, labels)| {
            let members = blobs.iter().zip(labels);
            let members = members.filter(|(blob, class)| self.may_be(blob, **class));
            members.map(|(blob, _)| blob.area).max_by(f32::total_cmp)
        });
        let mut areas: Vec<f32> = largest.collect();
        areas.sort_by(f32::total_cmp);
        self.usual_area = areas.get(areas.len() / 2).copied().unwrap_or_default();
    }

    /// Whether a blob of a class may be it.
    pub(crate) fn may_be(&self, blob: &Blob, class: usize) -> bool {
        match self.lane {
            Some(lane) => lane.holds(blob),
            None => self.classes.contains(&class),
        }
    }
}
