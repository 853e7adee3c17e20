//! The game in a real window, under real keys, a real mouse and real drops. Needs a display and a graphics adapter (virtual
//! ones will do), so it runs only when `GENIE_WINDOWED_TESTS` is set; `.ci/windowed` sets all of it up.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::Path;
use std::time::{Duration, Instant};

use genie_tests::desk::programs::{GOLD, LEVEL, NIGHT, has_gold, has_refusal};
use genie_tests::desk::{Desk, Program, changed, colours, key, part, share_of, windowed};
use image::RgbImage;

/// Parts of the window, in thousandths: left, top, width, height.
///
/// Where menus are.
const MIDDLE: [u32; 4] = [300, 250, 400, 600];
/// Where the result stands, above the items of its menu.
const HEADLINE: [u32; 4] = [350, 300, 300, 100];

fn game(desk: &Desk, data: &Path, options: &[&str]) -> Program {
    desk.game(data, options, (1280, 720))
}

fn prompt(name: &str) -> String {
    genie_tests::desk::programs::prompt(name)
        .display()
        .to_string()
}

/// How much of the light is red.
fn share_of_red(shot: &RgbImage) -> f64 {
    let sum = |channel: usize| -> f64 { shot.pixels().map(|p| f64::from(p.0[channel])).sum() };
    sum(0) / (sum(0) + sum(1) + sum(2)).max(1.0)
}

#[test]
fn the_first_level_is_played_after_two_keys_and_obeys_the_arrows() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut game = game(&desk, data.path(), &["--prompt", &prompt("meadow.png")]);
    desk.begin_level(&mut game);
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

#[test]
fn a_run_can_be_paused_set_up_run_back_and_finished_and_is_kept() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let kept = data.path().join("bevy_genie/generative_level");
    let options = ["--seconds", "6", "--prompt", &prompt("meadow.png")];
    let mut game = game(&desk, data.path(), &options);
    desk.begin_level(&mut game);
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
    desk.begin_level(&mut game);
    desk.keep(game.window, "game_again");
}

#[test]
fn a_dropped_picture_is_played_and_a_text_file_is_refused_in_words() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut game = game(&desk, data.path(), &[]);
    desk.begin_level(&mut game);
    let text = data.path().join("notes.png");
    std::fs::write(&text, "no picture at all").unwrap();
    desk.drop_file(&mut game, &text);
    desk.wait(&mut game, "the refusal", |window| {
        has_refusal(&desk.look_at(window)).then_some(())
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
        let now = part(&desk.look_at(window), LEVEL);
        (changed(&before, &now) > 0.5 && colours(&now) > 8).then_some(())
    });
    let kept = data
        .path()
        .join("bevy_genie/generative_level/drawings/green.png");
    assert!(kept.is_file(), "the drawing is not kept");
    desk.keep(game.window, "game_dropped");
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
