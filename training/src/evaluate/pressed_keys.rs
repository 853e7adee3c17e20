//! Which keys each latent action belongs to, by a few transitions in which it is known what was pressed.

use genie_model::ActionLabel;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::action_table::ActionTable;
use super::footage::check_size;
use super::known_actions::KnownClips;
use super::known_transitions::first_known_transitions;
use super::{EvaluateError, WorldParts};
use crate::dataset::{Dataset, DatasetError, TrueActions, key_label, key_names};

/// How many standard deviations more often than usual keys must have been pressed under an action that they belong to. Keys are held for
/// some frames, so that transitions are not independent: four deviations of independent ones are about two of these.
const CLEAR: f64 = 4.0;

/// What was pressed most remarkably in the transitions of a latent action.
#[derive(Clone, Debug, PartialEq)]
pub struct PressedKeys {
    /// Number of the true action.
    pub action: usize,
    /// Its name and keys, where the dataset says them; nothing pressed is "idle".
    pub label: Option<ActionLabel>,
    /// Share of the action's labelled transitions in which they were pressed.
    pub share: f64,
    /// Share of all labelled transitions in which they were.
    pub usual: f64,
    /// Labelled transitions of the action.
    pub transitions: u64,
}

impl PressedKeys {
    /// What to call it.
    pub fn name(&self) -> String {
        let label = self.label.as_ref().map(|label| label.name.clone());
        label.unwrap_or_else(|| format!("true action {}", self.action))
    }

    /// Whether they were pressed so much more often than usual that it is no chance.
    pub fn is_clear(&self) -> bool {
        let deviation = (self.usual * (1.0 - self.usual) / self.transitions.max(1) as f64).sqrt();
        self.share - self.usual > CLEAR * deviation
    }
}

/// What was pressed in a dataset.
///
/// # Errors
/// A dataset that does not say so, or a damaged file of true actions.
pub fn pressed_actions(dataset: &Dataset) -> Result<TrueActions, EvaluateError> {
    Ok(TrueActions::of(dataset)?.ok_or_else(|| {
        DatasetError::Request(format!(
            "{}: nothing says what was pressed in this footage: import it again with a file actions.csv beside some of its pictures, or \
             film.actions.csv beside some film.mp4",
            dataset.folder().display()
        ))
    })?)
}

/// What the latent actions of a world belong to, by a share of a dataset's transitions, in clips that are drawn by `seed` from those whose
/// true actions are known; `None` for an action that they hardly show.
///
/// # Errors
/// A share that is not above 0 and at most 1, a dataset without true actions, or footage that does not fit the world.
pub fn pressed_keys(
    parts: &WorldParts,
    dataset: &Dataset,
    share: f64,
    seed: u64,
) -> Result<Vec<Option<PressedKeys>>, EvaluateError> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(DatasetError::Request(format!(
            "a share of the transitions must be above 0 and at most 100 %, not {} %",
            100.0 * share
        ))
        .into());
    }
    check_size(parts, dataset)?;
    let truth = pressed_actions(dataset)?;
    let mut clips: Vec<usize> = (0..dataset.clip_count()).collect();
    clips.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let count = |&clip: &usize| dataset.clip_len(clip).saturating_sub(1);
    let all: usize = clips.iter().map(count).sum();
    clips.retain(|&clip| truth.is_known(clip));
    let most = (share * all as f64).ceil() as usize;
    let known = KnownClips {
        dataset,
        clips,
        actions: &truth,
    };
    let transitions = first_known_transitions(parts, &known.up_to(most), most)?;
    let actions = transitions.iter().map(|it| 1 + usize::from(it.truth)).max();
    let latent_actions = parts.world.action_count();
    let table = ActionTable::new(&transitions, latent_actions, actions.unwrap_or(0));
    let names = key_names(dataset.folder());
    Ok((0..latent_actions)
        .map(|latent| {
            let action = table.stands_for(latent, |_| true)?;
            Some(PressedKeys {
                action,
                label: names.get(action).map(|name| key_label(name)),
                share: table.share(latent, action),
                usual: table.usual(action),
                transitions: table.transitions(latent),
            })
        })
        .collect())
}
