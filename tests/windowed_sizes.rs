//! Both programs in narrow and in low windows; see `windowed_game.rs`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::time::Duration;

use genie_tests::screen::programs::{NIGHT, has_gold, prompt};
use genie_tests::screen::{Screen, changed, colours, key, part, share_of, windowed};

/// Behind the editor's small windows.
const WINDOW: [u8; 3] = [32, 34, 42];

#[test]
fn every_screen_fits_a_narrow_window_and_the_mouse_goes_through_menus() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut game = screen.game(data.path(), &[], (480, 800));
    screen.wait(&mut game, "the title", |window| {
        has_gold(&part(&screen.look_at(window), [0, 200, 1000, 300])).then_some(())
    });
    std::thread::sleep(Duration::from_millis(800));
    screen.keep(game.window, "game_title_narrow");
    screen.tap(key::DOWN);
    screen.tap(key::ENTER);
    screen.wait(&mut game, "the settings", |window| {
        has_gold(&part(&screen.look_at(window), [0, 0, 1000, 200])).then_some(())
    });
    screen.keep(game.window, "game_settings_narrow");
    // Left and right of the panel the dream is seen: it is not cut off.
    let shot = screen.look_at(game.window);
    for edge in [[0, 300, 8, 400], [992, 300, 8, 400]] {
        let text = share_of(&part(&shot, edge), [237, 240, 247], 12);
        assert!(text < 0.001, "text is cut off at {edge:?}");
    }
    screen.tap(key::ESCAPE);
    screen.tap(key::UP);
    screen.tap(key::ENTER);
    screen.wait(&mut game, "the levels", |window| {
        (colours(&part(&screen.look_at(window), [0, 100, 1000, 500])) > 60).then_some(())
    });
    // The card under the mouse comes alive.
    screen.point(130, 190);
    std::thread::sleep(Duration::from_millis(1500));
    screen.keep(game.window, "game_levels_narrow");
    let card = |window| part(&screen.look_at(window), [150, 120, 330, 190]);
    let now = card(game.window);
    screen.wait(&mut game, "the card to come alive", |window| {
        (changed(&now, &card(window)) > 0.05).then_some(())
    });
    screen.button(true);
    screen.button(false);
    screen.wait(&mut game, "the level", |window| {
        (share_of(&part(&screen.look_at(window), [0, 0, 1000, 40]), NIGHT, 6) > 0.5).then_some(())
    });
    std::thread::sleep(Duration::from_secs(1));
    screen.keep(game.window, "game_play_narrow");
}

#[test]
fn settings_that_are_longer_than_a_low_window_scroll_with_the_selected_one() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let mut game = screen.game(data.path(), &[], (640, 400));
    screen.wait(&mut game, "the title", |window| {
        has_gold(&screen.look_at(window)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(800));
    screen.tap(key::DOWN);
    screen.tap(key::ENTER);
    // The upper edge of the list, below the headline, and its lower edge.
    let (first, last) = ([150, 185, 700, 75], [150, 740, 700, 130]);
    let selected = |window, area| has_gold(&part(&screen.look_at(window), area));
    screen.wait(&mut game, "the first setting", |window| {
        (selected(window, first) && !selected(window, last)).then_some(())
    });
    // Upwards from the first one is the last one, which the window has no room for.
    screen.tap(key::UP);
    screen.wait(&mut game, "the last setting", |window| {
        (selected(window, last) && !selected(window, first)).then_some(())
    });
    screen.keep(game.window, "game_settings_low");
    screen.tap(key::DOWN);
    screen.wait(&mut game, "the first setting again", |window| {
        (selected(window, first) && !selected(window, last)).then_some(())
    });
}

#[test]
fn the_editor_can_be_used_in_a_narrow_window() {
    if !windowed() {
        return;
    }
    let (screen, data) = (Screen::new(), tempfile::tempdir().unwrap());
    let with = prompt("meadow.png").display().to_string();
    let mut program = screen.editor(data.path(), &["--prompt", &with], (480, 800));
    // One below the other: the picture, its world, its frames.
    for (what, area) in [
        ("the picture", [100, 150, 800, 220]),
        ("its world", [250, 500, 500, 200]),
    ] {
        screen.wait(&mut program, what, |window| {
            (colours(&part(&screen.look_at(window), area)) > 8).then_some(())
        });
    }
    std::thread::sleep(Duration::from_secs(3));
    screen.keep(program.window, "editor_narrow");
    screen.tap(key::F1);
    screen.wait(&mut program, "the help", |window| {
        let middle = part(&screen.look_at(window), [250, 350, 500, 300]);
        (share_of(&middle, WINDOW, 3) > 0.3).then_some(())
    });
    screen.keep(program.window, "editor_narrow_help");
}
