//! How much predictions depend on the action.

use candle_core::Tensor;
use genie_model::ops;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::losses::PredictedPass;
use super::state::DynamicsPhase;
use crate::train::error::TrainError;

impl DynamicsPhase<'_> {
    /// How well changed tokens are predicted under their own actions and under random ones, and how often each action is
    /// used.
    pub(super) fn compare_actions(
        &self,
        own: &PredictedPass,
        assigned: &[u32],
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<(String, f64)>, TrainError> {
        let PredictedPass {
            masking,
            context,
            logits,
        } = own;
        let (batch, frames, _) = self.shape();
        let own = masking.hard_accuracy(logits)?;
        let actions = self.config.model.latent_actions.actions;
        let random: Vec<u32> = (0..assigned.len())
            .map(|_| rng.random_range(0..actions as u32))
            .collect();
        let random = Tensor::from_vec(random, (batch, frames - 1), &self.device)?;
        let codes = ops::gather_rows(self.codebook.codes(), &random)?;
        let networks = &self.networks;
        let predicted = networks.predict(masking, context.as_ref(), self.shape(), &codes)?;
        let random = masking.hard_accuracy(&networks.first_logits(&predicted)?)?;
        let mut figures = vec![
            ("changed_right".to_owned(), own),
            ("changed_right_random".to_owned(), random),
        ];
        for action in 0..actions {
            let count = assigned.iter().filter(|&&a| a as usize == action).count();
            let share = count as f64 / assigned.len() as f64;
            figures.push((format!("usage_{action}"), share));
        }
        Ok(figures)
    }
}
