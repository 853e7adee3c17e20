//! A picture, a replay or a saved world that is dropped on the window becomes a level and is played.

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task};
use bevy::window::FileDragAndDrop;
use bevy_state::prelude::*;

use crate::best_runs::{BestRuns, RunFigures};
use crate::catalogue::{Catalogue, Found};
use crate::saving::Saving;
use crate::states::{GameSystems, Overlay, Screen, Session};
use crate::toast::Toast;

/// Takes pictures from outside.
pub(crate) struct DropPicturePlugin;

impl Plugin for DropPicturePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (accept, play).chain().in_set(GameSystems));
    }
}

type Adopted = Result<(Found, Option<String>), String>;

/// A dropped file that is being read.
#[derive(Component)]
struct Dropped(Task<Adopted>);

fn accept(
    session: Res<Session>,
    mut drops: MessageReader<FileDragAndDrop>,
    mut commands: Commands,
) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            let (path, data) = (path_buf.clone(), session.data.clone());
            let task = IoTaskPool::get().spawn(async move { Found::adopt(&path, &data) });
            commands.spawn(Dropped(task));
        }
    }
}

fn play(
    session: Res<Session>,
    mut dropped: Query<(Entity, &mut Dropped)>,
    mut best: ResMut<BestRuns>,
    mut saving: ResMut<Saving>,
    mut catalogue: ResMut<Catalogue>,
    mut images: ResMut<Assets<Image>>,
    mut toasts: MessageWriter<Toast>,
    mut screen: ResMut<NextState<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
    mut commands: Commands,
) {
    for (entity, mut task) in &mut dropped {
        let Some(adopted) = check_ready(&mut task.0) else {
            continue;
        };
        commands.entity(entity).despawn();
        match adopted {
            Ok((mut found, problem)) => {
                toasts.write(match problem {
                    Some(problem) => Toast::error(format!("played, but not kept: {problem}")),
                    None if found.is_saved_world() => {
                        Toast::note("played from its file, until the game is closed")
                    }
                    None => Toast::note("it is among your levels now"),
                });
                if let Some(run) = found.run.take() {
                    // Without a score of its own it is a ghost that every run beats.
                    if best.beats(&found.key, RunFigures::default()) {
                        best.save(&session, &found.key, run, &mut saving);
                    }
                }
                catalogue.chosen = catalogue.add(found, &mut images);
                overlay.set(Overlay::Closed);
                screen.set(Screen::Play);
            }
            Err(error) => {
                toasts.write(Toast::error(error));
            }
        }
    }
}
