//! The game in a real window, under real keys, a real mouse and real drops. Needs a display and a graphics adapter (virtual
//! ones will do), so it runs only when `GENIE_WINDOWED_TESTS` is set; `.ci/windowed` sets all of it up.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use genie_tests::desk::{Desk, Program, changed, colours, key, part, share_of, windowed};
use genie_tests::{example, untrained_checkpoint};
use image::RgbImage;

/// Parts of the window, in thousandths: left, top, width, height.
///
/// To the right of the hero, which stays in one column and may jump there.
const LEVEL: [u32; 4] = [550, 250, 150, 500];
/// At the middle of the upper edge: name, score and coins.
const HUD: [u32; 4] = [150, 0, 700, 70];
/// Where menus are.
const MIDDLE: [u32; 4] = [300, 250, 400, 600];
/// Where the result stands, above the items of its menu.
const HEADLINE: [u32; 4] = [350, 300, 300, 100];
/// The lower right corner, where messages come up.
const CORNER: [u32; 4] = [500, 800, 500, 200];
const GOLD: [u8; 3] = [255, 209, 82];
const RED: [u8; 3] = [245, 107, 97];
const NIGHT: [u8; 3] = [14, 15, 22];

fn game(desk: &Desk, data: &Path, options: &[&str]) -> Program {
    let mut command = Command::new(example("generative_level"));
    command.args(options).env("XDG_DATA_HOME", data);
    desk.start(command, "Generative level", Some((1280, 720)))
}

fn has_gold(shot: &RgbImage) -> bool {
    share_of(shot, GOLD, 12) > 0.001
}

/// How much of the light is red.
fn share_of_red(shot: &RgbImage) -> f64 {
    let sum = |channel: usize| -> f64 { shot.pixels().map(|p| f64::from(p.0[channel])).sum() };
    sum(0) / (sum(0) + sum(1) + sum(2)).max(1.0)
}

/// From the title to a level that moves.
fn begin(desk: &Desk, game: &mut Program) {
    desk.wait(game, "the title", |window| {
        has_gold(&part(&desk.look_at(window), [250, 200, 500, 250])).then_some(())
    });
    desk.tap(key::ENTER);
    desk.wait(game, "the levels", |window| {
        (colours(&part(&desk.look_at(window), [0, 100, 1000, 500])) > 60).then_some(())
    });
    desk.tap(key::ENTER);
    desk.wait(game, "the level", |window| {
        let shot = desk.look_at(window);
        let hud = share_of(&part(&shot, HUD), NIGHT, 6) > 0.5 && has_gold(&part(&shot, HUD));
        (hud && colours(&part(&shot, LEVEL)) > 8).then_some(())
    });
}

#[test]
fn the_first_level_is_played_after_two_keys_and_obeys_the_arrows() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut game = game(&desk, data.path(), &["--prompt", &prompt("meadow.png")]);
    begin(&desk, &mut game);
    let level = |window| part(&desk.look_at(window), LEVEL);
    desk.tap(u32::from(b'r'));
    std::thread::sleep(Duration::from_millis(500));
    let start = level(game.window);
    desk.key(key::RIGHT, true);
    let pressed = Instant::now();
    let run = desk.wait(&mut game, "the level to move under the key", |window| {
        let change = changed(&start, &level(window));
        (change > 0.2).then_some(change)
    });
    let took = pressed.elapsed();
    desk.key(key::RIGHT, false);
    desk.keep(game.window, "game_play");
    desk.tap(u32::from(b'r'));
    desk.wait(&mut game, "the picture after a restart", |window| {
        (changed(&start, &level(window)) < 0.08).then_some(())
    });
    // Left alone for as long, the level stays where it is.
    let (mut rest, alone): (f64, _) = (0.0, Instant::now());
    while alone.elapsed() < took {
        rest = rest.max(changed(&start, &level(game.window)));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        rest < run / 3.0,
        "moved {run:.2} under the key, {rest:.2} without"
    );
}

fn prompt(name: &str) -> String {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/prompts");
    assets.join(name).display().to_string()
}

#[test]
fn a_run_can_be_paused_set_up_run_back_and_finished_and_is_kept() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let kept = data.path().join("bevy_genie/generative_level");
    let options = ["--seconds", "6", "--prompt", &prompt("meadow.png")];
    let mut game = game(&desk, data.path(), &options);
    begin(&desk, &mut game);
    // Pause: a menu, and nothing moves under it.
    desk.key(key::RIGHT, true);
    std::thread::sleep(Duration::from_millis(900));
    desk.tap(key::ESCAPE);
    desk.key(key::RIGHT, false);
    desk.wait(&mut game, "the pause menu", |window| {
        has_gold(&part(&desk.look_at(window), MIDDLE)).then_some(())
    });
    // A frame may have been under way.
    std::thread::sleep(Duration::from_millis(500));
    desk.keep(game.window, "game_pause");
    let still = desk.look_at(game.window);
    std::thread::sleep(Duration::from_millis(600));
    assert!(
        changed(&still, &desk.look_at(game.window)) < 0.001,
        "a paused run moves"
    );
    // Settings: three down to the scanlines, which are drawn and saved.
    for _ in 0..2 {
        desk.tap(key::DOWN);
    }
    desk.tap(key::ENTER);
    std::thread::sleep(Duration::from_millis(400));
    for _ in 0..3 {
        desk.tap(key::DOWN);
    }
    desk.tap(key::RIGHT);
    std::thread::sleep(Duration::from_millis(400));
    // Six further down is the jump: it gets another key.
    for _ in 0..6 {
        desk.tap(key::DOWN);
    }
    desk.tap(key::ENTER);
    std::thread::sleep(Duration::from_millis(400));
    desk.tap(u32::from(b'j'));
    std::thread::sleep(Duration::from_millis(400));
    desk.keep(game.window, "game_settings");
    desk.tap(key::ESCAPE);
    std::thread::sleep(Duration::from_millis(400));
    desk.tap(key::ESCAPE);
    desk.wait(&mut game, "the settings to be saved", |_| {
        let settings = std::fs::read_to_string(kept.join("settings.json")).unwrap_or_default();
        let all = settings.contains("\"scanlines\": true") && settings.contains("\"KeyJ\"");
        all.then_some(())
    });
    // Rewind: the scene goes back to where it was.
    desk.tap(u32::from(b'r'));
    std::thread::sleep(Duration::from_millis(500));
    let start = part(&desk.look_at(game.window), LEVEL);
    desk.key(key::RIGHT, true);
    desk.wait(&mut game, "the run to go on", |window| {
        (changed(&start, &part(&desk.look_at(window), LEVEL)) > 0.15).then_some(())
    });
    desk.key(key::RIGHT, false);
    let far = part(&desk.look_at(game.window), LEVEL);
    desk.key(key::BACKSPACE, true);
    desk.wait(
        &mut game,
        "the colour of time that runs backwards",
        |window| {
            let level = part(&desk.look_at(window), LEVEL);
            (share_of_red(&level) < 0.9 * share_of_red(&far)).then_some(())
        },
    );
    // Time for more frames than have been played.
    std::thread::sleep(Duration::from_millis(1600));
    desk.keep(game.window, "game_rewind");
    desk.key(key::BACKSPACE, false);
    desk.wait(&mut game, "the beginning of the run", |window| {
        let shot = desk.look_at(window);
        assert!(
            !has_gold(&part(&shot, MIDDLE)),
            "the run was over before it was taken back"
        );
        let left = changed(&start, &part(&shot, LEVEL));
        (left < 0.5 * changed(&start, &far)).then_some(())
    });
    // The end: figures, and a file with the best run.
    desk.key(key::RIGHT, true);
    desk.wait(&mut game, "the result", |window| {
        let middle = part(&desk.look_at(window), MIDDLE);
        (share_of(&middle, GOLD, 12) > 0.005).then_some(())
    });
    desk.key(key::RIGHT, false);
    desk.wait(&mut game, "the best run to be kept", |_| {
        let best = std::fs::read_to_string(kept.join("best_runs.json")).unwrap_or_default();
        let replay = kept.join("replays/meadow@platformer@60.replay.json");
        (best.contains("\"seconds\": 6.0") && replay.is_file()).then_some(())
    });
    // The figures come a moment after the panel.
    desk.wait(&mut game, "the figures", |window| {
        let middle = part(&desk.look_at(window), HEADLINE);
        (share_of(&middle, GOLD, 12) > 0.01).then_some(())
    });
    desk.keep(game.window, "game_result");
    assert_eq!(std::fs::read_dir(kept.join("replays")).unwrap().count(), 1);
    // Again: the ghost runs to the right while the player stands.
    desk.tap(key::ENTER);
    desk.wait(&mut game, "the level again", |window| {
        (!has_gold(&part(&desk.look_at(window), MIDDLE))).then_some(())
    });
    let alone = part(&desk.look_at(game.window), LEVEL);
    desk.wait(&mut game, "the ghost to run ahead", |window| {
        (changed(&alone, &part(&desk.look_at(window), LEVEL)) > 0.05).then_some(())
    });
    desk.keep(game.window, "game_ghost");
    drop(game);
    // Another start knows the run and the settings.
    let mut game = self::game(&desk, data.path(), &options);
    begin(&desk, &mut game);
    desk.keep(game.window, "game_again");
}

#[test]
fn a_dropped_picture_is_played_and_a_text_file_is_refused_in_words() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut game = game(&desk, data.path(), &[]);
    begin(&desk, &mut game);
    let text = data.path().join("notes.png");
    std::fs::write(&text, "no picture at all").unwrap();
    desk.drop_file(&mut game, &text);
    desk.wait(&mut game, "the refusal", |window| {
        (share_of(&part(&desk.look_at(window), CORNER), RED, 12) > 0.002).then_some(())
    });
    desk.keep(game.window, "game_refusal");
    let drawing = data.path().join("green.png");
    let green = RgbImage::from_fn(300, 200, |x, y| {
        image::Rgb(if y > 140 {
            [90, 60, 40]
        } else {
            [40, 200, (x / 2) as u8]
        })
    });
    green.save(&drawing).unwrap();
    let before = part(&desk.look_at(game.window), LEVEL);
    desk.drop_file(&mut game, &drawing);
    desk.wait(&mut game, "the dropped level", |window| {
        (changed(&before, &part(&desk.look_at(window), LEVEL)) > 0.5).then_some(())
    });
    let kept = data
        .path()
        .join("bevy_genie/generative_level/drawings/green.png");
    assert!(kept.is_file(), "the drawing is not kept");
    desk.keep(game.window, "game_dropped");
}

#[test]
fn every_screen_fits_a_narrow_window_and_the_mouse_goes_through_menus() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut command = Command::new(example("generative_level"));
    command.env("XDG_DATA_HOME", data.path());
    let mut game = desk.start(command, "Generative level", Some((480, 800)));
    desk.wait(&mut game, "the title", |window| {
        has_gold(&part(&desk.look_at(window), [0, 200, 1000, 300])).then_some(())
    });
    std::thread::sleep(Duration::from_millis(800));
    desk.keep(game.window, "game_title_narrow");
    desk.tap(key::DOWN);
    desk.tap(key::ENTER);
    desk.wait(&mut game, "the settings", |window| {
        has_gold(&part(&desk.look_at(window), [0, 0, 1000, 200])).then_some(())
    });
    desk.keep(game.window, "game_settings_narrow");
    // Left and right of the panel the dream is seen: it is not cut off.
    let shot = desk.look_at(game.window);
    for edge in [[0, 300, 8, 400], [992, 300, 8, 400]] {
        let text = share_of(&part(&shot, edge), [237, 240, 247], 12);
        assert!(text < 0.001, "text is cut off at {edge:?}");
    }
    desk.tap(key::ESCAPE);
    desk.tap(key::UP);
    desk.tap(key::ENTER);
    desk.wait(&mut game, "the levels", |window| {
        (colours(&part(&desk.look_at(window), [0, 100, 1000, 500])) > 60).then_some(())
    });
    // The card under the mouse comes alive.
    desk.point(130, 190);
    std::thread::sleep(Duration::from_millis(1500));
    desk.keep(game.window, "game_levels_narrow");
    let card = |window| part(&desk.look_at(window), [150, 120, 330, 190]);
    let now = card(game.window);
    desk.wait(&mut game, "the card to come alive", |window| {
        (changed(&now, &card(window)) > 0.05).then_some(())
    });
    desk.button(true);
    desk.button(false);
    desk.wait(&mut game, "the level", |window| {
        (share_of(&part(&desk.look_at(window), [0, 0, 1000, 40]), NIGHT, 6) > 0.5).then_some(())
    });
    std::thread::sleep(Duration::from_secs(1));
    desk.keep(game.window, "game_play_narrow");
}

#[test]
fn a_model_without_training_is_played_all_the_same() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let model = data.path().join("untrained.genie.safetensors");
    let checkpoint = untrained_checkpoint(&genie_model::GenieConfig::platformer(), 1);
    checkpoint.write(&model, candle_core::DType::F16).unwrap();
    let model = model.display().to_string();
    let mut game = game(&desk, data.path(), &["--model", &model]);
    begin(&desk, &mut game);
    let level = |window| part(&desk.look_at(window), LEVEL);
    let before = level(game.window);
    desk.key(key::RIGHT, true);
    desk.wait(&mut game, "the level to change", |window| {
        (changed(&before, &level(window)) > 0.1).then_some(())
    });
    desk.key(key::RIGHT, false);
    drop(game);
    // A damaged one is said to be damaged, and the program stays open.
    let broken = data.path().join("broken.genie.safetensors");
    std::fs::write(&broken, b"no").unwrap();
    let broken = broken.display().to_string();
    let mut game = self::game(&desk, data.path(), &["--model", &broken]);
    desk.wait(&mut game, "the error", |window| {
        (share_of(&part(&desk.look_at(window), CORNER), RED, 12) > 0.002).then_some(())
    });
    desk.keep(game.window, "game_broken_model");
    desk.tap(key::ENTER);
    desk.wait(&mut game, "the levels", |window| {
        (colours(&part(&desk.look_at(window), [0, 100, 1000, 500])) > 60).then_some(())
    });
}

#[test]
fn a_game_that_nobody_plays_plays_itself_until_a_key_is_pressed() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut game = game(&desk, data.path(), &[]);
    let title = |window| has_gold(&part(&desk.look_at(window), [250, 200, 500, 250]));
    desk.wait(&mut game, "the title", |window| title(window).then_some(()));
    desk.wait(&mut game, "the demonstration", |window| {
        let shot = desk.look_at(window);
        let bar = share_of(&part(&shot, [0, 950, 1000, 50]), NIGHT, 6) > 0.6;
        (bar && !has_gold(&part(&shot, [250, 150, 500, 150]))).then_some(())
    });
    std::thread::sleep(Duration::from_millis(1500));
    desk.keep(game.window, "game_attract");
    desk.tap(key::SPACE);
    desk.wait(&mut game, "the title again", |window| {
        title(window).then_some(())
    });
}

#[test]
fn where_nothing_can_be_kept_the_picture_is_played_all_the_same() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    // A file in place of the folder: nobody can write into it.
    std::fs::write(data.path().join("bevy_genie"), "in the way").unwrap();
    let mut game = game(&desk, data.path(), &[]);
    begin(&desk, &mut game);
    let drawing = data.path().join("green.png");
    RgbImage::from_pixel(64, 64, image::Rgb([40, 200, 90]))
        .save(&drawing)
        .unwrap();
    let before = part(&desk.look_at(game.window), LEVEL);
    desk.drop_file(&mut game, &drawing);
    desk.wait(&mut game, "the reason", |window| {
        (share_of(&part(&desk.look_at(window), CORNER), RED, 12) > 0.002).then_some(())
    });
    desk.keep(game.window, "game_not_kept");
    desk.wait(&mut game, "the dropped level", |window| {
        (changed(&before, &part(&desk.look_at(window), LEVEL)) > 0.5).then_some(())
    });
}
