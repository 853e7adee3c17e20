//! The worlds of the prompt editor without its window: lines, forks, and what is exported of them.

#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::too_many_arguments)] // As in the editor: a system's arguments are what it asks the world for.

#[path = "../examples/prompt_editor/drawing.rs"]
#[allow(dead_code)] // The editor uses more of it.
mod drawing;
#[path = "../examples/prompt_editor/export.rs"]
#[allow(dead_code)]
mod export;
#[path = "../examples/prompt_editor/files/mod.rs"]
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
#[path = "../examples/prompt_editor/tries.rs"]
#[allow(dead_code)]
mod tries;

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
        let path = "a/other.genie.safetensors".into();
        lines.open_beside(path, other.clone(), &project, &mut commands, &mut toasts);
    };
    app.world_mut().run_system_once(open).unwrap();
    run_until(&mut app, "the other world", |world| {
        world.resource::<Lines>().all[1].frames.len() == 1
    });
    let before = lines(&app).all[1].world;
    paint(&mut app, 7);
    let now = lines(&app);
    assert_eq!((now.all.len(), now.played, now.beside), (2, 0, Some(1)));
    assert_eq!(now.all[1].title(), "other.genie.safetensors");
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

/// What a line is, and what it shows.
type Seen = (
    u32,
    u32,
    String,
    Option<(u32, u64)>,
    Vec<Option<usize>>,
    Vec<Vec<u8>>,
);

fn seen(app: &App) -> Vec<Seen> {
    let lines = lines(app).all.iter().map(|line| {
        let frames = line.frames.iter().map(|frame| frame.pixels().to_vec());
        let name = line.name.clone();
        (
            line.number,
            line.tree,
            name,
            line.parent,
            line.actions.clone(),
            frames.collect(),
        )
    });
    lines.collect()
}

/// Presses an action of the played line, and lets the one before go.
fn press(app: &mut App, action: &'static str) {
    let world = lines(app).played().unwrap().world;
    for other in ["idle", "left", "right"] {
        app.world_mut()
            .write_message(GenieInput::release(world, other));
    }
    app.world_mut()
        .write_message(GenieInput::press(world, action));
}

/// Until nothing is played again any more, and everything that was played is in the project.
fn kept(app: &mut App) {
    run_until(app, "the lines to be kept", |world| {
        let lines = world.resource::<Lines>();
        let files = world.resource::<Files>();
        let arriving = world.resource::<Project>().arriving.is_some();
        !(arriving || files.busy() || lines.arrived().is_some() || lines.unkept())
    });
    app.update();
}

fn open(app: &mut App, path: &Path) {
    app.world_mut().resource_mut::<Files>().open(path);
    kept(app);
}

fn save(app: &mut App, path: &Path) {
    let path = path.to_owned();
    let save = move |mut files: ResMut<Files>, project: Res<Project>| {
        files.save(&project, path.clone());
    };
    app.world_mut().run_system_once(save).unwrap();
    kept(app);
}

/// A line under changing actions and samplers, and a named fork of it.
fn tried(app: &mut App) {
    press(app, "right");
    play(app, 4);
    app.world_mut()
        .resource_mut::<Project>()
        .sampler
        .temperature = 1.7;
    press(app, "left");
    play(app, 9);
    forked(app, 5, 5);
    press(app, "idle");
    play(app, 8);
    app.world_mut().resource_mut::<Lines>().all[1].name = "what if".to_owned();
    kept(app);
}

#[test]
fn lines_are_kept_in_the_project_and_played_again_to_the_same_frames() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut app = editor(data.path());
    tried(&mut app);
    let path = folder.path().join("my.prompt.json");
    save(&mut app, &path);
    assert!(!app.world().resource::<Project>().unsaved());
    let before = seen(&app);
    assert_eq!((before.len(), before[1].3), (2, Some((1, 5))));
    assert!(before[0].4.contains(&Some(2)) && before[0].4.contains(&Some(1)));
    app.world_mut().write_message(AppExit::Success);
    app.update();
    // The next start has them by itself, and so has whoever opens the project.
    let mut again = editor(data.path());
    kept(&mut again);
    assert_eq!(seen(&again), before);
    let mut elsewhere = editor(folder.path());
    open(&mut elsewhere, &path);
    assert_eq!(seen(&elsewhere), before);
    assert!(!elsewhere.world().resource::<Project>().unsaved());
    // They can be played on, forked and gone back in as before.
    elsewhere.world_mut().resource_mut::<Lines>().played = 1;
    play(&mut elsewhere, 11);
    forked(&mut elsewhere, 7, 7);
    assert_eq!(lines(&elsewhere).played().unwrap().parent, Some((2, 7)));
    kept(&mut elsewhere);
    assert!(elsewhere.world().resource::<Project>().unsaved());
}

#[test]
fn playing_again_can_be_stopped_and_goes_on_with_the_line_that_is_chosen() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut app = editor(data.path());
    tried(&mut app);
    let path = folder.path().join("my.prompt.json");
    save(&mut app, &path);
    let before = seen(&app);
    let mut again = editor(folder.path());
    again.world_mut().resource_mut::<Files>().open(&path);
    run_until(&mut again, "the lines", |world| {
        world.resource::<Lines>().arrived().is_some()
    });
    again
        .world_mut()
        .resource_mut::<Lines>()
        .stop_playing_again();
    for _ in 0..200 {
        again.update();
    }
    assert!(lines(&again).arrived().is_some() && lines(&again).arriving().is_none());
    // Nothing is lost meanwhile: what is saved now is what was read.
    let half = folder.path().join("half.prompt.json");
    let content = again.world().resource::<Project>().content();
    content.write(&half).unwrap();
    let read = |path: &Path| project::ProjectFile::read(path).unwrap();
    assert!(read(&half).is_same(&read(&path)));
    // A line that is not there yet is neither forked nor taken back.
    fork(&mut again, 2);
    assert_eq!(lines(&again).all.len(), 2);
    assert!(noted(&again, "still played again"));
    let mut all = again.world_mut().resource_mut::<Lines>();
    (all.held_back, all.playing_again) = (None, true);
    kept(&mut again);
    assert_eq!(seen(&again), before);
}

#[test]
fn exported_replays_and_worlds_are_opened_as_the_line_that_they_were() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut app = editor(data.path());
    tried(&mut app);
    let fork = lines(&app).all[1].world;
    let paths = ["a.replay.json", "a.world"].map(|name| folder.path().join(name));
    for path in &paths {
        export(&mut app, fork, path, path.ends_with("a.replay.json"));
    }
    exported(&mut app);
    let before = seen(&app).remove(1);
    for path in &paths {
        let own = tempfile::tempdir().unwrap();
        let mut again = editor(own.path());
        open(&mut again, path);
        let now = seen(&again);
        assert_eq!(now.len(), 1);
        assert!(
            now[0].4 == before.4 && now[0].5 == before.5,
            "{}",
            path.display()
        );
        let project = again.world().resource::<Project>();
        assert!((project.sampler.temperature - 1.7).abs() < 1e-6);
        play(&mut again, 10);
    }
    std::fs::write(&paths[1], "GENIEsv1 and no more").unwrap();
    let mut again = editor(data.path());
    kept(&mut again);
    let before = seen(&again);
    open(&mut again, &paths[1]);
    let toasts = &again.world().resource::<Toasts>().all;
    assert!(
        toasts
            .iter()
            .any(|toast| toast.bad && toast.text.contains("a.world: damaged"))
    );
    assert_eq!(seen(&again), before, "nothing else has happened");
}

#[test]
fn lines_of_another_checkpoint_are_kept_for_where_they_can_be_played() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut app = editor(data.path());
    tried(&mut app);
    let path = folder.path().join("my.prompt.json");
    save(&mut app, &path);
    let mut other = editor(folder.path());
    let model = model(&mut other, 2);
    other.world_mut().resource_mut::<Lines>().model = model;
    other.world_mut().resource_mut::<Files>().open(&path);
    kept(&mut other);
    let toasts = &other.world().resource::<Toasts>().all;
    assert!(
        toasts
            .iter()
            .any(|toast| toast.bad && toast.text.contains("belongs to checkpoint"))
    );
    assert_eq!(lines(&other).all.len(), 1, "only the picture's own");
    let again = folder.path().join("again.prompt.json");
    save(&mut other, &again);
    let read = |path: &Path| project::ProjectFile::read(path).unwrap();
    assert!(read(&again).is_same(&read(&path)));
}
