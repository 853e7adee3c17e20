//! Finding the player and its actions in video alone: no label, no word about the kind of game, the same settings for all.
//!
//! In nearly every 2D game the thing that the player controls is there in nearly every frame, once, with a look that hardly changes, and
//! its motion is what the past explains least. [`AnchoredAgent`] finds it, follows it, and calls each transition by what it does:
//!
//! 1. how the camera moves (`scroll`), and so what does not belong to the scene (`foreground`);
//! 2. its connected pieces (`blobs`), and where each goes (`blob_motion`);
//! 3. which of them are the same thing (`appearance`);
//! 4. which thing moves least predictably (`unpredictability`): the anchor; where the picture grows and shrinks as a whole, as it does for somebody who
//!    walks through what is seen, the view itself is one of those that are compared (`view_motion`);
//! 5. where the anchor is in each frame (`tracking`), and which way it looks (`looks`), for steps into a wall;
//! 6. which way it goes and looks, beside what it does by itself (`codes`; where there is `gravity` it falls by itself), as one of a few codes
//!    that are held for some frames (`code_model`).
//!
//! Once there is a world, its dynamics tell of the codes too (`action_evidence`), as far as they agree with what is seen of the player (`trust`).
//!
//! An encoder is trained to say the codes from what is around a transition (`encoder`); it is used on request.
//!
//! Nothing that finds a player reads true actions, unless somebody labels some transitions with what was pressed: then the candidate whose motion
//! clearly tells more of that than the likeliest one is the player (`labelled_choice`), and the actions of all are read
//! as such by what was learnt without labels (`key_reader`). Where a dataset has them they judge what was found: [`PairCounts`] measures the information of codes about them,
//! [`ActionClassifier`] learns to see them in frames alone, whoever is in these.

mod action_evidence;
mod agent;
mod agent_sights;
mod appearance;
mod blob_motion;
mod blobs;
mod classifier;
mod code_model;
mod codes;
mod convolution;
mod description;
mod encoder;
mod few_labels;
mod footage;
mod foreground;
mod frame_sights;
mod gravity;
mod hand_rule;
mod information;
mod k_means;
mod key_reader;
mod labelled_choice;
mod lane;
mod linear;
mod looks;
mod motion_series;
mod network;
mod observation;
mod picture_network;
mod places;
mod score;
mod scroll;
mod settings;
mod sheet;
mod softmax_regression;
mod stored;
mod symbols;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod thing;
mod token_tables;
mod tokeniser;
mod tracking;
mod transition;
mod trust;
mod unlabelled;
mod unpredictability;
mod view;
mod view_choice;
mod view_motion;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod view_tests;
mod visible;
mod visible_score;

pub(crate) use action_evidence::{TokenClip, Told, action_evidence};
pub(crate) use agent::DescribedClip;
pub use agent::{AgentError, AgentReport, AnchoredAgent, CLOSE_MARGIN, CandidateReport};
pub use classifier::ActionClassifier;
pub use few_labels::{FewLabels, few_label_actions};
pub use footage::{ClipsInMemory, FrameSource, SomeClips};
pub(crate) use gravity::SpeedChanges;
pub use hand_rule::HandRule;
pub use information::PairCounts;
pub(crate) use key_reader::LabelledPlaces;
pub use lane::Lane;
pub use places::TransitionPlace;
pub use score::ActionScore;
pub use settings::AgentSettings;
pub use sheet::{candidate_examples, code_examples};
pub use stored::StoredAgentError;
pub use transition::{AgentTransition, ClipActions};
pub(crate) use trust::Trust;
pub use visible::{Labelled, visible_actions};
pub use visible_score::VisibleActions;
