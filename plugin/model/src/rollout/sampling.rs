//! Sampling of the next frames of several worlds: the passes of the dynamics model, and what is led away from where actions are
//! guided.

use candle_core::{D, Device, Tensor};

use super::state::Rollout;
use crate::transformer::{StreamRow, Wanted};
use crate::{Error, UnmaskedFrame, WorldModel, unmask_frames};

/// A next frame that is predicted: that of a world under a row of the model's action embeddings.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    pub(super) world: usize,
    pub(super) action: u32,
}

pub(super) fn token_tensor(rows: &[&[u32]], device: &Device) -> Result<Tensor, Error> {
    let width = rows.first().map_or(0, |row| row.len());
    Ok(Tensor::from_vec(
        rows.concat(),
        (rows.len(), width),
        device,
    )?)
}

/// Embeddings `[R, D]` of rows of the model's action embeddings.
fn actions_tensor(model: &WorldModel, actions: &[u32]) -> Result<Tensor, Error> {
    let ids = Tensor::new(actions, model.device())?;
    Ok(model.action_embeddings().index_select(&ids, 0)?)
}

/// Adds the keys and values of the newest frames to the pasts.
pub(super) fn commit_newest(model: &WorldModel, rollouts: &mut [Rollout]) -> Result<(), Error> {
    first_pass(model, rollouts, &[], &[]).map(drop)
}

/// The pass that finishes the newest frame of each world and starts the next ones: hidden states `[R, N, D]` of the `R` branches, whose
/// worlds' tokens are `masked`.
pub(super) fn first_pass(
    model: &WorldModel,
    rollouts: &mut [Rollout],
    branches: &[Branch],
    masked: &[Vec<u32>],
) -> Result<Tensor, Error> {
    let clean = rollouts.iter().map(|r| r.tokens.as_slice());
    let masked = branches.iter().map(|it| masked[it.world].as_slice());
    let ids = token_tensor(&clean.chain(masked).collect::<Vec<_>>(), model.device())?;
    let led_here = rollouts.iter().map(|r| r.action);
    let led: Vec<_> = led_here
        .chain(branches.iter().map(|it| it.action))
        .collect();
    let finished = rollouts.iter().map(|r| StreamRow {
        time: r.time,
        cache: &r.past,
        after: None,
        wanted: Wanted::State,
    });
    let started = branches.iter().map(|it| StreamRow {
        time: rollouts[it.world].time + 1,
        cache: &rollouts[it.world].past,
        after: Some(it.world),
        wanted: Wanted::Output,
    });
    let rows: Vec<_> = finished.chain(started).collect();
    let (hidden, states) = model.dynamics().stream(
        model.token_embeddings(),
        &ids,
        &actions_tensor(model, &led)?,
        &rows,
    )?;
    for (rollout, state) in rollouts.iter_mut().zip(states) {
        rollout.past.push(state, model.dynamics().window());
    }
    Ok(hidden)
}

/// A pass over next frames that have been started: hidden states `[R, N, D]` of the `R` branches, whose worlds' tokens are `next`.
fn further_pass(
    model: &WorldModel,
    rollouts: &[Rollout],
    branches: &[Branch],
    next: &[Vec<u32>],
) -> Result<Tensor, Error> {
    let ids = branches.iter().map(|it| next[it.world].as_slice());
    let ids = token_tensor(&ids.collect::<Vec<_>>(), model.device())?;
    let actions: Vec<_> = branches.iter().map(|it| it.action).collect();
    let rows = branches.iter().map(|it| StreamRow {
        time: rollouts[it.world].time + 1,
        cache: &rollouts[it.world].past,
        after: None,
        wanted: Wanted::Output,
    });
    let embeddings = model.token_embeddings();
    let actions = actions_tensor(model, &actions)?;
    let rows: Vec<_> = rows.collect();
    Ok(model
        .dynamics()
        .stream(embeddings, &ids, &actions, &rows)?
        .0)
}

/// Hidden states `[.., D]` with a mean square of one.
fn unit(hidden: &Tensor) -> candle_core::Result<Tensor> {
    let square = (hidden.sqr()?.mean_keepdim(D::Minus1)? + 1e-6)?;
    hidden.broadcast_div(&square.sqrt()?)
}

/// Hidden states `[N, D]` under an action, led away from those `unknown` that go without it, as far as `guidance` says
/// (classifier-free guidance, Ho and Salimans 2022). They are what all stages of codes are predicted from, so that one step serves all
/// of them, and the norm before each head keeps confidence as it is.
fn guided(own: &Tensor, unknown: &Tensor, guidance: f32) -> candle_core::Result<Tensor> {
    let (own, unknown) = (unit(own)?, unit(unknown)?);
    let away = ((&own - unknown)? * f64::from(guidance))?;
    own + away
}

/// Hidden states `[B, N, D]` of the next frames of the worlds from those `[R, N, D]` of their branches: the worlds' own, then those
/// without an action of the worlds that are guided.
fn combined(
    hidden: Tensor,
    rollouts: &[Rollout],
    branches: &[Branch],
) -> candle_core::Result<Tensor> {
    let worlds = rollouts.len();
    if branches.len() == worlds {
        return Ok(hidden);
    }
    let mut frames = (0..worlds)
        .map(|world| hidden.get(world))
        .collect::<candle_core::Result<Vec<_>>>()?;
    for (row, branch) in branches.iter().enumerate().skip(worlds) {
        let guidance = rollouts[branch.world].guidance();
        frames[branch.world] = guided(&frames[branch.world], &hidden.get(row)?, guidance)?;
    }
    Tensor::stack(&frames, 0)
}

/// Samples the next frame's tokens of every world.
pub(super) fn sample_frames(
    model: &WorldModel,
    rollouts: &mut [Rollout],
    actions: &[usize],
) -> Result<(), Error> {
    let actions: Vec<u32> = actions.iter().map(|&a| a as u32).collect();
    let own = actions.iter().enumerate();
    let mut branches: Vec<_> = own
        .map(|(world, &action)| Branch { world, action })
        .collect();
    for (world, rollout) in rollouts.iter().enumerate() {
        if rollout.guidance() > 0.0 {
            let action = model.unknown_action();
            branches.push(Branch { world, action });
        }
    }
    let codes = model.config().tokenizer.quantizer.codes() as u32;
    let per_frame = model.config().codes_per_frame();
    let mut next = vec![vec![codes; per_frame]; rollouts.len()];
    let started = first_pass(model, rollouts, &branches, &next)?;
    let mut hidden = combined(started, rollouts, &branches)?;
    let samplers: Vec<_> = rollouts.iter().map(Rollout::own_sampler).collect();
    let most = samplers.iter().map(|it| it.steps).max().unwrap_or(1);
    for step in 0..most {
        if step > 0 {
            // All tokens may be decided already.
            if !next.iter().flatten().any(|&token| token == codes) {
                break;
            }
            let further = further_pass(model, rollouts, &branches, &next)?;
            hidden = combined(further, rollouts, &branches)?;
        }
        let frames = rollouts.iter_mut().zip(&samplers).zip(&mut next);
        let frames = frames.map(|((rollout, sampler), tokens)| UnmaskedFrame {
            sampler,
            before: &rollout.tokens,
            tokens,
            rng: &mut rollout.rng,
        });
        unmask_frames(model, &hidden, &mut frames.collect::<Vec<_>>(), step)?;
    }
    for ((rollout, tokens), action) in rollouts.iter_mut().zip(next).zip(actions) {
        rollout.time += 1;
        rollout.tokens = tokens;
        rollout.action = action;
    }
    Ok(())
}
