//! The worlds of the prompt editor without its window: lines, forks, and what is exported of them.

#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::too_many_arguments)] // As in the editor: a system's arguments are what it asks the world for.

#[path = "../examples/prompt_editor/drawing.rs"]
#[allow(dead_code)] // The editor uses more of it.
mod drawing;
#[path = "../examples/prompt_editor/export.rs"]
#[allow(dead_code)]
mod export;
#[path = "../examples/prompt_editor/files.rs"]
#[allow(dead_code)]
mod files;
#[path = "../examples/prompt_editor/history.rs"]
#[allow(dead_code)]
mod history;
#[path = "../examples/prompt_editor/lines/mod.rs"]
#[allow(dead_code, unused_imports)]
mod lines;
#[path = "../examples/prompt_editor/memory.rs"]
mod memory;
#[path = "../examples/prompt_editor/project.rs"]
#[allow(dead_code)]
mod project;
#[path = "../examples/prompt_editor/source.rs"]
#[allow(dead_code)]
mod source;
#[path = "../examples/prompt_editor/toasts.rs"]
#[allow(dead_code)]
mod toasts;

use std::path::Path;
use std::time::Duration;

use bevy::ecs::system::RunSystemOnce;
use bevy::input::InputPlugin;
use bevy::prelude::*;
use bevy::time::TimeUpdateStrategy;
use bevy::window::FileDragAndDrop;
use bevy_genie::prelude::*;
use drawing::Canvas;
use export::{ExportPlugin, Exports};
use files::{Files, FilesPlugin};
use genie_tests::{run_until, tiny_checkpoint};
use lines::{Lines, LinesPlugin};
use project::Project;
use toasts::{Toasts, ToastsPlugin};

const TICK: Duration = Duration::from_millis(100);

/// The editor on a tiny model, its first picture there.
fn editor(data: &Path) -> App {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin::default(),
        InputPlugin,
        ImagePlugin::default(),
        GeniePlugin::default(),
    ))
    .insert_resource(TimeUpdateStrategy::ManualDuration(TICK));
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

fn model(app: &mut App, seed: u64) -> Handle<GenieModel> {
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    models.add(GenieModel::new(tiny_checkpoint(seed)))
}

/// The newest frame of the played line.
fn newest(world: &World) -> Option<u64> {
    let line = world.resource::<Lines>().played()?;
    line.frames.len().checked_sub(1).map(|newest| newest as u64)
}

fn lines(app: &App) -> &Lines {
    app.world().resource()
}

fn play(app: &mut App, until: u64) {
    app.world_mut().resource_mut::<Lines>().running = true;
    run_until(app, &format!("frame {until}"), |world| {
        newest(world).is_some_and(|newest| newest >= until)
    });
    app.world_mut().resource_mut::<Lines>().running = false;
    app.update();
    run_until(app, "the world to rest", |world| {
        let line = world.resource::<Lines>().played().unwrap();
        let frame = world.get::<GenieFrame>(line.world);
        frame.map(|frame| frame.tick) == newest(world)
    });
}

fn fork(app: &mut App, at: u64) {
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
fn forked(app: &mut App, at: u64, lands: u64) {
    fork(app, at);
    run_until(app, "the fork", |world| {
        let line = world.resource::<Lines>().played().unwrap();
        let frame = world.get::<GenieFrame>(line.world);
        frame.is_some_and(|frame| frame.tick == lands) && newest(world) == Some(lands)
    });
}

fn go_back(app: &mut App, to: u64) {
    let back = move |mut lines: ResMut<Lines>,
                     statuses: Query<&'static GenieStatus>,
                     mut genie: MessageWriter<GenieCommand>,
                     mut toasts: ResMut<Toasts>| {
        lines.go_back(to, &statuses, &mut genie, &mut toasts);
    };
    app.world_mut().run_system_once(back).unwrap();
}

fn close(app: &mut App, index: usize) {
    let close = move |mut lines: ResMut<Lines>, mut commands: Commands| {
        lines.close(index, &mut commands);
    };
    app.world_mut().run_system_once(close).unwrap();
}

/// Another picture, and its line.
fn paint(app: &mut App, shade: u8) {
    let canvas = Canvas::filled(16, 16, [shade, 1, 1]);
    app.world_mut().resource_mut::<Project>().change(canvas);
    run_until(app, "the new picture's line", |world| {
        let waiting = world
            .resource_scope(|world, lines: Mut<Lines>| lines.waiting(world.resource::<Project>()));
        !waiting && newest(world) == Some(0)
    });
}

fn noted(app: &App, text: &str) -> bool {
    let toasts = &app.world().resource::<Toasts>().all;
    assert!(toasts.iter().all(|toast| !toast.bad));
    toasts.iter().any(|toast| toast.text.contains(text))
}

#[test]
fn a_line_that_is_full_waits_and_can_be_taken_back() {
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    let world = lines(&app).played().unwrap().world;
    let first = app.world().get::<GenieFrame>(world).unwrap().clone();
    app.world_mut().resource_mut::<Lines>().running = true;
    // As they would come after ten minutes.
    let frame = |tick| GenieFrame {
        tick,
        ..first.clone()
    };
    for tick in 1..6005 {
        app.world_mut().write_message(frame(tick));
    }
    app.update();
    assert_eq!(newest(app.world()), Some(5999));
    assert!(!lines(&app).running);
    assert!(noted(&app, "6000 frames"));
    app.world_mut().write_message(frame(0));
    app.update();
    assert_eq!(newest(app.world()), Some(0), "back at the prompt");
    app.world_mut().resource_mut::<Lines>().running = true;
    app.update();
    assert!(lines(&app).running);
}

#[test]
fn forks_further_back_than_is_kept_begin_later_and_go_on() {
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    play(&mut app, 250);
    let last = newest(app.world()).unwrap();
    let earliest = last - 240;
    forked(&mut app, 2, earliest);
    assert!(noted(&app, "the fork begins at frame"));
    let line = lines(&app).played().unwrap();
    assert_eq!(line.parent, Some((1, earliest)));
    assert_eq!(lines(&app).shown, None);
    play(&mut app, earliest + 5);
    let line = lines(&app).played().unwrap();
    assert!(line.frames.len() < 240 && line.actions.len() == line.frames.len());
    // The prompt is kept in any case, and so is what is near.
    app.world_mut().resource_mut::<Lines>().played = 0;
    forked(&mut app, 0, 0);
    play(&mut app, 3);
    app.world_mut().resource_mut::<Lines>().played = 0;
    forked(&mut app, last - 7, last - 7);
    // Back in the line itself: as near as it can be.
    app.world_mut().resource_mut::<Lines>().played = 0;
    go_back(&mut app, 3);
    assert!(noted(&app, "back at frame"));
    run_until(&mut app, "the way back", |world| {
        newest(world) == Some(earliest)
    });
    play(&mut app, earliest + 3);
    go_back(&mut app, 0);
    run_until(&mut app, "the prompt", |world| newest(world) == Some(0));
}

#[test]
fn forks_outlive_the_picture_that_they_began_with() {
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    play(&mut app, 4);
    paint(&mut app, 2);
    assert_eq!(lines(&app).all.len(), 1, "a line without forks goes");
    play(&mut app, 4);
    forked(&mut app, 2, 2);
    let kept: Vec<_> = lines(&app).all.iter().map(|line| line.world).collect();
    paint(&mut app, 3);
    let all = &lines(&app).all;
    assert_eq!(all.len(), 3);
    assert_eq!(lines(&app).played, 0, "the new picture is played");
    assert!(lines(&app).is_own(&all[0]));
    let later: Vec<_> = all[1..].iter().map(|line| line.world).collect();
    assert_eq!(later, kept);
    assert!(!lines(&app).is_of_newest_picture(&all[1]));
    let numbers: std::collections::BTreeSet<_> = all.iter().map(|line| line.number).collect();
    assert_eq!(numbers.len(), 3, "each has its own number");
    // An old line can be played on, and closed; the newest picture's own cannot.
    app.world_mut().resource_mut::<Lines>().played = 2;
    play(&mut app, 5);
    close(&mut app, 0);
    assert_eq!(lines(&app).all.len(), 3);
    close(&mut app, 1);
    close(&mut app, 1);
    assert_eq!((lines(&app).all.len(), lines(&app).played), (1, 0));
    let mut worlds = app.world_mut().query_filtered::<(), With<GenieTimeline>>();
    let strips = lines(&app).strips.len();
    assert_eq!(worlds.iter(app.world()).count(), 1 + strips);
}

#[test]
fn lines_of_other_checkpoints_begin_anew_beside_a_new_picture() {
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    let other = model(&mut app, 2);
    let open = move |mut lines: ResMut<Lines>,
                     project: Res<Project>,
                     mut commands: Commands,
                     mut toasts: ResMut<Toasts>| {
        let name = "other".to_owned();
        lines.open_beside(name, other.clone(), &project, &mut commands, &mut toasts);
    };
    app.world_mut().run_system_once(open).unwrap();
    run_until(&mut app, "the other world", |world| {
        world.resource::<Lines>().all[1].frames.len() == 1
    });
    let before = lines(&app).all[1].world;
    paint(&mut app, 7);
    let now = lines(&app);
    assert_eq!((now.all.len(), now.played, now.beside), (2, 0, Some(1)));
    assert_eq!(now.all[1].checkpoint.as_deref(), Some("other"));
    assert!(now.is_of_newest_picture(&now.all[1]));
    assert!(!now.is_own(&now.all[1]) && now.all[1].world != before);
    run_until(&mut app, "the other world", |world| {
        world.resource::<Lines>().all[1].frames.len() == 1
    });
}

#[test]
fn the_oldest_tree_goes_when_there_are_too_many_lines() {
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    fork(&mut app, 0);
    for shade in 2..6 {
        paint(&mut app, shade);
        fork(&mut app, 0);
        fork(&mut app, 0);
    }
    // Two and three times three; the last two lines took the place of the first tree.
    assert!(noted(&app, "line 1 of an earlier picture"));
    assert_eq!(lines(&app).all.len(), 12);
    assert!(lines(&app).all.iter().all(|line| line.tree != 1));
    // Among lines of one picture none is chosen: the editor says that it is enough.
    for _ in 0..20 {
        fork(&mut app, 0);
    }
    assert_eq!(lines(&app).all.len(), 12);
    assert!(noted(&app, "close one first"));
    let own = lines(&app)
        .all
        .iter()
        .filter(|line| lines(&app).is_own(line));
    assert_eq!(own.count(), 1);
}

fn export(app: &mut App, world: Entity, path: &Path, replay: bool) {
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

fn exported(app: &mut App) {
    run_until(app, "the exports", |world| {
        !world.resource::<Exports>().pending() && !world.resource::<Files>().busy()
    });
}

#[test]
fn exports_are_written_and_forgotten_where_no_answer_comes() {
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    play(&mut app, 3);
    let world = lines(&app).played().unwrap().world;
    let paths = ["a.replay.json", "b.replay.json", "c.world"].map(|name| data.path().join(name));
    for path in &paths {
        let replay = !path.ends_with("c.world");
        export(&mut app, world, path, replay);
    }
    assert!(app.world().resource::<Exports>().pending());
    exported(&mut app);
    assert!(paths.iter().all(|path| path.is_file()));
    // A world that never runs, and one that goes before it can answer.
    let never = app
        .world()
        .resource::<AssetServer>()
        .load("no.genie.safetensors");
    let never = app
        .world_mut()
        .spawn(GenieWorld::new(
            never,
            Canvas::filled(16, 16, [1; 3]).picture(),
        ))
        .id();
    for replay in [true, false] {
        export(&mut app, never, &data.path().join("never"), replay);
    }
    exported(&mut app);
    app.world_mut().resource_mut::<Toasts>().all.clear();
    fork(&mut app, 3);
    let gone = lines(&app).played().unwrap().world;
    export(&mut app, gone, &data.path().join("gone.replay.json"), true);
    close(&mut app, 1);
    exported(&mut app);
    assert!(!data.path().join("never").exists());
}
