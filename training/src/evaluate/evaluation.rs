//! What an evaluation finds.

use serde::{Deserialize, Serialize};

use super::{
    ActionInformation, ActionUsage, AdjacencyViolations, BlockedActions, Controllability,
    EvaluateOptions, Faithfulness, Health, Obedience, OnePicture, Survival, TrueActionAgreement,
};

/// Everything that [`evaluate`](super::evaluate) measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The options.
    pub options: EvaluateOptions,
    /// PSNR of reconstructed real frames in dB.
    pub tokenizer_psnr: f64,
    /// Controllability of rollouts.
    pub controllability: Controllability,
    /// Ten frames from one picture; `None` for clips that are too short.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub one_picture: Option<OnePicture>,
    /// The loss on what changes, under the inferred action and under others; `None` where nothing changes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub health: Option<Health>,
    /// How often each latent action happens in the real footage.
    pub usage: Vec<ActionUsage>,
    /// Whether generated transitions show the action commanded.
    pub faithfulness: Faithfulness,
    /// Adjacency violations under random play.
    pub adjacency_violations: AdjacencyViolations,
    /// Survival of the hero; for built-in footage only.
    pub survival: Option<Survival>,
    /// Information of latent actions about true ones, where these are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actions: Option<ActionInformation>,
    /// Whether dreams show what is commanded, where true actions are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub obedience: Option<Obedience>,
    /// Agreement of latent and true actions, where these are known.
    pub true_actions: Option<TrueActionAgreement>,
    /// Outcomes of blocked actions, where true actions are known.
    pub blocked_actions: Option<BlockedActions>,
}
