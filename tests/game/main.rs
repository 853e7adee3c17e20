//! The game `generative_level` without a window: all its screens, on the shipped world, under keys, buttons and files that are
//! sent as the window would send them. `windowed_game.rs` shows the same on a screen.

#![allow(clippy::unwrap_used)]
// A test fails by panicking.
// As in the game: a system's arguments are what it asks the world for.
#![allow(clippy::too_many_arguments, clippy::type_complexity)]
#![allow(dead_code)] // Its `main.rs` uses more of it.
#![allow(unexpected_cfgs)] // The game's feature `sound` is not one of the tests.

#[path = "../../examples/generative_level/attract.rs"]
mod attract;
#[path = "../../examples/generative_level/best_runs.rs"]
mod best_runs;
#[path = "../../examples/generative_level/bindings.rs"]
mod bindings;
#[path = "../../examples/generative_level/catalogue.rs"]
mod catalogue;
#[path = "../../examples/generative_level/dream.rs"]
mod dream;
#[path = "../../examples/generative_level/drop_picture.rs"]
mod drop_picture;
#[path = "../../examples/generative_level/game.rs"]
mod game;
#[path = "../../examples/generative_level/ghost.rs"]
mod ghost;
#[path = "../../examples/generative_level/goals/mod.rs"]
mod goals;
#[path = "../../examples/generative_level/hud.rs"]
mod hud;
#[path = "../../examples/generative_level/levels.rs"]
mod levels;
#[path = "../../examples/generative_level/look.rs"]
mod look;
#[path = "../../examples/generative_level/menu.rs"]
mod menu;
#[path = "../../examples/generative_level/pause.rs"]
mod pause;
#[path = "../../examples/generative_level/play.rs"]
mod play;
#[path = "../../examples/generative_level/result.rs"]
mod result;
#[path = "../../examples/generative_level/rewind.rs"]
mod rewind;
#[path = "../../examples/generative_level/saving.rs"]
mod saving;
#[path = "../../examples/generative_level/scripted.rs"]
mod scripted;
#[path = "../../examples/generative_level/scroll.rs"]
mod scroll;
#[path = "../../examples/generative_level/settings.rs"]
mod settings;
#[path = "../../examples/generative_level/settings_screen.rs"]
mod settings_screen;
#[path = "../../examples/generative_level/sound/mod.rs"]
mod sound;
#[path = "../../examples/generative_level/stage.rs"]
mod stage;
#[path = "../../examples/generative_level/states.rs"]
mod states;
#[path = "../../examples/generative_level/sticks.rs"]
mod sticks;
#[path = "../../examples/generative_level/title.rs"]
mod title;
#[path = "../../examples/generative_level/toast.rs"]
mod toast;

mod controls;
mod files;
mod harness;
mod racing;
mod script;
mod sounds;
