//! What must be known of a source before any part of it is read.

use super::actions::HeldKeys;
use super::bars::crop_of;
use super::geometry::Geometry;
use super::remark::{Remark, RemarkKind};
use super::source::{Source, SourceInfo};
use super::survey::survey;
use super::{CropChoice, IngestOptions, PaceChoice};

/// Footage from that length on is looked at for how much usually moves in it, in seconds.
const LONG_FOOTAGE: f64 = 60.0;

/// What all parts of a source share.
pub(super) struct Prepared {
    pub(super) geometry: Geometry,
    /// Share of pixels that usually change from frame to frame, where that is known.
    pub(super) usual_change: Option<f32>,
    /// Its true actions, where it has some.
    pub(super) keys: Option<HeldKeys>,
    /// What was noticed of the source as a whole.
    pub(super) remarks: Vec<Remark>,
}

impl Prepared {
    /// Looks at a source.
    ///
    /// # Errors
    /// Footage or true actions that cannot be read, in words.
    pub(super) fn of(
        source: &Source,
        info: &SourceInfo,
        options: &IngestOptions,
    ) -> Result<Self, String> {
        let keys = source.actions.as_ref().map(HeldKeys::read).transpose()?;
        let mut remarks = source.remarks.clone();
        if info.described.contains("pictures")
            && let PaceChoice::FromFootage | PaceChoice::Every(_) = options.pace
            && let Some(remark) = remarks.iter_mut().find(|r| r.kind == RemarkKind::Assumed)
            && remark.text.contains("assumed (")
            && let Some(pace) = info.pace
        {
            remark.text = remark
                .text
                .replace("assumed (", &format!("{pace} frames a second assumed ("));
        }
        let crop = crop_of(source, info, options)?;
        if options.crop == CropChoice::Auto
            && let Some(area) = crop
        {
            remarks.push(Remark::new(
                RemarkKind::Noted,
                format!(
                    "black bars are cut off: {},{},{},{} of its {}x{} pixels is used",
                    area.x, area.y, area.width, area.height, info.size.0, info.size.1
                ),
            ));
        }
        let geometry = Geometry::new(options, crop);
        let usual_change = (!options.keep_all && info.seconds.is_some_and(|s| s > LONG_FOOTAGE))
            .then(|| survey(source, info, geometry, options).ok())
            .flatten()
            .map(|survey| survey.change);
        Ok(Self {
            geometry,
            usual_change,
            keys,
            remarks,
        })
    }
}
