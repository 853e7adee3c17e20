//! The game in a real window, under real keys, a real mouse and real drops. Needs a display and a graphics adapter (virtual
//! ones will do), so it runs only when `GENIE_WINDOWED_TESTS` is set; `.ci/windowed` sets all of it up.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::Path;
use std::time::{Duration, Instant};

use genie_tests::screen::programs::{GOLD, LEVEL, NIGHT, has_gold, has_refusal};
use genie_tests::screen::{Program, Screen, changed, colours, key, part, share_of, windowed};
use image::RgbImage;

/// Parts of the window, in thousandths: left, top, width, height.
///
/// Where menus are.
const MIDDLE: [u32; 4] = [300, 250, 400, 600];
/// Where the result stands, above the items of its menu.
const HEADLINE: [u32; 4] = [350, 300, 300, 100];

fn game(screen: &Screen, data: &Path, options: &[&str]) -> Program {
    screen.game(data, options, (1280, 720))
}

fn prompt(name: &str) -> String {
    genie_tests::screen::programs::prompt(name)
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
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut game = game(&screen, data.path(), &["--prompt", &prompt("meadow.png")]);
    screen.begin_level(&mut game);
    let level = |window| part(&screen.look_at(window), LEVEL);
    screen.tap(u32::from(b'r'));
    std::thread::sleep(Duration::from_millis(500));
    let start = level(game.window);
    screen.key(key::RIGHT, true);
    let pressed = Instant::now();
    let run = screen.wait(&mut game, "the level to move under the key", |window| {
        let change = changed(&start, &level(window));
        (change > 0.2).then_some(change)
    });
    let took = pressed.elapsed();
    screen.key(key::RIGHT, false);
    screen.keep(game.window, "game_play");
    screen.tap(u32::from(b'r'));
    screen.wait(&mut game, "the picture after a restart", |window| {
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
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let kept = data.path().join("bevy_genie/generative_level");
    let options = ["--seconds", "6", "--prompt", &prompt("meadow.png")];
    let mut game = game(&screen, data.path(), &options);
    screen.begin_level(&mut game);
    // Pause: a menu, and nothing moves under it.
    screen.key(key::RIGHT, true);
    std::thread::sleep(Duration::from_millis(900));
    screen.tap(key::ESCAPE);
    screen.key(key::RIGHT, false);
    screen.wait(&mut game, "the pause menu", |window| {
        has_gold(&part(&screen.look_at(window), MIDDLE)).then_some(())
    });
    // A frame may have been under way.
    std::thread::sleep(Duration::from_millis(500));
    screen.keep(game.window, "game_pause");
    let still = screen.look_at(game.window);
    std::thread::sleep(Duration::from_millis(600));
    assert!(
        changed(&still, &screen.look_at(game.window)) < 0.001,
        "a paused run moves"
    );
    // Settings: three down to the scanlines, which are drawn and saved.
    for _ in 0..2 {
        screen.tap(key::DOWN);
    }
    screen.tap(key::ENTER);
    std::thread::sleep(Duration::from_millis(400));
    for _ in 0..3 {
        screen.tap(key::DOWN);
    }
    screen.tap(key::RIGHT);
    std::thread::sleep(Duration::from_millis(400));
    // Six further down is the jump: it gets another key.
    for _ in 0..6 {
        screen.tap(key::DOWN);
    }
    screen.tap(key::ENTER);
    std::thread::sleep(Duration::from_millis(400));
    screen.tap(u32::from(b'j'));
    std::thread::sleep(Duration::from_millis(400));
    screen.keep(game.window, "game_settings");
    screen.tap(key::ESCAPE);
    std::thread::sleep(Duration::from_millis(400));
    screen.tap(key::ESCAPE);
    screen.wait(&mut game, "the settings to be saved", |_| {
        let settings = std::fs::read_to_string(kept.join("settings.json")).unwrap_or_default();
        let all = settings.contains("\"scanlines\": true") && settings.contains("\"KeyJ\"");
        all.then_some(())
    });
    // Rewind: the scene goes back to where it was.
    screen.tap(u32::from(b'r'));
    std::thread::sleep(Duration::from_millis(500));
    let start = part(&screen.look_at(game.window), LEVEL);
    screen.key(key::RIGHT, true);
    screen.wait(&mut game, "the run to go on", |window| {
        (changed(&start, &part(&screen.look_at(window), LEVEL)) > 0.15).then_some(())
    });
    screen.key(key::RIGHT, false);
    let far = part(&screen.look_at(game.window), LEVEL);
    screen.key(key::BACKSPACE, true);
    screen.wait(
        &mut game,
        "the colour of time that runs backwards",
        |window| {
            let level = part(&screen.look_at(window), LEVEL);
            (share_of_red(&level) < 0.9 * share_of_red(&far)).then_some(())
        },
    );
    // Time for more frames than have been played.
    std::thread::sleep(Duration::from_millis(1600));
    screen.keep(game.window, "game_rewind");
    screen.key(key::BACKSPACE, false);
    screen.wait(&mut game, "the beginning of the run", |window| {
        let shot = screen.look_at(window);
        assert!(
            !has_gold(&part(&shot, MIDDLE)),
            "the run was over before it was taken back"
        );
        let left = changed(&start, &part(&shot, LEVEL));
        (left < 0.5 * changed(&start, &far)).then_some(())
    });
    // The end: figures, and a file with the best run.
    screen.key(key::RIGHT, true);
    screen.wait(&mut game, "the result", |window| {
        let middle = part(&screen.look_at(window), MIDDLE);
        (share_of(&middle, GOLD, 12) > 0.005).then_some(())
    });
    screen.key(key::RIGHT, false);
    screen.wait(&mut game, "the best run to be kept", |_| {
        let best = std::fs::read_to_string(kept.join("best_runs.json")).unwrap_or_default();
        let replay = kept.join("replays/meadow@platformer@60.replay.json");
        (best.contains("\"seconds\": 6.0") && replay.is_file()).then_some(())
    });
    // The figures come a moment after the panel.
    screen.wait(&mut game, "the figures", |window| {
        let middle = part(&screen.look_at(window), HEADLINE);
        (share_of(&middle, GOLD, 12) > 0.01).then_some(())
    });
    screen.keep(game.window, "game_result");
    assert_eq!(std::fs::read_dir(kept.join("replays")).unwrap().count(), 1);
    // Again: the ghost runs to the right while the player stands.
    screen.tap(key::ENTER);
    screen.wait(&mut game, "the level again", |window| {
        (!has_gold(&part(&screen.look_at(window), MIDDLE))).then_some(())
    });
    let alone = part(&screen.look_at(game.window), LEVEL);
    screen.wait(&mut game, "the ghost to run ahead", |window| {
        (changed(&alone, &part(&screen.look_at(window), LEVEL)) > 0.05).then_some(())
    });
    screen.keep(game.window, "game_ghost");
    drop(game);
    // Another start knows the run and the settings.
    let mut game = self::game(&screen, data.path(), &options);
    screen.begin_level(&mut game);
    screen.keep(game.window, "game_again");
}

#[test]
fn a_dropped_picture_is_played_and_a_text_file_is_refused_in_words() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut game = game(&screen, data.path(), &[]);
    screen.begin_level(&mut game);
    let text = data.path().join("notes.png");
    std::fs::write(&text, "no picture at all").unwrap();
    screen.drop_file(&mut game, &text);
    screen.wait(&mut game, "the refusal", |window| {
        has_refusal(&screen.look_at(window)).then_some(())
    });
    screen.keep(game.window, "game_refusal");
    let drawing = data.path().join("green.png");
    let green = RgbImage::from_fn(300, 200, |x, y| {
        image::Rgb(if y > 140 {
            [90, 60, 40]
        } else {
            [40, 200, (x / 2) as u8]
        })
    });
    green.save(&drawing).unwrap();
    let before = part(&screen.look_at(game.window), LEVEL);
    screen.drop_file(&mut game, &drawing);
    screen.wait(&mut game, "the dropped level", |window| {
        let now = part(&screen.look_at(window), LEVEL);
        (changed(&before, &now) > 0.5 && colours(&now) > 8).then_some(())
    });
    let kept = data
        .path()
        .join("bevy_genie/generative_level/drawings/green.png");
    assert!(kept.is_file(), "the drawing is not kept");
    screen.keep(game.window, "game_dropped");
}

#[test]
fn a_game_that_nobody_plays_plays_itself_until_a_key_is_pressed() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut game = game(&screen, data.path(), &[]);
    let title = |window| has_gold(&part(&screen.look_at(window), [250, 200, 500, 250]));
    screen.wait(&mut game, "the title", |window| title(window).then_some(()));
    screen.wait(&mut game, "the demonstration", |window| {
        let shot = screen.look_at(window);
        let bar = share_of(&part(&shot, [0, 950, 1000, 50]), NIGHT, 6) > 0.6;
        (bar && !has_gold(&part(&shot, [250, 150, 500, 150]))).then_some(())
    });
    std::thread::sleep(Duration::from_millis(1500));
    screen.keep(game.window, "game_attract");
    screen.tap(key::SPACE);
    screen.wait(&mut game, "the title again", |window| {
        title(window).then_some(())
    });
}
