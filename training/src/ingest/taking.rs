//! Which frames of all footage are taken, and at which pace: as asked for, as in the dataset that is added to, or by a look at the footage.

use super::bars::crop_of;
use super::geometry::Geometry;
use super::pace::pace_in_words;
use super::parallel::parallel;
use super::remark::{Remark, RemarkKind};
use super::source::{Source, SourceInfo};
use super::survey::{Survey, choose_pace, survey};
use super::ticks::Taking;
use super::{IngestError, IngestOptions, PaceChoice};
use crate::dataset::Index;

/// Sources that are looked at to choose the pace.
const MOST_SURVEYED: usize = 12;

/// A source that can be read, as far as its beginning.
pub(super) struct Probed {
    pub(super) source: Source,
    pub(super) info: SourceInfo,
}

/// What was chosen.
pub(super) struct Taken {
    pub(super) taking: Taking,
    /// The pace of the dataset, in frames a second.
    pub(super) pace: f64,
    /// In words.
    pub(super) why: String,
}

/// Which frames are taken, the pace of the dataset, and why in words.
pub(super) fn choose_taking(
    probed: &[Probed],
    existing: Option<&Index>,
    options: &IngestOptions,
    threads: usize,
    general: &mut Vec<Remark>,
) -> Result<Taken, IngestError> {
    let by_pace = |pace, why| Taken {
        taking: Taking::Pace(pace),
        pace,
        why,
    };
    let given = match (options.pace, existing) {
        (PaceChoice::FramesPerSecond(pace), _) => Some((pace, "as asked for".to_owned())),
        (PaceChoice::FromFootage, Some(index)) => {
            let pace = index.frames_per_second;
            Some((pace, "that of the dataset that is added to".to_owned()))
        }
        _ => None,
    };
    if let Some((pace, why)) = given {
        return Ok(by_pace(pace, why));
    }
    let step = probed.len().div_ceil(MOST_SURVEYED);
    let chosen: Vec<&Probed> = probed.iter().step_by(step.max(1)).collect();
    let surveys: Vec<Survey> = parallel(threads, &chosen, |Probed { source, info }| {
        // Bars move nowhere, and make what moves between them small.
        let crop = crop_of(source, info, options)?;
        survey(source, info, Geometry::new(options, crop), options)
    })?
    .into_iter()
    .flatten()
    .collect();
    let Some((pace, why)) = choose_pace(&surveys) else {
        general.push(Remark::new(
            RemarkKind::Assumed,
            "no footage of several frames has a pace: 10 frames a second assumed",
        ));
        return Ok(by_pace(10.0, "assumed".to_owned()));
    };
    let PaceChoice::Every(every) = options.pace else {
        return Ok(by_pace(pace, why));
    };
    let own = surveys[0].pace;
    if let Some(other) = surveys.iter().find(|s| (s.pace / own - 1.0).abs() > 0.02) {
        general.push(Remark::new(
            RemarkKind::Changed,
            format!(
                "with --every the pace of the footage counts, and it differs: {} and {} frames a second come out as one \
                 (--fps goes by time instead)",
                pace_in_words(own),
                pace_in_words(other.pace)
            ),
        ));
    }
    let pace = own / f64::from(every.max(1));
    Ok(Taken {
        taking: Taking::Every(u64::from(every)),
        pace,
        why: format!(
            "every {every} frames of footage at {} frames a second",
            pace_in_words(own)
        ),
    })
}
