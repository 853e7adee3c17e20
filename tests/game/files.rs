//! Files that are dropped on the window, and files that cannot be written.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::best_runs::BestRuns;
use crate::catalogue::Catalogue;
use crate::harness::{Game, Start, run, screen, tick};
use crate::play::Run;
use crate::settings::Settings;
use crate::states::Screen;
use crate::toast::Toast;

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
        let path = data.path().join("replays/own-my@platformer@40.replay.json");
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

#[test]
fn a_run_from_a_saved_world_is_as_long_as_any_and_begins_again_where_it_was_saved() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, saved) = exported(folder.path());
    // Saved beyond the end of runs this short.
    let start = Start {
        run_ticks: 6,
        ..Start::default()
    };
    let mut game = Game::started(data.path(), start);
    game.drop_file(&saved);
    game.until("the saved world", |world| run(world).is_some());
    let world = run(game.app.world_mut()).unwrap();
    let first = tick(game.app.world(), world);
    assert!(first >= 8, "{first}");
    game.until("two more frames", |w| tick(w, world) >= first + 2);
    game.tap(KeyCode::KeyR);
    game.until("the saved moment", |w| {
        let status = w.get::<GenieStatus>(world).unwrap().phase;
        status == GeniePhase::Running && tick(w, world) == first
    });
    game.until("the end of the run", |w| {
        w.get::<Run>(world).is_some_and(|run| run.result.is_some())
    });
    assert_eq!(tick(game.app.world(), world), first + 6);
    let (figures, _) = game.app.world().get::<Run>(world).unwrap().result.unwrap();
    assert!((figures.seconds - 0.6).abs() < 1e-4, "{figures:?}");
}

#[test]
fn best_runs_of_other_lengths_are_other_ones_and_old_files_are_read() {
    let data = tempfile::tempdir().unwrap();
    let run = r#"{"score": 7, "coins": 0, "metres": 7, "falls": 0, "seconds": 60.0}"#;
    let file = data.path().join("best_runs.json");
    std::fs::write(&file, format!(r#"{{"meadow": {run}}}"#)).unwrap();
    let score = |game: &Game| game.app.world().resource::<BestRuns>().score("meadow");
    let usual = Start {
        run_ticks: 600,
        ..Start::default()
    };
    assert_eq!(score(&Game::started(data.path(), usual)), Some(7));
    assert_eq!(score(&Game::new(data.path())), None, "a shorter run");
    let other = Start {
        run_ticks: 600,
        model: "models/coinrun.genie.safetensors",
        ..Start::default()
    };
    assert_eq!(
        score(&Game::started(data.path(), other)),
        None,
        "another model"
    );
}

#[test]
fn a_best_run_of_a_model_that_is_no_more_is_forgotten_without_a_word() {
    let data = tempfile::tempdir().unwrap();
    let mut game = Game::new(data.path());
    let level = game.app.world().resource::<Catalogue>().levels[0]
        .key
        .clone();
    drop(game);
    let key = format!("{level}@platformer@40");
    let run = r#"{"score": 7, "coins": 0, "metres": 7, "falls": 0, "seconds": 4.0}"#;
    let file = data.path().join("best_runs.json");
    std::fs::write(&file, format!(r#"{{"{key}": {run}, "other": {run}}}"#)).unwrap();
    std::fs::create_dir(data.path().join("replays")).unwrap();
    let replay = GenieReplay {
        checkpoint: 1,
        prompt: GeniePicture::filled(64, 64, [90, 160, 220]),
        seed: 0,
        sampler: GenieSamplerSettings::default(),
        changes: Vec::new(),
        actions: vec![0; 9],
    };
    let path = data.path().join(format!("replays/{key}.replay.json"));
    replay.write(path).unwrap();
    game = Game::new(data.path());
    game.begin();
    game.until("the run is forgotten", |_| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        !text.contains(&key) && text.contains("other")
    });
    game.settle();
    assert_eq!(game.said(), "");
}

#[test]
fn pictures_of_one_name_from_two_places_are_two_levels() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let drawings = data.path().join("drawings");
    std::fs::create_dir(&drawings).unwrap();
    for (folder, shade) in [(folder.path(), 40), (&drawings, 200)] {
        let picture = image::RgbImage::from_pixel(64, 64, image::Rgb([shade; 3]));
        picture.save(folder.join("a.png")).unwrap();
    }
    let given = |path: PathBuf| Start {
        prompt: Some(path),
        ..Start::default()
    };
    let levels = |game: &Game| -> Vec<(String, u8)> {
        let catalogue = game.app.world().resource::<Catalogue>();
        let named = catalogue.levels.iter().filter(|level| level.name == "a");
        let shade = |prompt: &GeniePrompt| match prompt {
            GeniePrompt::Frame(frame) => frame.pixels()[0],
            other => panic!("{other:?}"),
        };
        named
            .map(|level| (level.key.clone(), shade(&level.prompt)))
            .collect()
    };
    let game = Game::started(data.path(), given(folder.path().join("a.png")));
    let found = levels(&game);
    assert_eq!(
        found.iter().map(|level| level.1).collect::<Vec<_>>(),
        [40, 200]
    );
    assert_ne!(found[0].0, found[1].0);
    drop(game);
    // A drawing that is given is not shown twice.
    let game = Game::started(data.path(), given(drawings.join("a.png")));
    assert_eq!(levels(&game), found[1..]);
}

#[test]
fn what_has_been_said_is_not_said_again_beside_it() {
    let data = tempfile::tempdir().unwrap();
    let start = Start {
        model: "models/nowhere.genie.safetensors",
        ..Start::default()
    };
    let mut game = Game::started(data.path(), start);
    game.until("the reason", |world| {
        !world.resource::<crate::harness::Log>().toasts.is_empty()
    });
    let reason = game.said().lines().next().unwrap().to_owned();
    game.app.world_mut().write_message(Toast::error(&reason));
    game.app.world_mut().write_message(Toast::note("new"));
    game.app.world_mut().write_message(Toast::note("new"));
    game.settle();
    assert_eq!((game.shown(&reason), game.shown("new")), (1, 1));
    // Cards that can never come alive do not try, one after the other.
    game.tap(KeyCode::Enter);
    game.until("the levels", |world| screen(world) == Screen::Levels);
    let said = game.said();
    for _ in 0..3 {
        game.tap(KeyCode::ArrowRight);
        let since = std::time::Instant::now();
        while since.elapsed().as_secs_f32() < 0.4 {
            game.app.update();
        }
    }
    assert_eq!(game.said(), said);
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
