//! Found actions read anew, once the dynamics have learnt what they do: by what is seen of the player, and by how likely the dynamics find
//! each transition under each action.
//!
//! A round of expectation maximisation of the whole model: so far the codes taught the dynamics, here the dynamics teach the codes, and then
//! the codes teach them once more. What nothing but the dynamics sees, such as speed below a pixel, a pose or a wall, tells of the codes from
//! then on, in training and wherever the world's actions are inferred.

use candle_core::Device;
use genie_model::WorldModel;

use super::export::checkpoint;
use super::state::DynamicsPhase;
use crate::actions::{
    AnchoredAgent, DescribedClip, SomeClips, TokenClip, Told, Trust, action_evidence,
};
use crate::train::error::TrainError;

/// Transitions whose clips are held at once, about.
const TRANSITIONS_AT_ONCE: usize = 8192;

impl DynamicsPhase<'_> {
    /// Reads the found actions anew, if it is time after so many steps: the share of them that is new. All ranks together.
    pub(super) fn revise_actions(&mut self, step: u64) -> Result<Option<f64>, TrainError> {
        let config = &self.config;
        let from = (config.actions_revised_at * config.dynamics.steps as f64) as u64;
        let Some(found) = self.found.as_ref().filter(|_| from > 0 && step >= from) else {
            return Ok(None);
        };
        let Some(agent) = found.agent_to_revise()? else {
            return Ok(None);
        };
        tracing::info!("reading the actions anew, by what the dynamics tell of them");
        let mut tensors = self.frozen.clone();
        tensors.extend(self.variables.shared());
        let world = checkpoint(
            config,
            tensors,
            None,
            None,
            self.dataset.total_frames(),
            step,
        )?;
        // Row by row, as play goes, which processors are quick at: on a graphics processor each row waits for many small operations.
        let world = WorldModel::new(world, &Device::Cpu)?;
        let ranks = self.batches.ranks.clone();
        let clips = self.dataset.clip_count();
        let own: Vec<usize> = (ranks.rank()..clips).step_by(ranks.count()).collect();
        let (mut described, mut told) = (Vec::new(), Vec::new());
        for clips in self.parts_of(&own) {
            let (more, more_told) = self.asked(&agent, &world, clips)?;
            described.extend(more);
            told.extend(more_told);
        }
        let trust = agent.revise_all(&mut described, &told, &own, &|values| {
            ranks.sum_wide(values);
        });
        tracing::debug!("{trust:?}");
        let read: Vec<u32> = (described.iter())
            .flat_map(DescribedClip::codes)
            .map(|code| code as u32)
            .collect();
        let mut all = ranks.gather_numbers(&read).into_iter();
        let mut codes = vec![Vec::new(); clips];
        // The ranks one after the other, each with its clips in order.
        for clip in (0..ranks.count()).flat_map(|rank| (rank..clips).step_by(ranks.count())) {
            let transitions = self.dataset.clip_len(clip).saturating_sub(1);
            codes[clip] = all
                .by_ref()
                .take(transitions)
                .map(|code| code as u16)
                .collect();
        }
        let Some(found) = &mut self.found else {
            return Ok(None);
        };
        let new = found.revise(step, codes);
        if ranks.writes() {
            found.keep()?;
        }
        tracing::info!(
            "{:.0} % of the transitions show another action",
            100.0 * new
        );
        Ok(Some(new))
    }

    /// Some clips in parts that are held at once.
    fn parts_of<'c>(&self, clips: &'c [usize]) -> Vec<&'c [usize]> {
        let (mut parts, mut first, mut held) = (Vec::new(), 0, 0);
        for (at, &clip) in clips.iter().enumerate() {
            held += self.dataset.clip_len(clip);
            if held >= TRANSITIONS_AT_ONCE || at + 1 == clips.len() {
                parts.push(&clips[first..=at]);
                (first, held) = (at + 1, 0);
            }
        }
        parts
    }

    /// What is seen of the player in some clips, and what the dynamics tell of its actions.
    fn asked(
        &self,
        agent: &AnchoredAgent,
        world: &WorldModel,
        clips: &[usize],
    ) -> Result<(Vec<DescribedClip>, Vec<Told>), TrainError> {
        let source = SomeClips::new(self.dataset, clips.to_vec());
        let described = agent.describe(&source)?;
        let (tokenising, kept) = (self.tokenising(), self.tokens.kept());
        let mut token_clips = Vec::with_capacity(clips.len());
        for (&clip, described) in clips.iter().zip(&described) {
            let mut tokens = Vec::new();
            let whole = (clip, 0, self.dataset.clip_len(clip));
            match &kept {
                Some(kept) => kept.read(self.dataset, whole, &mut tokens)?,
                None => tokenising.clip(clip, |codes| {
                    tokens.extend_from_slice(codes);
                    Ok::<_, TrainError>(())
                })?,
            }
            token_clips.push(TokenClip {
                tokens,
                actions: described.codes(),
                candidates: agent.candidates(described, Trust::goes_by(clip)),
            });
        }
        let told = action_evidence(world, &token_clips)?;
        Ok((described, told))
    }
}
