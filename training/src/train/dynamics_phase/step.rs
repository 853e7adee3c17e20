//! One optimiser step of the second phase.

use std::collections::BTreeMap;

use candle_core::{D, Tensor};
use rand_chacha::ChaCha8Rng;

use super::batch::Batch;
use super::draws::StepDraws;
use super::relabelling::{Impossible, all_motions};
use super::shown_actions::ShownActions;
use super::state::DynamicsPhase;
use crate::train::action_effect::TransitionMotion;
use crate::train::codebook::CodeStatistics;
use crate::train::error::TrainError;
use crate::train::optimiser::Gradients;
use crate::train::pass_figures::PassFigures;

/// Steps between revivals of unused actions.
const REVIVE_EVERY: u64 = 20;
/// Steps between comparisons of the true action with a random one.
pub(in crate::train) const COMPARE_EVERY: u64 = 20;

/// The actions that the transitions of a step show, on all ranks.
struct StepActions {
    /// Their numbers, in the order of passes and clips.
    assigned: Vec<u32>,
    /// How the picture moves in each transition; nothing if that is not known or not needed.
    motions: Vec<TransitionMotion>,
    /// What the only pass of a step shows, with its graph.
    held: Option<ShownActions>,
}

impl DynamicsPhase<'_> {
    /// One optimiser step, as [`Phase::step`](crate::train::phase::Phase::step) describes it.
    pub(super) fn take_step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError> {
        let revised = self.revise_actions(step)?;
        let passes = self.batches.passes;
        let (own, ranks) = (self.batches.own_passes.clone(), self.batches.ranks.clone());
        let batches = own.clone().map(|pass| self.batch((step, pass)));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let tokens = batches.iter().map(|batch| batch.tokens.as_slice());
        let tokens = ranks.gather_numbers(&tokens.collect::<Vec<_>>().concat());
        let StepActions {
            assigned,
            motions,
            mut held,
        } = self.step_actions(step, &batches)?;
        let mut figures = BTreeMap::new();
        figures.extend(revised.map(|share| ("actions_revised".to_owned(), share)));
        let impossible =
            self.impossible_actions(step, &tokens, &assigned, motions, &mut figures)?;
        let transitions = (assigned.len(), impossible.as_deref());
        let draws = StepDraws::new(&self.config, step, &tokens, transitions, rng);

        let mut gradients = Gradients::default();
        let mut whole = PassFigures::default();
        let (mut points, mut actions, mut last) = (Vec::new(), Vec::new(), None);
        for (pass, batch) in own.clone().zip(&batches) {
            let shown = match held.take() {
                Some(shown) => shown,
                None => self.shown_actions(batch, (step, pass))?,
            };
            let losses = self.losses(batch, &shown, (&draws, pass), self.codebook.codes())?;
            let of = |graph: &_| self.optimiser.gradients(graph);
            gradients = gradients.plus(self.scale.gradients(&losses.total, of)?)?;
            whole.add([&losses.total, &losses.cross_entropy, &losses.pixels])?;
            if let Some(encoded) = shown.encoded.as_ref().filter(|it| !it.frozen) {
                points.push(encoded.points.detach().flatten_to(D::Minus2)?);
                actions.push(encoded.actions.actions.flatten_all()?);
            }
            last = Some((losses.predicted, shown.encoded.is_some()));
        }
        let moved = if points.is_empty() {
            None
        } else {
            let (points, actions) = (Tensor::cat(&points, 0)?, Tensor::cat(&actions, 0)?);
            let statistics = CodeStatistics::of(&points, &actions, self.codebook.height())?;
            let statistics = statistics.summed(&*ranks)?;
            Some((self.codebook.followed(&statistics)?, points))
        };
        let used = moved.as_ref().map_or(&self.codebook, |it| &it.0).used()?;
        let (mut wholes, mut used) = whole.sums(Some(&used))?;
        ranks.sum_wide(&mut wholes);
        let [whole_loss, whole_cross_entropy, whole_pixels] = wholes;
        let gradients = gradients.summed(&*ranks)?;
        let rate = self.config.dynamics.learning_rate_at(step);
        let norm = if whole_loss.is_finite() {
            self.optimiser.descend(&gradients, rate)?
        } else {
            f64::NAN
        };
        drop(gradients);

        if let Some((mut codebook, points)) = moved.filter(|_| norm.is_finite()) {
            if step % REVIVE_EVERY == REVIVE_EVERY - 1 {
                let points = ranks.gather(&points.flatten_all()?.to_vec1::<f32>()?);
                let revived = codebook.revive(&[points], 0.1, 0.05, rng)?;
                figures.insert("revived".to_owned(), revived as f64);
                used = Some(f64::from(codebook.used()?.to_scalar::<f32>()?));
            }
            self.codebook = codebook;
            self.publish_codebook()?;
        }

        figures.insert("loss".to_owned(), whole_loss);
        figures.insert("cross_entropy".to_owned(), whole_cross_entropy);
        figures.insert("gradient_norm".to_owned(), norm);
        figures.extend(self.scale.figures(whole_loss, norm));
        let relabelled = draws.labels.iter().flatten().count() as f64 / assigned.len() as f64;
        figures.insert("actions_relabelled".to_owned(), relabelled);
        if let Some((predicted, encoded)) = last {
            if encoded {
                figures.extend(used.map(|used| ("actions_used".to_owned(), used)));
            }
            if encoded && self.networks.latent.has_decoder() {
                figures.insert("pixel_mse".to_owned(), whole_pixels);
            }
            if step.is_multiple_of(COMPARE_EVERY) && norm.is_finite() {
                let transitions = assigned.len() / passes;
                let assigned = &assigned[(own.end - 1) * transitions..][..transitions];
                figures.extend(self.compare_actions(&predicted, assigned, rng)?);
            }
        }
        Ok(figures)
    }

    /// The actions that a step shows. With several passes they are made again in each: a graph of all has no room.
    fn step_actions(&self, step: u64, batches: &[Batch]) -> Result<StepActions, TrainError> {
        let (passes, ranks) = (self.batches.passes, &*self.batches.ranks);
        let (mut assigned, mut motions, mut held) = (Vec::new(), Vec::new(), None);
        for (pass, batch) in self.batches.own_passes.clone().zip(batches) {
            let shown = self.shown_actions(batch, (step, pass))?;
            assigned.extend_from_slice(&shown.assigned);
            if self.impossible.is_some() {
                motions.extend(self.motions(batch, &shown, (step, pass))?);
            }
            held = (passes == 1).then_some(shown);
        }
        Ok(StepActions {
            assigned: ranks.gather_numbers(&assigned),
            motions: all_motions(ranks, &motions),
            held,
        })
    }

    /// The impossible actions with which the transitions of a step, with these `tokens`, may be relabelled; nothing if the
    /// configuration does not ask for relabelling.
    fn impossible_actions(
        &mut self,
        step: u64,
        tokens: &[u32],
        assigned: &[u32],
        motions: Vec<TransitionMotion>,
        figures: &mut BTreeMap<String, f64>,
    ) -> Result<Option<Vec<Impossible>>, TrainError> {
        let (_, frames, tokens_of_frame) = self.shape();
        let Some(impossible) = &mut self.impossible else {
            return Ok(None);
        };
        if motions.len() != assigned.len() {
            return Ok(None);
        }
        let clips = tokens.len() / (frames * tokens_of_frame);
        let shape = (clips, frames, tokens_of_frame);
        let tokens = Tensor::from_slice(tokens, shape, &self.device)?;
        let codes = self.networks.tokenizer.quantizer().codes(&tokens)?;
        let rate = self.config.dynamics.learning_rate_at(step);
        let (alike, loss) = impossible.learn(&codes, assigned, motions, rate)?;
        figures.insert("action_prior".to_owned(), f64::from(loss));
        Ok(Some(alike))
    }
}
