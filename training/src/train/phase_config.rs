//! Length and pace of a phase of training.

use serde::{Deserialize, Serialize};

use super::optimiser::OptimiserConfig;

/// How a learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecayCurve {
    /// Along a line.
    #[default]
    Linear,
    /// Along half a cosine, as in the paper: slowly at first and at the end.
    Cosine,
}

/// Length and pace of one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseConfig {
    /// Optimiser steps.
    pub steps: u64,
    /// Clips per step.
    pub batch: usize,
    /// Passes that a step is divided into, each with its share of the clips, for batches that the memory has no room for. The steps
    /// stay the same.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Frames per clip.
    pub clip_frames: usize,
    /// Learning rate at its height.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises.
    pub warmup: u64,
    /// Share of the steps, at the end, over which it falls.
    pub decay: f64,
    /// The curve that it falls along.
    #[serde(default)]
    pub decay_curve: DecayCurve,
    /// Where it ends, as a share of its height.
    #[serde(default)]
    pub final_share: f64,
    /// The optimiser.
    #[serde(default)]
    pub optimiser: OptimiserConfig,
    /// Steps between pictures.
    pub pictures_every: u64,
}

impl PhaseConfig {
    /// Learning rate of a step: warmup, stable, decay.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        let rise = (step + 1) as f64 / self.warmup.max(1) as f64;
        let left = self.steps.saturating_sub(step) as f64;
        let left = (left / (self.steps as f64 * self.decay).max(1.0)).min(1.0);
        let height = match self.decay_curve {
            DecayCurve::Linear => left,
            DecayCurve::Cosine => 0.5 * (1.0 - (std::f64::consts::PI * left).cos()),
        };
        let height = self.final_share + (1.0 - self.final_share) * height;
        self.learning_rate * rise.min(height)
    }

    /// What makes the phase impossible, as `field must be ..`.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.batch == 0 {
            Some("batch must be at least 1")
        } else if self.accumulate == 0 || !self.batch.is_multiple_of(self.accumulate) {
            Some("accumulate must divide batch")
        } else if self.clip_frames < 2 {
            Some("clip_frames must be at least 2")
        } else if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            Some("learning_rate must be above 0")
        } else if !(0.0..=1.0).contains(&self.decay) {
            Some("decay must be 0 to 1")
        } else if !(0.0..=1.0).contains(&self.final_share) {
            Some("final_share must be 0 to 1")
        } else {
            None
        }
    }
}

fn one() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_rate_rises_stays_and_falls() {
        let phase = PhaseConfig {
            steps: 100,
            batch: 1,
            accumulate: 1,
            clip_frames: 2,
            learning_rate: 2.0,
            warmup: 10,
            decay: 0.2,
            decay_curve: DecayCurve::Linear,
            final_share: 0.0,
            optimiser: OptimiserConfig::default(),
            pictures_every: 10,
        };
        assert!((phase.learning_rate_at(4) - 1.0).abs() < 1e-9);
        assert!((phase.learning_rate_at(50) - 2.0).abs() < 1e-9);
        assert!((phase.learning_rate_at(90) - 1.0).abs() < 1e-9);
        assert!(phase.learning_rate_at(99) > 0.0);
        let cosine = PhaseConfig {
            decay: 1.0,
            decay_curve: DecayCurve::Cosine,
            final_share: 0.1,
            ..phase
        };
        // Halfway between 2 and 0.2 after half of the steps; steeper there than at both ends.
        assert!((cosine.learning_rate_at(50) - 1.1).abs() < 1e-9);
        assert!((cosine.learning_rate_at(4) - 1.0).abs() < 1e-9);
        assert!(cosine.learning_rate_at(20) > 1.8 && cosine.learning_rate_at(80) < 0.4);
        assert!((cosine.learning_rate_at(100) - 0.2).abs() < 1e-9);
    }
}
