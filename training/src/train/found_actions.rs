//! The latent actions of the footage, found before the dynamics are trained: by the player that the footage shows.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use genie_model::checkpoint::Checkpoint;
use genie_model::{ActionLabel, LatentActionInput, MotionSigns, atomic_file, median};
use serde::{Deserialize, Serialize};

use super::action_effect::TransitionMotion;
use super::config::{ActionCount, ActionSource, TrainConfig};
use super::error::TrainError;
use super::given_actions::{GivenActions, LabelledActions};
use super::run_folder::RunFolder;
use super::world_start::former_of_new;
use crate::actions::{AnchoredAgent, CLOSE_MARGIN, ClipActions};
use crate::dataset::{ClipWindow, Dataset};

/// Share of the footage in which a player is seen where it is that player's game.
const LEAST_PRESENCE: f64 = 0.3;
/// Version of the file of found actions.
const VERSION: u32 = 1;

/// Every transition of a dataset with the latent action that it shows.
#[derive(Clone, Debug)]
pub(crate) struct FoundActions {
    /// What found them, for the checkpoint.
    agent: Vec<u8>,
    transitions: Transitions,
    /// Where they are kept, if they are.
    folder: Option<PathBuf>,
}

/// As they are written to the run's folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transitions {
    format_version: u32,
    /// Number of different actions.
    actions: usize,
    /// For each clip the action of each transition.
    codes: Vec<Vec<u16>>,
    /// For each clip the signs of the player's displacement, [x, y], in each transition.
    signs: Vec<Vec<[i8; 2]>>,
    /// The displacement itself, as in [`TransitionMotion::own`]; empty where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    speeds: Vec<Vec<[i8; 2]>>,
    /// Labels of the actions, where the footage says what was pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<ActionLabel>>,
    /// For each action the one of the world that the training goes on from whose place it takes, where it was found anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    places: Option<Vec<usize>>,
    /// What the dynamics made of the codes, if they have been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<Revision>,
}

/// Codes read anew by what the dynamics tell of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Revision {
    /// Steps that the dynamics had been trained then.
    step: u64,
    /// As [`Transitions::codes`].
    codes: Vec<Vec<u16>>,
}

impl Transitions {
    fn new(actions: usize, least_motion: f32, found: &[ClipActions]) -> Self {
        let sign = |part: f32| {
            if part.abs() > least_motion {
                part.signum() as i8
            } else {
                0
            }
        };
        Self {
            format_version: VERSION,
            actions,
            codes: (found.iter())
                .map(|clip| clip.iter().map(|it| it.code as u16).collect())
                .collect(),
            signs: (found.iter())
                .map(|clip| clip.iter().map(|it| it.displacement.map(sign)).collect())
                .collect(),
            speeds: speeds(found, least_motion),
            labels: None,
            places: None,
            revision: None,
        }
    }

    /// The codes as they are now.
    fn current(&self) -> &[Vec<u16>] {
        self.revision.as_ref().map_or(&self.codes, |it| &it.codes)
    }

    /// What does not fit the dataset, if anything.
    fn problem(&self, dataset: &Dataset) -> Option<String> {
        let transitions = |clip: usize| dataset.clip_len(clip).saturating_sub(1);
        let fits = self.codes.len() == dataset.clip_count()
            && self.signs.len() == self.codes.len()
            && (self.codes.iter().zip(&self.signs).enumerate()).all(|(clip, (codes, signs))| {
                codes.len() == transitions(clip) && signs.len() == codes.len()
            })
            && (self.speeds.is_empty() || self.speeds.len() == self.codes.len())
            && (self.speeds.iter().zip(&self.codes))
                .all(|(speeds, codes)| speeds.len() == codes.len())
            && self.revision.as_ref().is_none_or(|revision| {
                let lengths = |codes: &[Vec<u16>]| codes.iter().map(Vec::len).collect::<Vec<_>>();
                lengths(&revision.codes) == lengths(&self.codes)
            });
        let revised = self
            .revision
            .iter()
            .flat_map(|it| it.codes.iter().flatten());
        if self.format_version != VERSION {
            Some(format!(
                "expected format version {VERSION}, found {}",
                self.format_version
            ))
        } else if !fits {
            Some("it is of other footage".to_owned())
        } else if self
            .codes
            .iter()
            .flatten()
            .chain(revised)
            .any(|&code| usize::from(code) >= self.actions)
        {
            Some("an action is out of range".to_owned())
        } else if self.places.as_ref().is_some_and(|places| {
            places.len() != self.actions || places.iter().any(|&former| former >= self.actions)
        }) {
            Some("an action takes the place of none".to_owned())
        } else {
            None
        }
    }
}

/// The displacements of the player that was found, in parts of its usual speed along each axis: the median of what is more than `least_motion`.
fn speeds(found: &[ClipActions], least_motion: f32) -> Vec<Vec<[i8; 2]>> {
    let usual = [0, 1].map(|axis| {
        let speeds = found.iter().flatten().map(|it| it.displacement[axis].abs());
        let moving = speeds.filter(|&speed| speed > least_motion);
        median(moving).filter(|&usual| usual > 0.0).unwrap_or(1.0)
    });
    let of_clip = |clip: &ClipActions| {
        let motions = clip
            .iter()
            .map(|it| TransitionMotion::of_figure(it.displacement, usual).own);
        motions.collect()
    };
    found.iter().map(of_clip).collect()
}

/// What a finished world knows of its actions.
struct WorldActions {
    agent: AnchoredAgent,
    labels: Vec<ActionLabel>,
}

impl WorldActions {
    /// Those of a world whose player was found.
    fn of(path: &Path) -> Result<Self, TrainError> {
        let world = Checkpoint::read(path)?;
        let bytes = world.agent.unwrap_or_default();
        let agent =
            AnchoredAgent::from_bytes(path, &bytes).map_err(|error| TrainError::Config {
                path: path.to_owned(),
                reason: format!("expected a world whose player was found: {error}"),
            })?;
        Ok(Self {
            agent,
            labels: world.actions,
        })
    }
}

/// The agent's file and the file of its actions in the folder of a run.
fn paths(run: &Path) -> [PathBuf; 2] {
    [run.join("agent.json"), run.join("found_actions.json")]
}

impl FoundActions {
    /// Those that the footage says.
    pub(crate) fn given(given: GivenActions) -> Self {
        let signs = given.codes.iter().map(|codes| vec![[0; 2]; codes.len()]);
        Self {
            agent: Vec::new(),
            transitions: Transitions {
                format_version: VERSION,
                actions: given.labels.len(),
                signs: signs.collect(),
                speeds: Vec::new(),
                codes: given.codes,
                labels: Some(given.labels),
                places: None,
                revision: None,
            },
            folder: None,
        }
    }

    /// Labels of the actions, where the footage says what was pressed.
    pub(crate) fn labels(&self) -> Option<&[ActionLabel]> {
        self.transitions.labels.as_deref()
    }

    /// Whether an encoder learns to see them, since nothing found them.
    pub(crate) fn teach(&self) -> bool {
        self.agent.is_empty() && self.transitions.labels.is_some()
    }

    /// Removes what was found for the run in a folder, if anything was.
    pub(crate) fn forget(run: &Path) {
        for path in paths(run) {
            // Where it stays, the next one to write it says why.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Those of the run in this folder; found in the footage and written there if there are none yet.
    ///
    /// # Errors
    /// Footage in which nothing behaves like a player, or files that cannot be read or written.
    pub(crate) fn open(
        config: &TrainConfig,
        dataset: &Dataset,
        run: &Path,
    ) -> Result<Self, TrainError> {
        let [agent_path, transitions_path] = paths(run);
        match std::fs::read(&transitions_path) {
            Ok(bytes) => {
                let damaged = |reason| TrainError::State {
                    path: transitions_path.clone(),
                    reason,
                };
                let transitions: Transitions =
                    serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
                if let Some(problem) = transitions.problem(dataset) {
                    return Err(damaged(problem));
                }
                let agent =
                    std::fs::read(&agent_path).map_err(|e| TrainError::io(&agent_path, e))?;
                Ok(Self {
                    agent,
                    transitions,
                    folder: Some(run.to_owned()),
                })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut found = Self::find(config, dataset, run)?;
                found.folder = Some(run.to_owned());
                std::fs::create_dir_all(run).map_err(|e| TrainError::io(run, e))?;
                atomic_file::write(&agent_path, &found.agent)
                    .map_err(|e| TrainError::io(&agent_path, e))?;
                // Last: where it is, the agent is there too.
                found.keep()?;
                Ok(found)
            }
            Err(error) => Err(TrainError::io(&transitions_path, error)),
        }
    }

    /// Writes the actions of the transitions to the folder of the run, if they are kept.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn keep(&self) -> Result<(), TrainError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let [_, path] = paths(folder);
        let text =
            serde_json::to_vec(&self.transitions).map_err(|e| TrainError::io(&path, e.into()))?;
        atomic_file::write(&path, &text).map_err(|e| TrainError::io(&path, e))
    }

    fn find(config: &TrainConfig, dataset: &Dataset, run: &Path) -> Result<Self, TrainError> {
        if config.start_from.is_none() {
            return Self::find_anew(config, dataset);
        }
        let former = WorldActions::of(&RunFolder::start_of(run))?;
        let least_motion = config.agent.least_motion;
        let read = former.agent.apply(dataset)?;
        let present = read.iter().flatten().filter(|it| it.present).count();
        let share = present as f64 / read.iter().map(Vec::len).sum::<usize>().max(1) as f64;
        if share < LEAST_PRESENCE {
            tracing::warn!(
                "the player of the world that the training goes on from is seen in {:.0} % of the footage: is it of the same game?",
                100.0 * share
            );
        }
        let read = Transitions::new(former.agent.actions(), least_motion, &read);
        if !config.new_actions {
            tracing::info!("the player that the world has found is followed in the footage");
            return Ok(Self {
                transitions: Transitions {
                    labels: Some(former.labels),
                    ..read
                },
                agent: former.agent.to_bytes(),
                folder: None,
            });
        }
        let mut found = Self::find_anew(config, dataset)?;
        let new = &mut found.transitions;
        if new.actions == read.actions {
            new.places = Some(former_of_new(&read.codes, &new.codes, new.actions));
        }
        Ok(found)
    }

    fn find_anew(config: &TrainConfig, dataset: &Dataset) -> Result<Self, TrainError> {
        let mut settings = config.agent.clone();
        settings.actions = (config.action_count == ActionCount::Model)
            .then_some(config.model.latent_actions.actions);
        tracing::info!("looking for the player and its actions in the footage");
        let labelled = (config.action_source == ActionSource::Labelled)
            .then(|| LabelledActions::draw(dataset, config.labelled_share, config.seed))
            .transpose()?;
        let places = labelled.as_ref().map(LabelledActions::places);
        let (agent, found) = AnchoredAgent::fit_labelled(dataset, &settings, places, config.seed)?;
        tracing::info!(
            "the player is {} and ranks {:.1} times as high as anything else; {} actions",
            agent.report().player_in_words(),
            agent.margin(),
            agent.actions()
        );
        // Somebody has said which one it is, or what was pressed.
        let told = settings.player > 1 || labelled.is_some();
        if !told && agent.margin() < CLOSE_MARGIN {
            tracing::warn!(
                "another thing may be the player: `genie actions {} --seed {} --pictures FOLDER` shows them in their order, and --player says which one it is",
                dataset.folder().display(),
                config.seed
            );
        }
        let (agent, found, labels) = if let Some(labelled) = labelled {
            let places = labelled.places();
            tracing::info!(
                "what was pressed is read as in {} labelled transitions",
                places.places.len()
            );
            let (agent, found) = agent.with_labels(dataset, found, places, config.seed)?;
            (agent, found, Some(labelled.labels))
        } else {
            (agent, found, None)
        };
        let transitions = Transitions::new(agent.actions(), settings.least_motion, &found);
        Ok(Self {
            transitions: Transitions {
                labels,
                ..transitions
            },
            agent: agent.without_unused_encoder().to_bytes(),
            folder: None,
        })
    }

    /// Actions in turn for every transition of a dataset, where the configuration wants actions to be found or given: for what does not depend
    /// on which they are, such as the time of a step.
    pub(crate) fn any(config: &TrainConfig, dataset: &Dataset) -> Option<Self> {
        let given = config.action_source == ActionSource::Given;
        if !given && config.model.latent_actions.input != LatentActionInput::Agent {
            return None;
        }
        let actions = config.model.latent_actions.actions;
        let label = |action| ActionLabel {
            name: format!("action_{action}"),
            keys: Vec::new(),
            ..ActionLabel::default()
        };
        let transitions =
            || (0..dataset.clip_count()).map(|clip| dataset.clip_len(clip).saturating_sub(1));
        Some(Self {
            agent: Vec::new(),
            transitions: Transitions {
                format_version: VERSION,
                actions,
                codes: transitions()
                    .map(|count| (0..count).map(|it| (it % actions) as u16).collect())
                    .collect(),
                signs: transitions().map(|count| vec![[0; 2]; count]).collect(),
                speeds: Vec::new(),
                labels: given.then(|| (0..actions).map(label).collect()),
                places: None,
                revision: None,
            },
            folder: None,
        })
    }

    /// Number of different actions.
    pub(crate) fn actions(&self) -> usize {
        self.transitions.actions
    }

    /// What found them, as [`AnchoredAgent::from_bytes`] reads it; `None` where nothing had to.
    pub(crate) fn agent(&self) -> Option<&[u8]> {
        Some(self.agent.as_slice()).filter(|agent| !agent.is_empty())
    }

    /// What finds them in other clips, if its codes can be revised and have not been.
    ///
    /// # Errors
    /// Bytes that were damaged.
    pub(crate) fn agent_to_revise(&self) -> Result<Option<AnchoredAgent>, TrainError> {
        if self.agent.is_empty() || self.are_revised() {
            return Ok(None);
        }
        let [path, _] = paths(self.folder.as_deref().unwrap_or(Path::new("")));
        let agent = AnchoredAgent::from_bytes(&path, &self.agent);
        let agent = agent.map_err(|error| TrainError::State {
            path,
            reason: error.to_string(),
        })?;
        Ok(Some(agent).filter(AnchoredAgent::can_be_revised))
    }

    /// For each action the one of the world that the training goes on from whose place it takes, where they were found anew.
    pub(crate) fn places(&self) -> Option<&[usize]> {
        self.transitions.places.as_deref()
    }

    /// Whether the dynamics have been asked what they make of the actions.
    pub(crate) fn are_revised(&self) -> bool {
        self.transitions.revision.is_some()
    }

    /// Takes up codes that were read anew after so many steps, for each clip that of each transition; the share of them that is new.
    pub(crate) fn revise(&mut self, step: u64, codes: Vec<Vec<u16>>) -> f64 {
        let pairs = self
            .transitions
            .codes
            .iter()
            .flatten()
            .zip(codes.iter().flatten());
        let (all, new) = pairs.fold((0_usize, 0_usize), |(all, new), (before, after)| {
            (all + 1, new + usize::from(before != after))
        });
        self.transitions.revision = Some(Revision { step, codes });
        new as f64 / all.max(1) as f64
    }

    /// Goes back to how the actions were read before a training had taken so many steps: it is there once more.
    pub(crate) fn go_back_to(&mut self, step: u64) {
        let later = |revision: &mut Revision| revision.step >= step;
        self.transitions.revision.take_if(later);
    }

    /// The actions of the transitions inside windows of so many frames, one window after the other.
    pub(crate) fn codes(&self, windows: &[ClipWindow], frames: usize) -> Vec<u32> {
        let codes = self.transitions.current();
        windows
            .iter()
            .flat_map(|window| &codes[window.clip][window.start..][..frames - 1])
            .map(|&code| u32::from(code))
            .collect()
    }

    /// How the player moves relative to the scene in the same transitions; empty where the footage says the actions and no player was looked for.
    pub(crate) fn motions(&self, windows: &[ClipWindow], frames: usize) -> Vec<TransitionMotion> {
        if self.teach() {
            return Vec::new();
        }
        let Transitions { signs, speeds, .. } = &self.transitions;
        let places = windows.iter().flat_map(|window| {
            (window.start..)
                .take(frames - 1)
                .map(|at| (window.clip, at))
        });
        let motion = |(clip, at): (usize, usize)| match speeds.get(clip) {
            Some(speeds) => TransitionMotion {
                scene: [0; 2],
                own: speeds[at],
            },
            None => TransitionMotion::from(MotionSigns {
                scene: [0; 2],
                own: signs[clip][at],
            }),
        };
        places.map(motion).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::actions::AgentTransition;

    /// What relabelling goes by is what the player that was found does, and not what moves in the picture.
    #[test]
    fn motions_are_those_of_the_player_that_was_found() {
        let step = |code, displacement| AgentTransition {
            code,
            displacement,
            seen: true,
            look: [0.0; 2],
            present: true,
            position: [9.0; 2],
        };
        let clip = vec![
            step(0, [0.0, 0.0]),
            step(1, [2.5, 0.1]),
            step(2, [0.0, -3.0]),
            step(1, [-1.0, 1.0]),
        ];
        let transitions = Transitions {
            labels: Some(vec![ActionLabel::default(); 3]),
            ..Transitions::new(3, 0.4, &[Vec::new(), clip])
        };
        let text = serde_json::to_vec(&transitions).unwrap();
        let found = FoundActions {
            agent: vec![1],
            transitions: serde_json::from_slice(&text).unwrap(),
            folder: None,
        };
        let window = [ClipWindow { clip: 1, start: 1 }];
        assert_eq!(found.codes(&window, 4), [1, 2, 1]);
        // Its usual speed is 2.5 pixels a frame sideways, and 3 up or down.
        let own = |own| TransitionMotion { scene: [0; 2], own };
        assert_eq!(
            found.motions(&window, 4),
            [own([8, 0]), own([0, -8]), own([-3, 3])]
        );
        // A file of before knows its signs alone.
        let mut signs_alone = found.clone();
        signs_alone.transitions.speeds.clear();
        assert_eq!(
            signs_alone.motions(&window, 4),
            [own([8, 0]), own([0, -8]), own([-8, 8])]
        );
        // They are labelled, but nothing has to learn to see what something has found.
        assert_eq!(found.labels().unwrap().len(), 3);
        assert!(!found.teach());
    }
}
