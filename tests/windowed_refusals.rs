//! What both programs say in real windows where a disk refuses what is to be kept, or a model is no good; see `windowed_game.rs`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::time::Duration;

use bevy_genie::genie_model::checkpoint::WeightFormat;
use genie_tests::screen::programs::{LEVEL, has_refusal, prompt};
use genie_tests::screen::{Screen, changed, colours, key, part, windowed};
use genie_tests::untrained_checkpoint;
use image::RgbImage;

/// The size of the game's window.
const LOW: (u32, u32) = (1280, 720);
/// The size of the editor's.
const WIDE: (u32, u32) = (1280, 800);

#[test]
fn a_model_without_training_is_played_all_the_same() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let model = data.path().join("untrained.genie.safetensors");
    let checkpoint = untrained_checkpoint(&genie_model::GenieConfig::platformer(), 1);
    checkpoint.write(&model, WeightFormat::F16).unwrap();
    let model = model.display().to_string();
    let mut game = screen.game(data.path(), &["--model", &model], LOW);
    screen.begin_level(&mut game);
    let level = |window| part(&screen.look_at(window), LEVEL);
    let before = level(game.window);
    screen.key(key::RIGHT, true);
    screen.wait(&mut game, "the level to change", |window| {
        (changed(&before, &level(window)) > 0.1).then_some(())
    });
    screen.key(key::RIGHT, false);
    drop(game);
    // A damaged one is said to be damaged, and the program stays open.
    let broken = data.path().join("broken.genie.safetensors");
    std::fs::write(&broken, b"no").unwrap();
    let broken = broken.display().to_string();
    let mut game = screen.game(data.path(), &["--model", &broken], LOW);
    screen.wait(&mut game, "the error", |window| {
        has_refusal(&screen.look_at(window)).then_some(())
    });
    screen.keep(game.window, "game_broken_model");
    screen.tap(key::ENTER);
    screen.wait(&mut game, "the levels", |window| {
        (colours(&part(&screen.look_at(window), [0, 100, 1000, 500])) > 60).then_some(())
    });
}

#[test]
fn where_nothing_can_be_kept_the_picture_is_played_all_the_same() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    // A file in place of the folder: nobody can write into it.
    std::fs::write(data.path().join("bevy_genie"), "in the way").unwrap();
    let mut game = screen.game(data.path(), &[], LOW);
    screen.begin_level(&mut game);
    let drawing = data.path().join("green.png");
    RgbImage::from_pixel(64, 64, image::Rgb([40, 200, 90]))
        .save(&drawing)
        .unwrap();
    let before = part(&screen.look_at(game.window), LEVEL);
    screen.drop_file(&mut game, &drawing);
    screen.wait(&mut game, "the reason", |window| {
        has_refusal(&screen.look_at(window)).then_some(())
    });
    screen.keep(game.window, "game_not_kept");
    screen.wait(&mut game, "the dropped level", |window| {
        (changed(&before, &part(&screen.look_at(window), LEVEL)) > 0.5).then_some(())
    });
}

#[test]
fn the_editor_stays_open_while_the_picture_cannot_be_kept() {
    if !windowed() {
        return;
    }
    let screen = Screen::new();
    // A file in place of the folder: nothing can be kept.
    let blocked = tempfile::tempdir().unwrap();
    std::fs::write(blocked.path().join("bevy_genie"), "in the way").unwrap();
    let with = prompt("desert.png").display().to_string();
    let mut program = screen.editor(blocked.path(), &["--prompt", &with], WIDE);
    screen.editor_rests(&mut program);
    let is_blue = |window| (screen.blue_on_canvas(window) > 0.05).then_some(());
    screen.paint_rectangle();
    screen.wait(&mut program, "a blue rectangle", is_blue);
    screen.close(&program);
    screen.wait(&mut program, "the reason why it stays", |window| {
        has_refusal(&screen.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_secs(2));
    screen.keep(program.window, "editor_stays");
    assert!(screen.running(&mut program), "closed, and the picture lost");
    // An editor that has no time may hear of the first wish only now.
    for _ in 0..3 {
        if screen.running(&mut program) {
            screen.close(&program);
            std::thread::sleep(Duration::from_secs(2));
        }
    }
    assert!(screen.wait_for_exit(&mut program).success());
}

#[test]
fn a_damaged_checkpoint_is_said_and_the_picture_can_be_painted_all_the_same() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let broken = data.path().join("broken.genie.safetensors");
    std::fs::write(&broken, b"no").unwrap();
    let (broken, with) = (broken.display().to_string(), prompt("desert.png"));
    let with = with.display().to_string();
    let options = ["--model", &broken, "--prompt", &with];
    let mut program = screen.editor(data.path(), &options, WIDE);
    screen.wait(&mut program, "the reason", |window| {
        has_refusal(&screen.look_at(window)).then_some(())
    });
    screen.keep(program.window, "editor_broken_model");
    screen.paint_rectangle();
    screen.wait(&mut program, "a blue rectangle", |window| {
        (screen.blue_on_canvas(window) > 0.05).then_some(())
    });
}
