//! A training that goes on from a finished world: on more footage, for more steps, or on actions that are found anew.

use std::path::Path;

use candle_core::Tensor;
use genie_model::checkpoint::Checkpoint;

use super::config::TrainConfig;
use super::error::TrainError;
use super::run_folder::RunFolder;
use super::variables::Variables;

/// Weights that only training needs, which finished worlds are without: they start as those of a new world.
const TRAINING_ONLY: &str = "latent_actions.decoder.";

impl TrainConfig {
    /// The configuration as the run in the folder `run` has it, where it [starts from a world](Self::start_from): with the sizes and the tokenizer of
    /// that world. Without one it stays as it is.
    ///
    /// # Errors
    /// A world that cannot be read.
    pub fn started(&self, run: &Path) -> Result<Self, TrainError> {
        let mut config = self.clone();
        let Some(world) = self.start_world(run)? else {
            return Ok(config);
        };
        let decoder = config.model.latent_actions.decoder.take();
        let input = config.model.latent_actions.input;
        config.model = world;
        if input == config.model.latent_actions.input {
            config.model.latent_actions.decoder = decoder;
        }
        // The dynamics know the tokens of this tokenizer.
        config.tokenizer.steps = 0;
        config.choose_stages = None;
        Ok(config)
    }

    /// The model of the world that a run starts from, or started from.
    fn start_world(&self, run: &Path) -> Result<Option<genie_model::GenieConfig>, TrainError> {
        let Some(world) = &self.start_from else {
            return Ok(None);
        };
        // What a run has taken up it keeps, wherever the world is now.
        match RunFolder::config_of(run)? {
            Some(begun) if begun.start_from == self.start_from => Ok(Some(begun.model)),
            _ => Ok(Some(Checkpoint::read(world)?.config)),
        }
    }
}

/// Takes up the weights of a world.
///
/// # Errors
/// A world without one of them, or with one of another size.
pub(super) fn take_up(variables: &Variables, world: &Checkpoint) -> candle_core::Result<()> {
    for (name, _) in variables.all() {
        match world.tensors.get(&name) {
            Some(value) => variables.set(&name, value)?,
            None if name.starts_with(TRAINING_ONLY) => {}
            None => candle_core::bail!("the world to start from has no {name}"),
        }
    }
    Ok(())
}

/// Codes `[A, C]` for actions that were found anew: each has the code of the action whose place it takes.
pub(super) fn codes_in_place(codes: &Tensor, places: &[usize]) -> candle_core::Result<Tensor> {
    let rows: Vec<u32> = places.iter().map(|&row| row as u32).collect();
    let rows = Tensor::from_vec(rows, places.len(), codes.device())?;
    codes.index_select(&rows, 0)
}

/// For each of so many new actions the former one whose place it takes, each of them once: pairs that are most often seen in the same
/// transition first.
pub(super) fn places(former: &[Vec<u16>], new: &[Vec<u16>], actions: usize) -> Vec<usize> {
    let mut together = vec![0_u64; actions * actions];
    for (&former, &new) in former.iter().flatten().zip(new.iter().flatten()) {
        together[usize::from(new) * actions + usize::from(former)] += 1;
    }
    let mut pairs: Vec<(usize, usize)> = (0..actions)
        .flat_map(|new| (0..actions).map(move |former| (new, former)))
        .collect();
    pairs.sort_by_key(|&(new, former)| std::cmp::Reverse(together[new * actions + former]));
    let (mut places, mut taken) = (vec![None; actions], vec![false; actions]);
    for (new, former) in pairs {
        if places[new].is_none() && !taken[former] {
            places[new] = Some(former);
            taken[former] = true;
        }
    }
    // As many places as actions: each has one.
    places.into_iter().flatten().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn new_actions_take_the_places_of_those_they_are_seen_with() {
        // 0 is mostly what 2 was, 1 what 0 was; 2 was nothing of its own and takes what is left.
        let former = [vec![2, 2, 2, 0, 0], vec![0, 1, 2]];
        let new = [vec![0, 0, 0, 1, 1], vec![2, 2, 2]];
        assert_eq!(places(&former, &new, 3), [2, 0, 1]);
        assert_eq!(places(&[], &[], 2), [0, 1]);
        let codes = Tensor::new(&[[1f32, 0.0], [0.0, 2.0], [3.0, 3.0]], &Device::Cpu).unwrap();
        let codes = codes_in_place(&codes, &[2, 0, 1]).unwrap();
        assert_eq!(
            codes.to_vec2::<f32>().unwrap(),
            [[3.0, 3.0], [1.0, 0.0], [0.0, 2.0]]
        );
    }
}
