//! Lines and forks of them, and which of them go when there are too many.

use bevy::ecs::system::RunSystemOnce;
use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::run_until;

use crate::harness::{
    close, editor, fork, forked, go_back, lines, model, newest, noted, paint, play,
};
use crate::lines::Lines;
use crate::project::Project;
use crate::toasts::Toasts;

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
