//! Files that are dropped on the window, and files that cannot be written.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::harness::{Game, run, screen, tick};
use crate::settings::Settings;
use crate::states::Screen;

#[derive(Resource, Default)]
struct Taken(Option<GenieReplay>);

fn keep(taken: On<GenieSnapshotTaken>, mut kept: ResMut<Taken>) {
    kept.0 = Some(taken.snapshot.replay());
}

/// Files of a run as the prompt editor exports them: a replay, and a saved world.
fn exported(folder: &Path) -> (PathBuf, PathBuf) {
    let data = tempfile::tempdir().unwrap();
    let mut game = Game::new(data.path());
    game.app.init_resource::<Taken>().add_observer(keep);
    let world = game.begin();
    game.key(KeyCode::ArrowRight, true);
    game.until("some frames", |w| tick(w, world) >= 8);
    let (replay, saved) = (folder.join("my.replay.json"), folder.join("my.world"));
    let commands = [
        GenieCommand::snapshot(world),
        GenieCommand::save(world, saved.clone()),
    ];
    for command in commands {
        game.app.world_mut().write_message(command);
    }
    game.until("both exports", |w| {
        w.resource::<Taken>().0.is_some() && saved.is_file()
    });
    let taken = game.app.world_mut().resource_mut::<Taken>().0.take();
    taken.unwrap().write(&replay).unwrap();
    (replay, saved)
}

#[test]
fn replays_and_worlds_that_the_editor_exports_are_opened() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (replay, saved) = exported(folder.path());
    let mut game = Game::new(data.path());
    // A replay: its picture is a level, and its run the ghost that runs along.
    game.drop_file(&replay);
    game.until("the level of the replay", |world| run(world).is_some());
    game.until("the ghost", |world| {
        let mut worlds = world.query::<&GenieStatus>();
        worlds.iter(world).any(|status| status.replaying)
    });
    assert!(data.path().join("drawings/my.png").is_file());
    game.until("the replay is kept", |_| {
        let path = data.path().join("replays/own-my.replay.json");
        GenieReplay::read(path).is_ok_and(|kept| kept.actions.len() >= 8)
    });
    // A world: it goes on where it was saved.
    let before = run(game.app.world_mut());
    game.drop_file(&saved);
    game.until("the saved world", |world| {
        run(world).is_some_and(|now| Some(now) != before && tick(world, now) >= 8)
    });
    assert!(!game.said().contains("not"), "{}", game.said());
}

/// A PNG file that says it is as large as that, and ends where its pixels begin.
fn hollow_png(path: &Path, edge: u32) {
    let mut bytes = Vec::from(*b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
    bytes.extend(edge.to_be_bytes());
    bytes.extend(edge.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0]);
    let checksum = !bytes[12..].iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    });
    bytes.extend(checksum.to_be_bytes());
    bytes.extend(b"\0\0\x10\0IDATx");
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_cannot_be_played_is_refused_by_its_name_and_nothing_else_changes() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let mut game = Game::new(data.path());
    hollow_png(&folder.path().join("huge.png"), 20_000);
    let refused = [
        (file("notes.txt", "only words"), "not a picture"),
        (file("notes.png", "only words"), "not a picture"),
        (file("my.prompt.json", "{\"format\": 1}"), "not a replay"),
        (folder.path().join("huge.png"), "20000 x 20000"),
        (folder.path().join("nowhere.png"), "No such file"),
        (folder.path().to_owned(), "directory"),
    ];
    for (path, reason) in refused {
        game.drop_file(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        game.until(&format!("the refusal of {name}"), |world| {
            let toasts = &world.resource::<crate::harness::Log>().toasts;
            let told = |text: &str| text.contains(&name) && text.contains(reason);
            toasts.iter().any(|toast| toast.bad && told(&toast.text))
        });
    }
    assert_eq!(screen(game.app.world()), Screen::Title);
    assert!(!data.path().join("drawings").exists());
    // A world is read by the worker, which says what is wrong with it.
    game.drop_file(&file("cut.world", "GENIEsv1"));
    game.until("the refusal of the world", |world| {
        let toasts = &world.resource::<crate::harness::Log>().toasts;
        let told = |text: &str| text.contains("cut.world") && text.contains("damaged");
        toasts.iter().any(|toast| toast.bad && told(&toast.text))
    });
    game.tap(KeyCode::Escape);
    game.settle();
}

#[cfg(target_os = "linux")]
#[test]
fn settings_that_a_full_disk_refuses_are_written_when_the_game_is_closed() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("settings.json");
    std::fs::write(&file, "{\"scale\": 2}").unwrap();
    let mut game = Game::new(data.path());
    assert_eq!(game.app.world().resource::<Settings>().scale, 2);
    // Files are written under this name first.
    let part = data.path().join("settings.json.part");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    game.app.world_mut().resource_mut::<Settings>().scale = 5;
    game.until("the reason", |world| {
        let toasts = &world.resource::<crate::harness::Log>().toasts;
        let told = |text: &str| text.contains("settings.json") && text.contains("No space left");
        toasts.iter().any(|toast| toast.bad && told(&toast.text))
    });
    let kept = || std::fs::read_to_string(&file).unwrap();
    assert!(kept().contains("\"scale\": 2"), "what was there is whole");
    // There is room again, and the game ends.
    game.app.world_mut().write_message(AppExit::Success);
    game.app.update();
    assert!(kept().contains("\"scale\": 5"), "{}", kept());
}

#[test]
fn a_run_is_played_to_its_end_where_nothing_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    // A file in place of the folder: nobody can write into it.
    let data = folder.path().join("data");
    std::fs::write(&data, "in the way").unwrap();
    let mut game = Game::new(&data);
    let world = game.begin();
    game.until("the end of the run", |w| {
        let run = w.get::<crate::play::Run>(world);
        run.is_some_and(|run| run.result.is_some())
    });
    game.until("the reason", |world| {
        let toasts = &world.resource::<crate::harness::Log>().toasts;
        toasts
            .iter()
            .any(|toast| toast.bad && toast.text.contains("best_runs.json"))
    });
    assert_eq!(std::fs::read_to_string(&data).unwrap(), "in the way");
}
