//! The judge: a classifier that learns true actions from real footage and never sees a dream while it learns.
//!
//! It looks at whole pictures, and at the motion of every patch where that helps on footage that it holds back. It knows nothing of the
//! world that it judges: neither its latent actions nor who its player is, nor any way to find a player.

use crate::actions::{ActionClassifier, FrameSource, TransitionPlace};
use crate::dataset::TrueActions;

use super::EvaluateError;

/// A true action that makes up less than this share of what the judge learns from is too rare to be recognised.
const RARE: f64 = 0.01;

/// Recognises true actions in frames.
pub struct Judge {
    classifier: ActionClassifier,
}

impl Judge {
    /// Learns from at most about so many transitions of all clips of some footage; `None` where none of their true actions is known.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn learn(
        source: &dyn FrameSource,
        truth: &TrueActions,
        most: usize,
        seed: u64,
    ) -> Result<Option<Self>, EvaluateError> {
        let classifier = ActionClassifier::learn(source, truth, most, seed)?;
        Ok(classifier.map(|classifier| Self { classifier }))
    }

    /// Probabilities of the true actions at some places, in ascending order, of footage or dreams.
    ///
    /// # Errors
    /// Frames that cannot be read, or of another size than those that it learnt from.
    pub fn read(
        &self,
        source: &dyn FrameSource,
        places: &[TransitionPlace],
    ) -> Result<Vec<Vec<f32>>, EvaluateError> {
        Ok(self.classifier.read(source, places)?)
    }

    /// What probabilities speak for, where every true action counts alike however often it happens. Rare ones are never named.
    pub fn decide(&self, probabilities: &[f32]) -> usize {
        let weighed = |(action, &probability): (usize, &f32)| {
            let share = self.share(action);
            let weight = f64::from(probability) / share;
            (action, if share < RARE { 0.0 } else { weight })
        };
        let all = probabilities.iter().enumerate().map(weighed);
        all.max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(0, |(action, _)| action)
    }

    /// Whether it ever names a true action.
    pub fn knows(&self, action: usize) -> bool {
        self.share(action) >= RARE
    }

    /// Number of true actions that it has a probability for.
    pub fn actions(&self) -> usize {
        self.classifier.shares().len()
    }

    /// Transitions that it learnt from.
    pub fn learnt(&self) -> usize {
        self.classifier.learnt()
    }

    fn share(&self, action: usize) -> f64 {
        self.classifier.shares().get(action).copied().unwrap_or(0.0)
    }
}
