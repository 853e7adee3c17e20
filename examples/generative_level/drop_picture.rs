//! A picture that is dropped on the window becomes a level and is played.

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task};
use bevy::window::FileDragAndDrop;
use bevy_state::prelude::*;
use genie_examples::picture::PictureError;

use crate::catalogue::{Catalogue, Found};
use crate::states::{GameSystems, Overlay, Screen, Session};
use crate::toast::Toast;

/// Takes pictures from outside.
pub(crate) struct DropPicturePlugin;

impl Plugin for DropPicturePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (accept, play).chain().in_set(GameSystems));
    }
}

type Adopted = Result<(Found, Option<PictureError>), PictureError>;

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
    mut dropped: Query<(Entity, &mut Dropped)>,
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
            Ok((found, problem)) => {
                if let Some(problem) = problem {
                    toasts.write(Toast::error(format!("played, but not kept: {problem}")));
                } else {
                    toasts.write(Toast::note("the picture is among your levels now"));
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
