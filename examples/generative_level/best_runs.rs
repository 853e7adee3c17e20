//! The best run of each level, kept between starts: its figures, and seed and actions to run it again. Runs in another model or of
//! another length are compared among themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_examples::{assets, json_file};
use serde::{Deserialize, Serialize};

use crate::saving::Saving;
use crate::states::Session;
use crate::toast::Toast;

const FILE: &str = "best_runs.json";
/// Frames of a run where nothing else is asked for.
const USUAL_TICKS: u64 = 600;

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

/// The best run of each level of this model and length.
#[derive(Resource, Default)]
pub(crate) struct BestRuns {
    /// What is behind a level's key: model and length, if they are not the usual ones.
    kind: String,
    runs: BTreeMap<String, RunFigures>,
    /// Those that were saved since the start, whether they are on the disk yet or not.
    replays: BTreeMap<String, Arc<GenieReplay>>,
}

impl BestRuns {
    /// The score of the best run.
    pub(crate) fn score(&self, level: &str) -> Option<u32> {
        self.runs.get(&self.key(level)).map(|run| run.score)
    }

    /// The replay of the best run, if it was saved since the start.
    pub(crate) fn replay(&self, level: &str) -> Option<Arc<GenieReplay>> {
        self.replays.get(&self.key(level)).cloned()
    }

    /// Where the replay of the best run is.
    pub(crate) fn replay_path(&self, session: &Session, level: &str) -> PathBuf {
        let file = format!("{}.replay.json", self.key(level));
        session.data.join("replays").join(file)
    }

    fn key(&self, level: &str) -> String {
        format!("{level}{}", self.kind)
    }

    /// Keeps a run if it is better than what there was.
    pub(crate) fn beats(&mut self, level: &str, run: RunFigures) -> bool {
        let better = self.score(level).is_none_or(|best| run.score > best);
        if better {
            self.runs.insert(self.key(level), run);
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
        self.replays.insert(self.key(level), Arc::clone(&replay));
        self.save_figures(session, saving);
        let of_replay = self.replay_path(session, level);
        saving.write(of_replay.clone(), move || -> Result<(), String> {
            let folder = of_replay.parent().unwrap_or(&of_replay);
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
            replay.write(&of_replay).map_err(|error| error.to_string())
        });
    }

    /// Forgets a run that this model cannot run again.
    pub(crate) fn forget(&mut self, session: &Session, level: &str, saving: &mut Saving) {
        let key = self.key(level);
        self.replays.remove(&key);
        if self.runs.remove(&key).is_some() {
            self.save_figures(session, saving);
        }
    }

    fn save_figures(&self, session: &Session, saving: &mut Saving) {
        let (path, runs) = (session.data.join(FILE), self.runs.clone());
        saving.write(path.clone(), move || json_file::write(&path, &runs));
    }
}

/// Nothing for the shipped model and runs of the usual length, as the files of earlier versions have it.
fn kind(session: &Session) -> String {
    let file = session
        .model
        .path()
        .and_then(|path| path.path().file_name());
    let usual = Path::new(assets::MODEL).file_name();
    if file == usual && session.run_ticks == USUAL_TICKS {
        return String::new();
    }
    let file = file.unwrap_or_default().to_string_lossy();
    let model = file
        .trim_end_matches(".safetensors")
        .trim_end_matches(".genie");
    format!("@{model}@{}", session.run_ticks)
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
    (best.kind, best.runs) = (kind(&session), runs);
    if let Some(problem) = problem {
        toasts.write(Toast::error(problem));
    }
}
