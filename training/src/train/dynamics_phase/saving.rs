//! What the second phase saves: its state, to go on from, and the world as it is.

use genie_model::checkpoint::{Checkpoint, WeightFormat};

use super::export::checkpoint;
use super::relabelling::ImpossibleActions;
use super::state::DynamicsPhase;
use crate::train::error::TrainError;
use crate::train::found_actions::FoundActions;
use crate::train::run_folder::RunFolder;
use crate::train::saved_state::{Part, SavedTensors, parts};

impl DynamicsPhase<'_> {
    /// All that a run needs to go on from here, where it lies.
    pub(super) fn parts(&self) -> Result<Vec<(String, Part<'_>)>, TrainError> {
        let mut all = self.variables.parts();
        all.extend(self.optimiser.parts()?);
        all.extend(parts(self.scale.state()?));
        all.extend(parts(self.codebook.state()?));
        if let Some(impossible) = &self.impossible {
            all.extend(parts(impossible.state()?));
        }
        Ok(all)
    }

    /// Goes back to a state that was saved after so many steps.
    pub(super) fn restore(
        &mut self,
        state: &dyn SavedTensors,
        step: u64,
    ) -> Result<(), TrainError> {
        self.variables.restore(state)?;
        self.optimiser.restore(state, step)?;
        self.scale.restore(state)?;
        self.codebook.restore(state)?;
        if let Some(impossible) = &mut self.impossible
            && let Err(error) = impossible.restore(state, step)
        {
            // It is learnt beside the dynamics and soon known again: no reason to lose a training that an earlier version began.
            let error = error.to_string();
            tracing::warn!(
                "what was learnt of impossible actions is of another form and is learnt anew: {}",
                error.lines().next().unwrap_or_default()
            );
            *impossible = ImpossibleActions::new(&self.config, &self.device)?;
        }
        Ok(())
    }

    /// The world as it is now, with unnamed actions. It shares weights that the next step changes.
    pub(super) fn checkpoint(&self, step: u64) -> Result<Checkpoint, TrainError> {
        let mut tensors = self.frozen.clone();
        tensors.extend(self.variables.shared());
        let frames = self.dataset.total_frames();
        let adjacency = self.tokens.adjacency(&self.tokenising())?;
        let agent = self.found.as_ref().and_then(FoundActions::agent);
        let agent = agent.map(<[u8]>::to_vec);
        let config = &self.config;
        Ok(checkpoint(config, tensors, adjacency, agent, frames, step)?)
    }

    /// Writes the world as it is now, with the labels of its actions where they are known.
    pub(in crate::train) fn save_world(
        &self,
        folder: &RunFolder,
        step: u64,
    ) -> Result<(), TrainError> {
        let mut world = self.checkpoint(step)?;
        if let Some(labels) = folder.labels()
            && labels.len() == world.actions.len()
        {
            world.actions = labels;
        } else if let Some(labels) = self.found.as_ref().and_then(FoundActions::labels) {
            world.actions = labels.to_vec();
        } else if self.config.start_from.is_some()
            && !self.config.new_actions
            && let Some(labels) = folder.start_labels()
        {
            world.actions = labels;
        }
        Ok(world.write(folder.world(), WeightFormat::F16)?)
    }
}
