//! Lines in projects, replays and saved worlds, and how they come to life again.

use std::path::Path;

use bevy::ecs::system::RunSystemOnce;
use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::run_until;

use crate::files::Files;
use crate::harness::{editor, export, exported, fork, forked, lines, model, newest, noted, play};
use crate::lines::Lines;
use crate::project::{Project, ProjectFile};
use crate::toasts::Toasts;

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
    // The fork begins at the very frame from which on frames are sampled in another way.
    let changed_at = newest(app.world()).unwrap();
    app.world_mut()
        .resource_mut::<Project>()
        .sampler
        .temperature = 1.7;
    press(app, "left");
    play(app, changed_at + 5);
    forked(app, changed_at, changed_at);
    press(app, "idle");
    play(app, changed_at + 3);
    let mut lines = app.world_mut().resource_mut::<Lines>();
    "what if".clone_into(&mut lines.all[1].name);
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
    assert!(before.len() == 2 && before[1].3.is_some());
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
    play(&mut elsewhere, 14);
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
    let read = |path: &Path| ProjectFile::read(path).unwrap();
    assert!(read(&half).is_same(&read(&path)));
    // A line that is not there yet is neither forked nor taken back.
    fork(&mut again, 2);
    assert_eq!(lines(&again).all.len(), 2);
    assert!(noted(&again, "still played again"));
    for line in 0..2 {
        again.world_mut().resource_mut::<Lines>().choose(line);
        run_until(&mut again, "the chosen line", |world| {
            world.resource::<Lines>().all[line].arrived().is_none()
        });
    }
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
        play(&mut again, 14);
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
    let read = |path: &Path| ProjectFile::read(path).unwrap();
    assert!(read(&again).is_same(&read(&path)));
}
