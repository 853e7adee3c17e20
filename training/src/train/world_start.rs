//! A training that goes on from a finished world: on more footage, for more steps, or on actions that are found anew.

use std::path::Path;

use candle_core::Tensor;
use genie_model::checkpoint::Checkpoint;
use genie_model::{ActionLabel, LatentActionInput, atomic_file};

use super::config::{ActionCount, TrainConfig};
use super::error::TrainError;
use super::run_folder::RunFolder;
use super::variables::Variables;

/// Weights that only training needs, which finished worlds are without: they start as those of a new world.
const TRAINING_ONLY: &str = "latent_actions.decoder.";

impl TrainConfig {
    /// The configuration as the run in the folder `run` has it, where it [starts from a world](Self::start_from): with the sizes and the tokenizer of
    /// that world. Without one it stays as it is. A run that has begun goes on from the copy in its folder, wherever the world is now.
    ///
    /// # Errors
    /// A world that cannot be read or whose actions cannot be found anew, or another one than the run has begun with.
    pub fn with_start_world(&self, run: &Path) -> Result<Self, TrainError> {
        let mut config = self.clone();
        let begun = RunFolder::config_of(run)?;
        let world = match begun {
            Some(begun) => {
                let Some(of_run) = begun.start_from else {
                    return Ok(config);
                };
                self.refuse_another_world(run, &of_run)?;
                (config.start_from, config.new_actions) = (Some(of_run), begun.new_actions);
                begun.model
            }
            None => match &self.start_from {
                Some(path) => self.checked_start_world(path)?.config,
                None => return Ok(config),
            },
        };
        let decoder = config.model.latent_actions.decoder.take();
        let input = config.model.latent_actions.input;
        config.model = world;
        if input == config.model.latent_actions.input {
            config.model.latent_actions.decoder = decoder;
        }
        config.action_count = ActionCount::Model;
        // The dynamics know the tokens of this tokenizer.
        config.tokenizer.steps = 0;
        config.choose_stages = None;
        Ok(config)
    }

    fn checked_start_world(&self, path: &Path) -> Result<Checkpoint, TrainError> {
        let world = Checkpoint::read(path)?;
        let found = world.config.latent_actions.input == LatentActionInput::Agent;
        let problem = match (found, &world.agent) {
            (true, None) => {
                Some("expected the player that its actions were found by, and it has none")
            }
            (false, _) if self.new_actions => Some(
                "expected a world whose actions were found in footage, as new_actions finds them, and its actions are seen by an encoder",
            ),
            _ => None,
        };
        match problem {
            Some(reason) => Err(TrainError::Config {
                path: path.to_owned(),
                reason: reason.to_owned(),
            }),
            None => Ok(world),
        }
    }

    /// Refuses a world that is there and is another one than the run has begun with.
    fn refuse_another_world(&self, run: &Path, of_run: &Path) -> Result<(), TrainError> {
        let Some(given) = &self.start_from else {
            return Ok(());
        };
        let Ok(bytes) = std::fs::read(given) else {
            return Ok(());
        };
        let copy = RunFolder::start_of(run);
        let begun_with = std::fs::read(&copy).map_err(|error| TrainError::io(&copy, error))?;
        if bytes == begun_with {
            return Ok(());
        }
        Err(TrainError::OtherConfig {
            path: run.join("config.toml"),
            differences: format!(
                "start_from is {} in the run and {} now",
                of_run.display(),
                given.display()
            ),
        })
    }
}

/// Copies the world that a run starts from into its folder, unless the run has begun.
///
/// # Errors
/// A file that cannot be read or written.
pub(super) fn keep_start_world(config: &TrainConfig, run: &Path) -> Result<(), TrainError> {
    let Some(world) = config
        .start_from
        .as_ref()
        .filter(|_| !RunFolder::is_begun(run))
    else {
        return Ok(());
    };
    let bytes = std::fs::read(world).map_err(|error| TrainError::io(world, error))?;
    let copy = RunFolder::start_of(run);
    std::fs::create_dir_all(run).map_err(|error| TrainError::io(run, error))?;
    atomic_file::write(&copy, &bytes).map_err(|error| TrainError::io(&copy, error))
}

/// Refuses actions that the footage says where they are others than those of the world: each would be trained into another one's place.
///
/// # Errors
/// [`TrainError::Footage`] with both.
pub(super) fn refuse_other_keys(given: &[ActionLabel], run: &Path) -> Result<(), TrainError> {
    let world = Checkpoint::read(RunFolder::start_of(run))?;
    let names = |labels: &[ActionLabel]| -> Vec<String> {
        labels.iter().map(|label| label.name.clone()).collect()
    };
    let (given, wanted) = (names(given), names(&world.actions));
    if given == wanted {
        return Ok(());
    }
    Err(TrainError::Footage {
        found: format!("of the actions {}", given.join(", ")),
        wanted: format!(
            "those of the world that it goes on from: {}",
            wanted.join(", ")
        ),
    })
}

/// Copies the weights of a world.
///
/// # Errors
/// A world without one of them, or with one of another size.
pub(super) fn copy_weights(variables: &Variables, world: &Checkpoint) -> candle_core::Result<()> {
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
pub(super) fn former_of_new(former: &[Vec<u16>], new: &[Vec<u16>], actions: usize) -> Vec<usize> {
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
        assert_eq!(former_of_new(&former, &new, 3), [2, 0, 1]);
        assert_eq!(former_of_new(&[], &[], 2), [0, 1]);
        let codes = Tensor::new(&[[1f32, 0.0], [0.0, 2.0], [3.0, 3.0]], &Device::Cpu).unwrap();
        let codes = codes_in_place(&codes, &[2, 0, 1]).unwrap();
        assert_eq!(
            codes.to_vec2::<f32>().unwrap(),
            [[3.0, 3.0], [1.0, 0.0], [0.0, 2.0]]
        );
    }
}
