//! The best run of each level, kept between starts: its figures, and seed and actions to run it again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_examples::json_file;
use serde::{Deserialize, Serialize};

use crate::saving::Saving;
use crate::states::Session;
use crate::toast::Toast;

const FILE: &str = "best_runs.json";

/// The figures of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunFigures {
    /// Points.
    pub(crate) score: u32,
    /// Coins taken.
    pub(crate) coins: u32,
    /// Distance in tiles.
    pub(crate) metres: u32,
    /// Falls out of the picture.
    pub(crate) falls: u32,
    /// Time survived, in seconds of the dream.
    pub(crate) seconds: f32,
}

/// The best run of each level, by the level's key.
#[derive(Resource, Default)]
pub(crate) struct BestRuns {
    runs: BTreeMap<String, RunFigures>,
    /// Those that were saved since the start, whether they are on the disk yet or not.
    replays: BTreeMap<String, Arc<GenieReplay>>,
}

impl BestRuns {
    /// The score of the best run.
    pub(crate) fn score(&self, level: &str) -> Option<u32> {
        self.runs.get(level).map(|run| run.score)
    }

    /// The replay of the best run, if it was saved since the start.
    pub(crate) fn replay(&self, level: &str) -> Option<Arc<GenieReplay>> {
        self.replays.get(level).cloned()
    }

    /// Keeps a run if it is better than what there was.
    pub(crate) fn beats(&mut self, level: &str, run: RunFigures) -> bool {
        let better = self.score(level).is_none_or(|best| run.score > best);
        if better {
            self.runs.insert(level.to_owned(), run);
        }
        better
    }

    /// Writes all figures and the replay of one level.
    pub(crate) fn save(
        &mut self,
        session: &Session,
        level: &str,
        replay: GenieReplay,
        saving: &mut Saving,
    ) {
        let replay = Arc::new(replay);
        self.replays.insert(level.to_owned(), Arc::clone(&replay));
        let (path, runs) = (session.data.join(FILE), self.runs.clone());
        let of_replay = replay_path(session, level);
        saving.write(path.clone(), move || json_file::write(&path, &runs));
        saving.write(of_replay.clone(), move || -> Result<(), String> {
            let folder = of_replay.parent().unwrap_or(&of_replay);
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
            replay.write(&of_replay).map_err(|error| error.to_string())
        });
    }
}

/// Where the replay of a level's best run is.
pub(crate) fn replay_path(session: &Session, level: &str) -> PathBuf {
    let file = format!("{level}.replay.json");
    session.data.join("replays").join(file)
}

/// Loads the best runs at the start.
pub(crate) struct BestRunsPlugin;

impl Plugin for BestRunsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<BestRuns>()
            .add_systems(PreStartup, load);
    }
}

fn load(session: Res<Session>, mut best: ResMut<BestRuns>, mut toasts: MessageWriter<Toast>) {
    let (runs, problem) = json_file::read(&session.data.join(FILE));
    best.runs = runs;
    if let Some(problem) = problem {
        toasts.write(Toast::error(problem));
    }
}
