//! The judge: a classifier that learns true actions from real footage and never sees a dream while it learns.
//!
//! It looks at transitions through an agent of its own, found in its own footage, and at the motion of every patch. It knows nothing of
//! the world that it judges: neither its latent actions nor what found them.

use crate::actions::{
    ActionClassifier, AgentError, AgentSettings, AgentTransition, AnchoredAgent, ClipActions,
    FrameSource, Labelled, TransitionPlace, View,
};
use crate::dataset::TrueActions;

use super::EvaluateError;

/// A true action that makes up less than this share of what the judge learns from is too rare to be told.
const RARE: f64 = 0.01;

/// Tells true actions from frames.
pub struct Judge {
    /// Whom it follows; `None` where its footage shows nobody.
    agent: Option<AnchoredAgent>,
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
        let settings = AgentSettings {
            // Codes are not looked at, and nobody asks the encoder.
            encoder_steps: 0,
            code_starts: 1,
            ..AgentSettings::default()
        };
        let (agent, found) = match AnchoredAgent::fit(source, &settings, seed) {
            Ok((agent, found)) => (Some(agent), found),
            Err(AgentError::NotFound(_)) => (None, nobody(source)),
            Err(error) => return Err(error.into()),
        };
        let labelled = Labelled {
            source,
            found: &found,
            truth,
        };
        let views = [View::Surroundings, View::Motion];
        let classifier = ActionClassifier::learn(labelled, &views, most, seed)?;
        Ok(classifier.map(|classifier| Self { agent, classifier }))
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
        let found = match &self.agent {
            Some(agent) => agent.apply(source)?,
            None => nobody(source),
        };
        Ok(self.classifier.read(source, &found, places)?)
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

/// As if a player stood in the middle of the picture all the time.
fn nobody(source: &dyn FrameSource) -> Vec<ClipActions> {
    let (height, width) = source.frame_size();
    let still = AgentTransition {
        code: 0,
        displacement: [0.0; 2],
        seen: false,
        look: [0.0; 2],
        present: false,
        position: [width as f32 / 2.0, height as f32 / 2.0],
    };
    (0..source.clip_count())
        .map(|clip| vec![still; source.clip_len(clip).saturating_sub(1)])
        .collect()
}
