//! How much of the true actions can be seen at all: the information that supervised classifiers find, for evaluation only.
//!
//! Each looks in its own way (see [`View`]): two at the frames alone, two through the agent that was found. Means of some are asked too.
//! Which of them finds most is tried on part of the footage that is learnt from, so that the figure on what is scored is not the best of many.

use super::agent_sights::AgentSights;
use super::footage::FrameSource;
use super::frame_sights::FrameSights;
use super::places::{TransitionPlace, known_places};
use super::transition::ClipActions;
use super::view::{Truth, View};
use super::view_choice::ChosenViews;
use super::visible_score::VisibleActions;
use crate::dataset::{DatasetError, TrueActions};

/// Footage, what was found in it, and the truth.
#[derive(Clone, Copy)]
pub struct Labelled<'a> {
    /// The frames.
    pub source: &'a dyn FrameSource,
    /// What the agent does, clip by clip.
    pub found: &'a [ClipActions],
    /// What the player did, clip by clip.
    pub truth: &'a TrueActions,
}

impl Labelled<'_> {
    /// Refuses transitions for which nothing was found.
    pub(super) fn check_found(&self, places: &[TransitionPlace]) -> Result<(), DatasetError> {
        let lacks = |place: &&TransitionPlace| {
            (self.found.get(place.clip)).is_none_or(|clip| clip.len() <= place.frame)
        };
        match places.iter().find(lacks) {
            Some(place) => Err(DatasetError::Request(format!(
                "nothing was found for the transition from frame {} of clip {} on",
                place.frame, place.clip
            ))),
            None => Ok(()),
        }
    }
}

/// Everything that classifiers see of some footage.
struct Sights {
    places: Vec<TransitionPlace>,
    truth: Vec<u8>,
    frames: FrameSights,
    agent: AgentSights,
}

impl Sights {
    /// Of at most so many of the transitions whose true action is known.
    fn gather(labelled: Labelled<'_>, most: usize) -> Result<Self, DatasetError> {
        let Labelled {
            source,
            found,
            truth,
        } = labelled;
        let (places, truth) = known_places(source, truth, most);
        labelled.check_found(&places)?;
        Ok(Self {
            frames: FrameSights::gather(source, &places)?,
            agent: AgentSights::gather(source, found, &places)?,
            places,
            truth,
        })
    }

    fn views(&self, codes: usize) -> [View<'_>; 4] {
        [
            View::Picture(&self.frames),
            View::Motion(&self.frames),
            View::Surroundings(&self.agent),
            View::TrackAndCodes(&self.agent, codes),
        ]
    }
}

/// The views that may be asked together.
const SETS: [&[usize]; 12] = [
    &[0],
    &[1],
    &[2],
    &[3],
    &[0, 1],
    &[0, 2],
    &[0, 3],
    &[2, 3],
    &[0, 1, 2],
    &[0, 2, 3],
    &[1, 2, 3],
    &[0, 1, 2, 3],
];

/// Most transitions that are learnt from.
const MOST: usize = 24_000;

/// Learns true actions from some footage and looks for them in other; [`symbols`](VisibleActions::symbols) are as many as there are codes.
///
/// # Errors
/// Footage that cannot be read.
pub fn visible_actions(
    learnt: Labelled<'_>,
    scored: Labelled<'_>,
    seed: u64,
) -> Result<VisibleActions, DatasetError> {
    let learnt = Sights::gather(learnt, MOST)?;
    let scored = Sights::gather(scored, usize::MAX)?;
    if learnt.truth.is_empty() || scored.truth.is_empty() {
        return Ok(VisibleActions::default());
    }
    let actions = learnt.truth.iter().chain(&scored.truth).copied();
    let classes = 1 + actions.max().map_or(0, usize::from);
    let codes = learnt.agent.codes().max(scored.agent.codes());
    let truth = Truth {
        actions: &learnt.truth,
        classes,
    };
    let (learnt_views, scored_views) = (learnt.views(codes), scored.views(codes));
    let chosen = ChosenViews::learn(&learnt_views, &SETS, truth, &learnt.places, seed);
    let predicted = chosen.read(&scored_views, scored.truth.len());
    let seen = VisibleActions::of(&predicted, &scored.truth);
    Ok(seen.in_symbols(&predicted, &scored.truth, codes))
}
