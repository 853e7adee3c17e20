//! Whether actions matter to the dynamics, where no true action is known: the loss on what changes under the inferred action and under
//! others.

use std::fmt::{Display, Formatter, Result as FmtResult};

use candle_core::{D, DType, Device};
use candle_nn::ops::log_softmax;
use genie_model::Rollout;
use serde::{Deserialize, Serialize};

use super::agreement::Inferred;
use super::course::Course;
use super::footage::LEAST_FRAMES;
use super::statistics::mean;
use super::{ActionUsage, EvaluateError, EvaluateOptions, Footage, WorldParts, standard_error};

/// Real frames that the world is shown before the transition.
const HISTORY: usize = 4;
const _: () = assert!(HISTORY < LEAST_FRAMES);

/// What the dynamics make of real transitions under their own and under other actions.
///
/// The world is shown four real frames. The next one is masked as a whole, and only tokens that change count. It says that actions
/// matter to the dynamics, not that they are the player's: codes that carry information about any other change have a large gap, too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Mean cross-entropy of a changed token under the inferred action, in nats.
    pub own_loss: f64,
    /// The same under the other actions in use, averaged.
    pub random_loss: f64,
    /// Their difference.
    pub gap: f64,
    /// Its standard error over transitions, each of another segment.
    pub gap_standard_error: f64,
    /// Share of the loss of not knowing the action (every token under the mixture of the actions in use) that the inferred action
    /// takes away.
    pub explained: f64,
    /// Its standard error over transitions.
    pub explained_standard_error: f64,
    /// Tokens that changed.
    pub changed_tokens: u64,
    /// Transitions in which any did.
    pub transitions: u64,
}

/// Losses of a transition, in nats a changed token.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Losses {
    own: f64,
    random: f64,
    mixture: f64,
    changed: usize,
}

/// Measures one transition of each segment; `None` where nothing changes or there is but one action.
pub(super) fn measure(
    parts: &WorldParts,
    footage: &Footage,
    inferred: &[Inferred],
    usage: &[ActionUsage],
    options: &EvaluateOptions,
    course: &Course<'_>,
) -> Result<Option<Health>, EvaluateError> {
    let in_use: Vec<&ActionUsage> = usage.iter().filter(|it| it.in_use).collect();
    let size = parts.frame_bytes();
    let mut all = Vec::new();
    for (number, (segment, inferred)) in footage.segments.iter().zip(inferred).enumerate() {
        course.within(number as f64 * 5.0)?;
        let frame = |at: usize| parts.frame(&segment.bytes[at * size..][..size]);
        let mut world = parts.world.prompt_with(
            &frame(0)?,
            options.seed,
            genie_model::Fit::default(),
            options.sampler.clone(),
        )?;
        for at in 1..HISTORY {
            world.observe(&frame(at)?, inferred.actions[at - 1])?;
        }
        let own = inferred.actions[HISTORY - 1];
        let mut after = world.clone();
        after.observe(&frame(HISTORY)?, own)?;
        let mut own_losses = None;
        let mut losses = Vec::with_capacity(in_use.len());
        for it in &in_use {
            let loss = token_losses(&world, it.action, after.tokens())?;
            if it.action == own {
                own_losses = Some(losses.len());
            }
            losses.push((it.usage, loss));
        }
        let changed = changed_tokens(world.tokens(), after.tokens(), parts);
        // An action that is hardly ever inferred is not among those in use.
        if let Some(own) = own_losses {
            all.extend(Losses::of(&losses, own, &changed));
        }
    }
    Ok(Health::of(&all))
}

/// Cross-entropy of each token of the next frame under an action, in nats: the sum over its codes, each given the earlier ones.
fn token_losses(world: &Rollout, action: usize, tokens: &[u32]) -> Result<Vec<f64>, EvaluateError> {
    let stages = world.next_logits_given(action, tokens)?;
    let mut losses = vec![0.0; tokens.len() / stages.len().max(1)];
    for (stage, logits) in stages.iter().enumerate() {
        let logits = logits.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        let rows = log_softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
        for (token, (loss, row)) in losses.iter_mut().zip(rows).enumerate() {
            *loss -= f64::from(row[tokens[token * stages.len() + stage] as usize]);
        }
    }
    Ok(losses)
}

/// Indices of the tokens of which any code changes.
fn changed_tokens(before: &[u32], after: &[u32], parts: &WorldParts) -> Vec<usize> {
    let stages = parts.world.dynamics().stages();
    let pairs = before.chunks(stages).zip(after.chunks(stages));
    let changed = pairs
        .enumerate()
        .filter(|(_, (before, after))| before != after);
    changed.map(|(token, _)| token).collect()
}

impl Losses {
    /// From the usage and the token losses of the actions in use, of which one is the own. `None` where nothing changes or there is no
    /// other action.
    fn of(losses: &[(f64, Vec<f64>)], own: usize, changed: &[usize]) -> Option<Self> {
        if changed.is_empty() || losses.len() < 2 {
            return None;
        }
        let count = changed.len() as f64;
        let of = |loss: &[f64]| changed.iter().map(|&token| loss[token]).sum::<f64>() / count;
        let others = losses.iter().enumerate().filter(|(index, _)| *index != own);
        let others: Vec<f64> = others.map(|(_, (_, loss))| of(loss)).collect();
        let whole: f64 = losses.iter().map(|(usage, _)| usage).sum();
        let mixture = changed.iter().map(|&token| {
            let shares = losses
                .iter()
                .map(|(usage, loss)| usage / whole * (-loss[token]).exp());
            -shares.sum::<f64>().max(f64::MIN_POSITIVE).ln()
        });
        Some(Self {
            own: of(&losses[own].1),
            random: mean(&others),
            mixture: mixture.sum::<f64>() / count,
            changed: changed.len(),
        })
    }
}

impl Health {
    fn of(all: &[Losses]) -> Option<Self> {
        if all.is_empty() {
            return None;
        }
        let values = |of: &dyn Fn(&Losses) -> f64| -> Vec<f64> { all.iter().map(of).collect() };
        let gaps = values(&|it| it.random - it.own);
        let (own, mixture) = (values(&|it| it.own), values(&|it| it.mixture));
        let without = mean(&mixture).max(1e-9);
        let explained = 1.0 - mean(&own) / without;
        // Of a ratio of means, by what each transition adds to it.
        let influence = values(&|it| ((1.0 - explained) * it.mixture - it.own) / without);
        Some(Self {
            own_loss: mean(&own),
            random_loss: mean(&values(&|it| it.random)),
            gap: mean(&gaps),
            gap_standard_error: standard_error(&gaps),
            explained,
            explained_standard_error: standard_error(&influence),
            changed_tokens: all.iter().map(|it| it.changed as u64).sum(),
            transitions: all.len() as u64,
        })
    }
}

impl Display for Health {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        writeln!(
            f,
            "\nloss on what changes   {:.2} nats a token under the inferred action, {:.2} under others (gap {:.2} ± {:.2}); \
             explained {:.2} ± {:.2}",
            self.own_loss,
            self.random_loss,
            self.gap,
            self.gap_standard_error,
            self.explained,
            self.explained_standard_error
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_tells_what_changes_explains_it() {
        // Two tokens, of which the second changes: certain under the own action, hopeless under the other.
        let losses = [(0.5, vec![9.0, 0.0]), (0.5, vec![0.0, 6.0])];
        let one = Losses::of(&losses, 0, &[1]).unwrap();
        assert!(one.own.abs() < 1e-12 && (one.random - 6.0).abs() < 1e-12);
        assert!((one.mixture - (2.0 / (1.0 + (-6.0_f64).exp())).ln()).abs() < 1e-9);
        let health = Health::of(&[one, one]).unwrap();
        assert!((health.gap - 6.0).abs() < 1e-12);
        assert!((health.explained - 1.0).abs() < 1e-9);
        assert!(health.gap_standard_error.abs() < 1e-12);
        assert_eq!((health.transitions, health.changed_tokens), (2, 2));

        // An action that makes no difference explains nothing.
        let same = [(0.3, vec![2.0]), (0.7, vec![2.0])];
        let health = Health::of(&[Losses::of(&same, 1, &[0]).unwrap()]).unwrap();
        assert!(health.gap.abs() < 1e-12 && health.explained.abs() < 1e-9);
        assert_eq!(Losses::of(&same, 1, &[]), None);
        assert_eq!(Losses::of(&same[..1], 0, &[0]), None);
        assert_eq!(Health::of(&[]), None);
    }
}
