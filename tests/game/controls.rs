//! Keys and buttons, and what the settings make of them.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::bindings::Control;
use crate::harness::{Game, tick};
use crate::settings::Settings;
use crate::states::Overlay;

/// Rows of the settings above the one of the jump.
const ROWS_ABOVE_JUMP: usize = 9;

fn bound(game: &Game, control: Control) -> Vec<String> {
    let settings = game.app.world().resource::<Settings>();
    settings.bindings.of(control).to_vec()
}

/// Updates until a frame has come about by the action of the jump.
fn until_jump(game: &mut Game, world: Entity) {
    game.until("a jump", |w| {
        let model = w.get::<GenieWorld>(world).unwrap().model.clone();
        let jump = w.resource::<Assets<GenieModel>>().get(&model).unwrap();
        let jump = jump.actions().iter().position(|label| label.name == "jump");
        jump.is_some() && w.get::<GenieFrame>(world).and_then(|frame| frame.action) == jump
    });
}

/// Opens the settings and goes to the row of the jump.
fn go_to_jump(game: &mut Game) {
    game.open_settings();
    for _ in 0..ROWS_ABOVE_JUMP {
        game.tap(KeyCode::ArrowDown);
    }
}

#[test]
fn a_button_takes_the_place_of_the_old_one_and_the_world_hears_it() {
    let data = tempfile::tempdir().unwrap();
    let mut game = Game::new(data.path());
    let pad = game.gamepad();
    go_to_jump(&mut game);
    game.tap(KeyCode::Enter);
    game.button(pad, GamepadButton::North, true);
    game.button(pad, GamepadButton::North, false);
    let now = bound(&game, Control::Jump);
    assert_eq!(now[0], "GamepadNorth", "{now:?}");
    assert!(!now.contains(&"GamepadSouth".to_owned()), "{now:?}");
    assert!(
        now.contains(&"Space".to_owned()),
        "the keys are as they were: {now:?}"
    );
    // What it did before it does no longer.
    game.tap(KeyCode::ArrowDown);
    game.tap(KeyCode::Enter);
    game.button(pad, GamepadButton::North, true);
    game.button(pad, GamepadButton::North, false);
    assert_eq!(bound(&game, Control::Rewind)[0], "GamepadNorth");
    assert!(!bound(&game, Control::Jump).contains(&"GamepadNorth".to_owned()));
    game.tap(KeyCode::ArrowUp);
    game.tap(KeyCode::Enter);
    game.button(pad, GamepadButton::North, true);
    game.button(pad, GamepadButton::North, false);
    let file = data.path().join("settings.json");
    game.until("the settings are saved", |_| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.contains("\"GamepadNorth\"") && !text.contains("\"GamepadSouth\"")
    });
    game.tap(KeyCode::Escape);
    game.tap(KeyCode::ArrowUp);
    // In the world it is the jump: frames come about by that action.
    let world = game.begin();
    game.button(pad, GamepadButton::North, true);
    until_jump(&mut game, world);
    game.button(pad, GamepadButton::North, false);
}

#[test]
fn a_stick_is_bound_to_a_control_that_the_game_reads_and_to_one_that_the_world_hears() {
    let data = tempfile::tempdir().unwrap();
    let mut game = Game::new(data.path());
    let pad = game.gamepad();
    go_to_jump(&mut game);
    // Jump, rewind, pause.
    let wanted = [
        (Control::Jump, GamepadAxis::RightStickY, 1.0, "RightStickUp"),
        (
            Control::Rewind,
            GamepadAxis::LeftStickX,
            -1.0,
            "LeftStickLeft",
        ),
        (
            Control::Pause,
            GamepadAxis::RightStickX,
            1.0,
            "RightStickRight",
        ),
    ];
    for (control, axis, value, name) in wanted {
        game.tap(KeyCode::Enter);
        game.stick(pad, axis, value);
        game.stick(pad, axis, 0.0);
        let now = bound(&game, control);
        assert_eq!(now[0], name, "{now:?}");
        game.tap(KeyCode::ArrowDown);
    }
    let left = bound(&game, Control::Left);
    assert!(!left.contains(&"LeftStickLeft".to_owned()), "{left:?}");
    assert!(left.contains(&"GamepadDPadLeft".to_owned()), "{left:?}");
    let jump = bound(&game, Control::Jump);
    assert!(jump.contains(&"GamepadSouth".to_owned()), "{jump:?}");
    game.tap(KeyCode::Escape);
    game.tap(KeyCode::ArrowUp);
    let world = game.begin();
    game.stick(pad, GamepadAxis::RightStickY, 1.0);
    until_jump(&mut game, world);
    game.stick(pad, GamepadAxis::RightStickY, 0.0);
    game.stick(pad, GamepadAxis::RightStickX, 1.0);
    game.until("the pause", |w| {
        *w.resource::<State<Overlay>>().get() == Overlay::Pause
    });
}

#[test]
fn sticks_move_through_menus_as_the_directional_pad_does() {
    let data = tempfile::tempdir().unwrap();
    let mut game = Game::new(data.path());
    let pad = game.gamepad();
    game.settle();
    let push = |game: &mut Game, axis, value| {
        game.stick(pad, axis, value);
        // Held, it is one step all the same.
        game.settle();
        game.stick(pad, axis, 0.0);
        game.settle();
    };
    push(&mut game, GamepadAxis::LeftStickY, -1.0);
    game.button(pad, GamepadButton::South, true);
    game.button(pad, GamepadButton::South, false);
    game.until("the settings, the second item", |w| {
        *w.resource::<State<Overlay>>().get() == Overlay::Settings
    });
    game.settle();
    let scale = |game: &Game| game.app.world().resource::<Settings>().scale;
    let before = scale(&game);
    push(&mut game, GamepadAxis::RightStickX, 1.0);
    assert_eq!(scale(&game), before + 1);
    push(&mut game, GamepadAxis::LeftStickX, -1.0);
    assert_eq!(scale(&game), before);
}

#[test]
fn a_key_that_menus_use_is_bound_without_acting_in_the_menu() {
    let data = tempfile::tempdir().unwrap();
    let mut game = Game::new(data.path());
    go_to_jump(&mut game);
    for key in [KeyCode::Enter, KeyCode::ArrowDown, KeyCode::Space] {
        game.tap(KeyCode::Enter);
        game.tap(key);
        let name = GenieInputSource::from(key).name().into_owned();
        assert_eq!(bound(&game, Control::Jump)[0], name);
    }
    // The menu is at the same row, and waits for nothing: Escape leaves it.
    game.tap(KeyCode::Escape);
    assert_eq!(bound(&game, Control::Jump)[0], "Space");
    game.tap(KeyCode::ArrowUp);
    let world = game.begin();
    game.until("the run goes on", |w| tick(w, world) > 2);
}
