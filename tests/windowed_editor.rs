//! The prompt editor in a real window, under real keys, a real mouse and real drops; see `windowed_game.rs`. Places are those of
//! a window of 1280 x 800 pixels with its panels where they are at the first start.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::Path;
use std::time::Duration;

use genie_tests::screen::programs::{BLUE, CANVAS, VIEWPORT, has_refusal, prompt};
use genie_tests::screen::{Program, Screen, changed, colours, key, part, share_of, windowed};
use image::RgbImage;

/// Parts of the window, in thousandths: left, top, width, height.
const STAMPS: [u32; 4] = [3, 690, 410, 270];
const TREE: [u32; 4] = [423, 735, 330, 100];
const MIDDLE: [u32; 4] = [350, 460, 300, 80];
/// Behind small windows.
const WINDOW: [u8; 3] = [32, 34, 42];

const WIDE: (u32, u32) = (1280, 800);

/// The editor with a picture of the project.
fn editor(screen: &Screen, data: &Path, with: &str) -> Program {
    let with = prompt(with).display().to_string();
    let mut program = screen.editor(data, &["--prompt", &with], WIDE);
    screen.editor_rests(&mut program);
    program
}

/// Whether a small window is open in the middle.
fn asks(shot: &RgbImage) -> bool {
    share_of(&part(shot, MIDDLE), WINDOW, 3) > 0.25
}

#[test]
fn a_picture_is_painted_and_undone_and_survives_a_crash() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&screen, data.path(), "desert.png");
    screen.keep(program.window, "editor_begun");
    assert!(screen.blue_on_canvas(program.window) < 0.001);
    screen.paint_rectangle();
    let is_blue = |window| (screen.blue_on_canvas(window) > 0.05).then_some(());
    let is_not = |window| (screen.blue_on_canvas(window) < 0.001).then_some(());
    screen.wait(&mut program, "a blue rectangle", is_blue);
    screen.chord(key::CONTROL, u32::from(b'z'));
    screen.wait(&mut program, "the undo", is_not);
    screen.chord(key::CONTROL, u32::from(b'y'));
    screen.wait(&mut program, "the redo", is_blue);
    // A patch of the model, stamped over the ground.
    let stamps = |window| {
        let shot = part(&screen.look_at(window), STAMPS);
        (colours(&shot) > 200).then_some(())
    };
    screen.wait(&mut program, "the model's patches", stamps);
    screen.click(22, 633);
    let before = screen.look_at(program.window);
    screen.click(150, 400);
    screen.wait(&mut program, "the stamp", |window| {
        let area = [100, 475, 60, 70];
        let now = screen.look_at(window);
        (changed(&part(&before, area), &part(&now, area)) > 0.05).then_some(())
    });
    screen.keep(program.window, "editor_painted");
    // Another tab in front, which is there again after a restart.
    screen.click(127, 503);
    // Everything is in the autosave a moment later, so that a crash takes nothing.
    std::thread::sleep(Duration::from_secs(4));
    screen.point(1100, 700);
    screen.keep(program.window, "editor_understood");
    let understood = part(&screen.look_at(program.window), STAMPS);
    let painted = part(&screen.look_at(program.window), CANVAS);
    screen.kill(&mut program);
    drop(program);
    let mut program = screen.editor(data.path(), &[], WIDE);
    screen.editor_rests(&mut program);
    screen.point(1100, 700);
    screen.wait(&mut program, "the picture as it was", |window| {
        (changed(&painted, &part(&screen.look_at(window), CANVAS)) < 0.03).then_some(())
    });
    screen.wait(&mut program, "the panels as they were", |window| {
        (changed(&understood, &part(&screen.look_at(window), STAMPS)) < 0.1).then_some(())
    });
}

#[test]
fn a_world_is_played_and_forked_and_text_fields_keep_their_keys() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&screen, data.path(), "meadow.png");
    let viewport = |window| part(&screen.look_at(window), VIEWPORT);
    let tree = |window| part(&screen.look_at(window), TREE);
    // Without the focus the arrow keys are not the world's.
    let start = viewport(program.window);
    screen.key(key::RIGHT, true);
    std::thread::sleep(Duration::from_millis(1200));
    screen.key(key::RIGHT, false);
    assert!(
        changed(&start, &viewport(program.window)) < 0.02,
        "it moves unasked"
    );
    screen.click(780, 290);
    screen.key(key::RIGHT, true);
    screen.wait(&mut program, "the world to move", |window| {
        (changed(&start, &viewport(window)) > 0.2).then_some(())
    });
    screen.key(key::RIGHT, false);
    screen.keep(program.window, "editor_played");
    // Escape gives the keys back, and space is the editor's again: time stands still.
    screen.tap(key::ESCAPE);
    screen.tap(key::SPACE);
    std::thread::sleep(Duration::from_millis(1500));
    let still = viewport(program.window);
    std::thread::sleep(Duration::from_secs(1));
    assert!(
        changed(&still, &viewport(program.window)) < 0.01,
        "time does not stand still"
    );
    // What is typed into a text field is text.
    let before = tree(program.window);
    screen.chord(key::CONTROL, u32::from(b'o'));
    screen.wait(&mut program, "the window to open a file", |window| {
        asks(&screen.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    // What the small window leaves in sight of the world.
    let beside = |window| part(&screen.look_at(window), [650, 165, 80, 380]);
    let still = beside(program.window);
    for letter in [b'k', b'p', b'r'] {
        screen.tap(u32::from(letter));
    }
    screen.tap(key::SPACE);
    std::thread::sleep(Duration::from_millis(700));
    screen.keep(program.window, "editor_typing");
    assert!(
        changed(&still, &beside(program.window)) < 0.05,
        "the world hears what is typed"
    );
    assert!(
        changed(&before, &tree(program.window)) < 0.01,
        "a shortcut acts on what is typed"
    );
    screen.tap(key::ESCAPE);
    screen.wait(&mut program, "the small window to close", |window| {
        (!asks(&screen.look_at(window))).then_some(())
    });
    // A fork: another line below the first.
    screen.tap(u32::from(b'k'));
    screen.wait(&mut program, "the fork", |window| {
        (changed(&before, &tree(window)) > 0.02).then_some(())
    });
    std::thread::sleep(Duration::from_millis(1500));
    screen.keep(program.window, "editor_forked");
}

#[test]
fn pictures_are_dropped_and_refused_in_words_and_prompts_are_exported() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&screen, data.path(), "desert.png");
    let text = data.path().join("notes.png");
    std::fs::write(&text, "no picture at all").unwrap();
    screen.drop_file(&mut program, &text);
    screen.wait(&mut program, "the refusal", |window| {
        has_refusal(&screen.look_at(window)).then_some(())
    });
    screen.keep(program.window, "editor_refusal");
    let drawing = data.path().join("blue.png");
    RgbImage::from_pixel(300, 200, image::Rgb(BLUE))
        .save(&drawing)
        .unwrap();
    screen.drop_file(&mut program, &drawing);
    screen.wait(&mut program, "the dropped picture", |window| {
        (screen.blue_on_canvas(window) > 0.7).then_some(())
    });
    screen.chord(key::CONTROL, u32::from(b'e'));
    screen.wait(&mut program, "the window to export", |window| {
        asks(&screen.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    screen.keep(program.window, "editor_export");
    screen.click(484, 441);
    let exported = data.path().join("prompt.png");
    screen.wait(&mut program, "the exported prompt", |_| {
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
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models");
    let other = other.join("coinrun.genie.safetensors");
    std::fs::copy(other, data.path().join("b.genie.safetensors")).unwrap();
    let mut program = editor(&screen, data.path(), "meadow.png");
    // View, Compare with a checkpoint.
    let below = |window| part(&screen.look_at(window), [60, 30, 120, 50]);
    let closed = below(program.window);
    screen.click(86, 12);
    screen.wait(&mut program, "the menu", |window| {
        (below(window) != closed).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    screen.click(150, 62);
    screen.wait(&mut program, "the window to compare", |window| {
        asks(&screen.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    // In place of the folder that is suggested.
    screen.chord(key::CONTROL, u32::from(b'a'));
    for letter in "b.genie.safetensors".bytes() {
        screen.tap(u32::from(letter));
    }
    screen.tap(key::ENTER);
    // Both worlds of the picture, each in its half.
    let half = |left: u32| [left, 250, 90, 150];
    for left in [450, 640] {
        screen.wait(&mut program, "both worlds", |window| {
            (colours(&part(&screen.look_at(window), half(left))) > 8).then_some(())
        });
    }
    std::thread::sleep(Duration::from_secs(1));
    let both = |window| {
        let shot = screen.look_at(window);
        (part(&shot, half(450)), part(&shot, half(640)))
    };
    let before = both(program.window);
    screen.click(780, 420);
    screen.key(key::RIGHT, true);
    screen.wait(&mut program, "both worlds to move", |window| {
        let now = both(window);
        let moved = changed(&before.0, &now.0) > 0.05 && changed(&before.1, &now.1) > 0.05;
        moved.then_some(())
    });
    screen.key(key::RIGHT, false);
    screen.keep(program.window, "editor_compared");
}

#[test]
fn the_window_closes_at_once_and_the_picture_is_kept() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut program = editor(&screen, data.path(), "desert.png");
    let is_blue = |window| (screen.blue_on_canvas(window) > 0.05).then_some(());
    screen.paint_rectangle();
    screen.wait(&mut program, "a blue rectangle", is_blue);
    // At once, before the autosave of itself.
    screen.close(&program);
    assert!(screen.wait_for_exit(&mut program).success());
    drop(program);
    let mut program = screen.editor(data.path(), &[], WIDE);
    screen.wait(&mut program, "the picture as it was left", is_blue);
}
