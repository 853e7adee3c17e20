//! What a world's dynamics tell of the action that a transition shows: how likely they find the next frame under each.
//!
//! A found player is described by its displacement and its looks alone. The dynamics see everything: where it is, how fast it goes, what its
//! pose turns into, what appears beside it. So they part transitions that look alike in the description, once they have learnt what
//! most transitions with a code have in common.

use candle_core::{D, DType, Result, Tensor};
use genie_model::{Error, StreamRow, TransformerCache, Wanted, WorldModel};

/// Clips that go through the model together.
const CLIPS_AT_ONCE: usize = 8;

/// A clip as the tokens of its frames and the actions of its transitions.
#[derive(Debug, Clone)]
pub(crate) struct TokenClip {
    /// Codes, `T N Q` in order.
    pub(crate) tokens: Vec<u32>,
    /// What each transition is taken for, `T - 1` of them: the context of those after it.
    pub(crate) actions: Vec<usize>,
    /// What each transition may show.
    pub(crate) candidates: Vec<Vec<usize>>,
}

/// What is told of each transition of a clip: for each action the log-likelihood of the next frame, in nats; negative infinity for what is
/// no candidate.
pub(crate) type Told = Vec<Vec<f32>>;

/// A masked frame that is looked at under a candidate.
struct Branch {
    clip: usize,
    action: usize,
}

/// What the dynamics of a world tell of the transitions of clips. Each token of a frame counts by itself, given the frames before.
///
/// # Errors
/// A model that breaks down, or clips whose parts do not fit each other.
pub(crate) fn action_evidence(
    world: &WorldModel,
    clips: &[TokenClip],
) -> std::result::Result<Vec<Told>, Error> {
    let actions = world.action_count();
    let blank = |clip: &TokenClip| vec![vec![f32::NEG_INFINITY; actions]; clip.actions.len()];
    let mut told: Vec<Told> = clips.iter().map(blank).collect();
    let mut order: Vec<usize> = (0..clips.len()).collect();
    // Long ones first, so that those that end leave from the back.
    order.sort_by_key(|&clip| std::cmp::Reverse(clips[clip].actions.len()));
    for together in order.chunks(CLIPS_AT_ONCE) {
        let mut caches = vec![TransformerCache::default(); together.len()];
        let longest = clips[together[0]].actions.len();
        for time in 0..longest {
            let going = together
                .iter()
                .filter(|&&clip| clips[clip].actions.len() > time);
            let going = going.count();
            let branches: Vec<Branch> = (0..going)
                .flat_map(|at| {
                    let candidates = &clips[together[at]].candidates[time];
                    candidates
                        .iter()
                        .map(move |&action| Branch { clip: at, action })
                })
                .collect();
            let moment = Moment {
                world,
                clips: together[..going].iter().map(|&clip| &clips[clip]).collect(),
                time,
            };
            let likelihoods = moment.likelihoods(&mut caches, &branches)?;
            for (branch, likelihood) in branches.iter().zip(likelihoods) {
                let clip = &mut told[together[branch.clip]];
                clip[time][branch.action] = likelihood;
            }
        }
    }
    Ok(told)
}

/// The same frame of several clips.
struct Moment<'a> {
    world: &'a WorldModel,
    clips: Vec<&'a TokenClip>,
    time: usize,
}

impl Moment<'_> {
    /// Finishes the frame in the clips' caches; and the log-likelihood of the next one in each branch.
    fn likelihoods(
        &self,
        caches: &mut [TransformerCache],
        branches: &[Branch],
    ) -> std::result::Result<Vec<f32>, Error> {
        let (world, device) = (self.world, self.world.device());
        let codes = world.config().codes_per_frame();
        let masked = world.config().tokenizer.quantizer.codes() as u32;
        let frame = |clip: usize, time: usize| &self.clips[clip].tokens[time * codes..][..codes];
        let (clean, rows) = (self.clips.len(), self.clips.len() + branches.len());
        let mut ids = Vec::with_capacity(rows * codes);
        for clip in 0..clean {
            ids.extend_from_slice(frame(clip, self.time));
        }
        ids.resize(rows * codes, masked);
        let ids = Tensor::from_vec(ids, (rows, codes), device)?;
        let led = self.led(branches)?;
        let finished = (0..clean).map(|clip| StreamRow {
            time: self.time as u64,
            cache: &caches[clip],
            after: None,
            wanted: Wanted::State,
        });
        let started = branches.iter().map(|it| StreamRow {
            time: self.time as u64 + 1,
            cache: &caches[it.clip],
            after: Some(it.clip),
            wanted: Wanted::Output,
        });
        let stream: Vec<_> = finished.chain(started).collect();
        let dynamics = world.dynamics();
        let (hidden, states) = dynamics.stream(world.token_embeddings(), &ids, &led, &stream)?;
        for (cache, state) in caches.iter_mut().zip(states) {
            cache.push(state, dynamics.window());
        }
        let next: Vec<u32> = (branches.iter())
            .flat_map(|it| frame(it.clip, self.time + 1))
            .copied()
            .collect();
        let stages = dynamics.stages();
        let next = Tensor::from_vec(next, (branches.len() * codes / stages, stages), device)?;
        let logits =
            dynamics.logits_given(&hidden.flatten_to(1)?, world.token_embeddings(), &next)?;
        Ok(log_likelihoods(&logits, &next, branches.len())?)
    }

    /// Embeddings `[R, D]` of the actions that led to the frame in each clip, and of those of the branches.
    fn led(&self, branches: &[Branch]) -> Result<Tensor> {
        let start = self.world.action_count();
        let here = self.clips.iter().map(|clip| match self.time {
            0 => start,
            time => clip.actions[time - 1],
        });
        let rows: Vec<u32> = here
            .chain(branches.iter().map(|it| it.action))
            .map(|row| row as u32)
            .collect();
        let count = rows.len();
        let rows = Tensor::from_vec(rows, count, self.world.device())?;
        self.world.action_embeddings().index_select(&rows, 0)
    }
}

/// Log-likelihoods of frames from logits `[R N, V]` of each stage and the codes `[R N, Q]` that come.
fn log_likelihoods(logits: &[Tensor], codes: &Tensor, frames: usize) -> Result<Vec<f32>> {
    let mut sum = Tensor::zeros(frames, DType::F32, codes.device())?;
    for (stage, logits) in logits.iter().enumerate() {
        let logits = logits.to_dtype(DType::F32)?;
        let code = codes.narrow(1, stage, 1)?.contiguous()?;
        let own = logits.gather(&code, D::Minus1)?.squeeze(1)?;
        let likelihood = (own - logits.log_sum_exp(D::Minus1)?)?;
        sum = (sum + likelihood.reshape((frames, ()))?.sum(1)?)?;
    }
    sum.to_vec1()
}
