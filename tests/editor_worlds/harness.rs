//! The editor on a tiny model, without its window.

use std::path::Path;
use std::time::Duration;

use bevy::ecs::system::RunSystemOnce;
use bevy::prelude::*;
use bevy::window::FileDragAndDrop;
use bevy_genie::prelude::*;
use genie_tests::{run_until, tiny_checkpoint, unfinished_app};

use crate::drawing::Canvas;
use crate::export::{ExportPlugin, Exports};
use crate::files::{Files, FilesPlugin};
use crate::lines::{Lines, LinesPlugin};
use crate::project::Project;
use crate::toasts::{Toasts, ToastsPlugin};

pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The editor on a tiny model, its first picture there.
pub(crate) fn editor(data: &Path) -> App {
    let mut app = unfinished_app(GeniePlugin::default(), data, TICK);
    let model = model(&mut app, 1);
    let mut project = Project::default();
    project.change(Canvas::filled(16, 16, [9, 90, 200]));
    app.add_message::<FileDragAndDrop>()
        .insert_resource(Files::new(data.to_owned()))
        .insert_resource(Lines::new(model))
        .insert_resource(project)
        .add_plugins((ToastsPlugin, FilesPlugin, LinesPlugin, ExportPlugin));
    app.finish();
    app.cleanup();
    run_until(&mut app, "the first line", |world| newest(world) == Some(0));
    app
}

pub(crate) fn model(app: &mut App, seed: u64) -> Handle<GenieModel> {
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    models.add(GenieModel::new(tiny_checkpoint(seed)))
}

/// The newest frame of the played line.
pub(crate) fn newest(world: &World) -> Option<u64> {
    let line = world.resource::<Lines>().played()?;
    line.frames.len().checked_sub(1).map(|newest| newest as u64)
}

pub(crate) fn lines(app: &App) -> &Lines {
    app.world().resource()
}

pub(crate) fn play(app: &mut App, until: u64) {
    app.world_mut().resource_mut::<Lines>().running = true;
    run_until(app, &format!("frame {until}"), |world| {
        newest(world).is_some_and(|newest| newest >= until)
    });
    app.world_mut().resource_mut::<Lines>().running = false;
    app.update();
    // A frame may have been under way.
    let (mut last, mut still) = (None, 0);
    run_until(app, "the world to rest", |world| {
        let now = newest(world);
        still = if now == last { still + 1 } else { 0 };
        last = now;
        still > 40
    });
}

pub(crate) fn fork(app: &mut App, at: u64) {
    let fork = move |mut lines: ResMut<Lines>,
                     mut commands: Commands,
                     mut genie: MessageWriter<GenieCommand>,
                     mut toasts: ResMut<Toasts>| {
        lines.fork(at, &mut commands, &mut genie, &mut toasts);
    };
    app.world_mut().run_system_once(fork).unwrap();
    app.update();
}

/// Forks, and waits until the fork is where it begins.
pub(crate) fn forked(app: &mut App, at: u64, lands: u64) {
    fork(app, at);
    run_until(app, "the fork", |world| {
        let line = world.resource::<Lines>().played().unwrap();
        let frame = world.get::<GenieFrame>(line.world);
        frame.is_some_and(|frame| frame.tick == lands) && newest(world) == Some(lands)
    });
}

pub(crate) fn go_back(app: &mut App, to: u64) {
    let back = move |mut lines: ResMut<Lines>,
                     statuses: Query<&'static GenieStatus>,
                     mut genie: MessageWriter<GenieCommand>,
                     mut toasts: ResMut<Toasts>| {
        lines.go_back(to, &statuses, &mut genie, &mut toasts);
    };
    app.world_mut().run_system_once(back).unwrap();
}

pub(crate) fn close(app: &mut App, index: usize) {
    let close = move |mut lines: ResMut<Lines>, mut commands: Commands| {
        lines.close(index, &mut commands);
    };
    app.world_mut().run_system_once(close).unwrap();
}

/// Another picture, and its line.
pub(crate) fn paint(app: &mut App, shade: u8) {
    let canvas = Canvas::filled(16, 16, [shade, 1, 1]);
    app.world_mut().resource_mut::<Project>().change(canvas);
    run_until(app, "the new picture's line", |world| {
        let waiting = world
            .resource_scope(|world, lines: Mut<Lines>| lines.waiting(world.resource::<Project>()));
        !waiting && newest(world) == Some(0)
    });
}

pub(crate) fn noted(app: &App, text: &str) -> bool {
    let toasts = &app.world().resource::<Toasts>().all;
    assert!(toasts.iter().all(|toast| !toast.bad));
    toasts.iter().any(|toast| toast.text.contains(text))
}

pub(crate) fn export(app: &mut App, world: Entity, path: &Path, replay: bool) {
    let path = path.to_owned();
    let export = move |mut exports: ResMut<Exports>, mut genie: MessageWriter<GenieCommand>| {
        if replay {
            exports.replay(world, path.clone(), &mut genie);
        } else {
            exports.world(world, path.clone(), &mut genie);
        }
    };
    app.world_mut().run_system_once(export).unwrap();
}

pub(crate) fn exported(app: &mut App) {
    run_until(app, "the exports", |world| {
        !world.resource::<Exports>().pending() && !world.resource::<Files>().busy()
    });
}
