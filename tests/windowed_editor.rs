//! The prompt editor in a real window, under real keys, a real mouse and real drops; see `windowed_game.rs`. Places are those of
//! a window of 1280 x 800 pixels with its panels where they are at the first start.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use genie_tests::desk::{Desk, Program, changed, colours, key, part, share_of, windowed};
use genie_tests::example;
use image::RgbImage;

/// Parts of the window, in thousandths: left, top, width, height.
const CANVAS: [u32; 4] = [65, 130, 290, 470];
const STAMPS: [u32; 4] = [3, 690, 410, 270];
const VIEWPORT: [u32; 4] = [490, 165, 240, 380];
const TREE: [u32; 4] = [423, 735, 330, 100];
const MIDDLE: [u32; 4] = [350, 460, 300, 80];
const CORNER: [u32; 4] = [500, 750, 500, 220];
/// The colour that the hand holds at first.
const BLUE: [u8; 3] = [152, 212, 248];
/// Behind pictures.
const BACKGROUND: [u8; 3] = [17, 18, 24];
/// Behind small windows.
const WINDOW: [u8; 3] = [32, 34, 42];
const RED: [u8; 3] = [245, 107, 97];

fn prompt(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../assets/prompts")
        .join(name)
}

fn editor(desk: &Desk, data: &Path, with: Option<&str>, size: (u32, u32)) -> Program {
    let mut command = Command::new(example("prompt_editor"));
    command.env("XDG_DATA_HOME", data).current_dir(data);
    if let Some(name) = with {
        command.arg("--prompt").arg(prompt(name));
    }
    desk.start(command, "Prompt editor", Some(size))
}

/// Picture and world are there, and nothing moves any more. Until the model has taken in the picture, words stand in its place.
fn begun(desk: &Desk, editor: &mut Program) {
    let areas = |window| {
        let shot = desk.look_at(window);
        [part(&shot, CANVAS), part(&shot, VIEWPORT)]
    };
    let mut last = areas(editor.window);
    desk.wait(editor, "the picture and its world, at rest", |window| {
        std::thread::sleep(Duration::from_millis(500));
        let before = std::mem::replace(&mut last, areas(window));
        let there = |area: &RgbImage| colours(area) > 8 && share_of(area, BACKGROUND, 8) < 0.5;
        let still = |(a, b)| changed(a, b) < 0.001;
        let rests = before.iter().zip(&last).all(still);
        (rests && last.iter().all(there)).then_some(())
    });
}

/// Whether a small window is open in the middle.
fn asks(shot: &RgbImage) -> bool {
    share_of(&part(shot, MIDDLE), WINDOW, 3) > 0.25
}

fn blue(shot: &RgbImage) -> f64 {
    share_of(&part(shot, CANVAS), BLUE, 10)
}

#[test]
fn a_picture_is_painted_and_undone_and_survives_a_crash() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&desk, data.path(), Some("desert.png"), (1280, 800));
    begun(&desk, &mut program);
    desk.keep(program.window, "editor_begun");
    assert!(blue(&desk.look_at(program.window)) < 0.001);
    desk.tap(u32::from(b'r'));
    desk.drag((120, 160), (300, 230));
    let is_blue = |window| (blue(&desk.look_at(window)) > 0.05).then_some(());
    let is_not = |window| (blue(&desk.look_at(window)) < 0.001).then_some(());
    desk.wait(&mut program, "a blue rectangle", is_blue);
    desk.chord(key::CONTROL, u32::from(b'z'));
    desk.wait(&mut program, "the undo", is_not);
    desk.chord(key::CONTROL, u32::from(b'y'));
    desk.wait(&mut program, "the redo", is_blue);
    // A patch of the model, stamped over the ground.
    let stamps = |window| {
        let shot = part(&desk.look_at(window), STAMPS);
        (colours(&shot) > 200).then_some(())
    };
    desk.wait(&mut program, "the model's patches", stamps);
    desk.click(22, 633);
    let before = desk.look_at(program.window);
    desk.click(150, 400);
    desk.wait(&mut program, "the stamp", |window| {
        let area = [100, 475, 60, 70];
        let now = desk.look_at(window);
        (changed(&part(&before, area), &part(&now, area)) > 0.05).then_some(())
    });
    desk.keep(program.window, "editor_painted");
    // Another tab in front, which is there again after a restart.
    desk.click(127, 503);
    // Everything is in the autosave a moment later, so that a crash takes nothing.
    std::thread::sleep(Duration::from_secs(4));
    desk.point(1100, 700);
    desk.keep(program.window, "editor_understood");
    let understood = part(&desk.look_at(program.window), STAMPS);
    let painted = part(&desk.look_at(program.window), CANVAS);
    desk.kill(&mut program);
    drop(program);
    let mut program = editor(&desk, data.path(), None, (1280, 800));
    begun(&desk, &mut program);
    desk.point(1100, 700);
    desk.wait(&mut program, "the picture as it was", |window| {
        (changed(&painted, &part(&desk.look_at(window), CANVAS)) < 0.03).then_some(())
    });
    desk.wait(&mut program, "the panels as they were", |window| {
        (changed(&understood, &part(&desk.look_at(window), STAMPS)) < 0.1).then_some(())
    });
}

#[test]
fn a_world_is_played_and_forked_and_text_fields_keep_their_keys() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&desk, data.path(), Some("meadow.png"), (1280, 800));
    begun(&desk, &mut program);
    let viewport = |window| part(&desk.look_at(window), VIEWPORT);
    let tree = |window| part(&desk.look_at(window), TREE);
    // Without the focus the arrow keys are not the world's.
    let start = viewport(program.window);
    desk.key(key::RIGHT, true);
    std::thread::sleep(Duration::from_millis(1200));
    desk.key(key::RIGHT, false);
    assert!(
        changed(&start, &viewport(program.window)) < 0.02,
        "it moves unasked"
    );
    desk.click(780, 290);
    desk.key(key::RIGHT, true);
    desk.wait(&mut program, "the world to move", |window| {
        (changed(&start, &viewport(window)) > 0.2).then_some(())
    });
    desk.key(key::RIGHT, false);
    desk.keep(program.window, "editor_played");
    // Escape gives the keys back, and space is the editor's again: time stands still.
    desk.tap(key::ESCAPE);
    desk.tap(key::SPACE);
    std::thread::sleep(Duration::from_millis(1500));
    let still = viewport(program.window);
    std::thread::sleep(Duration::from_secs(1));
    assert!(
        changed(&still, &viewport(program.window)) < 0.01,
        "time does not stand still"
    );
    // What is typed into a text field is text.
    let before = tree(program.window);
    desk.chord(key::CONTROL, u32::from(b'o'));
    desk.wait(&mut program, "the window to open a file", |window| {
        asks(&desk.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    for letter in [b'k', b'p', b'r'] {
        desk.tap(u32::from(letter));
    }
    desk.tap(key::SPACE);
    std::thread::sleep(Duration::from_millis(700));
    desk.keep(program.window, "editor_typing");
    assert!(
        changed(&still, &viewport(program.window)) < 0.2,
        "the world hears what is typed"
    );
    assert!(
        changed(&before, &tree(program.window)) < 0.01,
        "a shortcut acts on what is typed"
    );
    desk.tap(key::ESCAPE);
    desk.wait(&mut program, "the small window to close", |window| {
        (!asks(&desk.look_at(window))).then_some(())
    });
    // A fork: another line below the first.
    desk.tap(u32::from(b'k'));
    desk.wait(&mut program, "the fork", |window| {
        (changed(&before, &tree(window)) > 0.02).then_some(())
    });
    std::thread::sleep(Duration::from_millis(1500));
    desk.keep(program.window, "editor_forked");
}

#[test]
fn pictures_are_dropped_and_refused_in_words_and_prompts_are_exported() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&desk, data.path(), Some("desert.png"), (1280, 800));
    begun(&desk, &mut program);
    let text = data.path().join("notes.png");
    std::fs::write(&text, "no picture at all").unwrap();
    desk.drop_file(&mut program, &text);
    desk.wait(&mut program, "the refusal", |window| {
        (share_of(&part(&desk.look_at(window), CORNER), RED, 12) > 0.001).then_some(())
    });
    desk.keep(program.window, "editor_refusal");
    let drawing = data.path().join("blue.png");
    RgbImage::from_pixel(300, 200, image::Rgb(BLUE))
        .save(&drawing)
        .unwrap();
    desk.drop_file(&mut program, &drawing);
    desk.wait(&mut program, "the dropped picture", |window| {
        (blue(&desk.look_at(window)) > 0.7).then_some(())
    });
    desk.chord(key::CONTROL, u32::from(b'e'));
    desk.wait(&mut program, "the window to export", |window| {
        asks(&desk.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    desk.keep(program.window, "editor_export");
    desk.click(484, 441);
    let exported = data.path().join("prompt.png");
    desk.wait(&mut program, "the exported prompt", |_| {
        exported.is_file().then_some(())
    });
    let picture = image::open(&exported).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (64, 64));
    assert!(share_of(&picture, BLUE, 2) > 0.99);
}

#[test]
fn two_checkpoints_are_played_side_by_side() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models");
    let other = other.join("coinrun.genie.safetensors");
    std::fs::copy(other, data.path().join("b.genie.safetensors")).unwrap();
    let mut program = editor(&desk, data.path(), Some("meadow.png"), (1280, 800));
    begun(&desk, &mut program);
    // View, Compare with a checkpoint.
    let below = |window| part(&desk.look_at(window), [60, 30, 120, 50]);
    let closed = below(program.window);
    desk.click(86, 12);
    desk.wait(&mut program, "the menu", |window| {
        (below(window) != closed).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    desk.click(150, 62);
    desk.wait(&mut program, "the window to compare", |window| {
        asks(&desk.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    for letter in "b.genie.safetensors".bytes() {
        desk.tap(u32::from(letter));
    }
    desk.tap(key::ENTER);
    // Both worlds of the picture, each in its half.
    let half = |left: u32| [left, 250, 90, 150];
    for left in [450, 640] {
        desk.wait(&mut program, "both worlds", |window| {
            (colours(&part(&desk.look_at(window), half(left))) > 8).then_some(())
        });
    }
    std::thread::sleep(Duration::from_secs(1));
    let both = |window| {
        let shot = desk.look_at(window);
        (part(&shot, half(450)), part(&shot, half(640)))
    };
    let before = both(program.window);
    desk.click(780, 420);
    desk.key(key::RIGHT, true);
    desk.wait(&mut program, "both worlds to move", |window| {
        let now = both(window);
        let moved = changed(&before.0, &now.0) > 0.05 && changed(&before.1, &now.1) > 0.05;
        moved.then_some(())
    });
    desk.key(key::RIGHT, false);
    desk.keep(program.window, "editor_compared");
}

#[test]
fn the_editor_can_be_used_in_a_narrow_window() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&desk, data.path(), Some("meadow.png"), (480, 800));
    // One below the other: the picture, its world, its frames.
    for (what, area) in [
        ("the picture", [100, 150, 800, 220]),
        ("its world", [250, 500, 500, 200]),
    ] {
        desk.wait(&mut program, what, |window| {
            (colours(&part(&desk.look_at(window), area)) > 8).then_some(())
        });
    }
    std::thread::sleep(Duration::from_secs(3));
    desk.keep(program.window, "editor_narrow");
    desk.tap(key::F1);
    desk.wait(&mut program, "the help", |window| {
        let middle = part(&desk.look_at(window), [250, 350, 500, 300]);
        (share_of(&middle, WINDOW, 3) > 0.3).then_some(())
    });
    desk.keep(program.window, "editor_narrow_help");
}

#[test]
fn the_window_closes_when_the_picture_is_kept_and_stays_while_it_cannot_be() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&desk, data.path(), Some("desert.png"), (1280, 800));
    begun(&desk, &mut program);
    let paint = || {
        desk.tap(u32::from(b'r'));
        desk.drag((120, 160), (300, 230));
    };
    let is_blue = |window| (blue(&desk.look_at(window)) > 0.05).then_some(());
    paint();
    desk.wait(&mut program, "a blue rectangle", is_blue);
    // At once, before the autosave of itself.
    desk.close(&program);
    assert!(desk.wait_for_exit(&mut program).success());
    drop(program);
    let mut program = editor(&desk, data.path(), None, (1280, 800));
    desk.wait(&mut program, "the picture as it was left", is_blue);
    drop(program);
    // A file in place of the folder: nothing can be kept.
    let blocked = tempfile::tempdir().unwrap();
    std::fs::write(blocked.path().join("bevy_genie"), "in the way").unwrap();
    let mut program = editor(&desk, blocked.path(), Some("desert.png"), (1280, 800));
    begun(&desk, &mut program);
    paint();
    desk.wait(&mut program, "a blue rectangle", is_blue);
    desk.close(&program);
    desk.wait(&mut program, "the reason why it stays", |window| {
        (share_of(&part(&desk.look_at(window), CORNER), RED, 12) > 0.001).then_some(())
    });
    std::thread::sleep(Duration::from_secs(2));
    desk.keep(program.window, "editor_stays");
    assert!(desk.running(&mut program), "closed, and the picture lost");
    // An editor that has no time may hear of the first wish only now.
    for _ in 0..3 {
        if desk.running(&mut program) {
            desk.close(&program);
            std::thread::sleep(Duration::from_secs(2));
        }
    }
    assert!(desk.wait_for_exit(&mut program).success());
}

#[test]
fn a_damaged_checkpoint_is_said_and_the_picture_can_be_painted_all_the_same() {
    if !windowed() {
        return;
    }
    let (desk, data) = (Desk::new(), tempfile::tempdir().unwrap());
    let broken = data.path().join("broken.genie.safetensors");
    std::fs::write(&broken, b"no").unwrap();
    let mut command = Command::new(example("prompt_editor"));
    command
        .args(["--model", &broken.display().to_string(), "--prompt"])
        .arg(prompt("desert.png"))
        .env("XDG_DATA_HOME", data.path());
    let mut program = desk.start(command, "Prompt editor", Some((1280, 800)));
    desk.wait(&mut program, "the reason", |window| {
        (share_of(&part(&desk.look_at(window), CORNER), RED, 12) > 0.001).then_some(())
    });
    desk.keep(program.window, "editor_broken_model");
    desk.tap(u32::from(b'r'));
    desk.drag((120, 160), (300, 230));
    desk.wait(&mut program, "a blue rectangle", |window| {
        (blue(&desk.look_at(window)) > 0.05).then_some(())
    });
}
