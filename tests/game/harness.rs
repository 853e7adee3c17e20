//! The game in an app without a window or a graphics adapter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bevy::app::TerminalCtrlCHandlerPlugin;
use bevy::asset::UnapprovedPathMode;
use bevy::input::ButtonState;
use bevy::input::gamepad::{
    GamepadConnection, GamepadConnectionEvent, RawGamepadAxisChangedEvent,
    RawGamepadButtonChangedEvent, RawGamepadEvent,
};
use bevy::input::keyboard::{Key, KeyboardInput};
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::settings::WgpuSettings;
use bevy::window::{FileDragAndDrop, PrimaryWindow};
use bevy::winit::WinitPlugin;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;
use genie_examples::script::Script;
use genie_tests::Patience;

use crate::catalogue::{Catalogue, FirstPrompt, ShippedPrompts};
use crate::play::Run;
use crate::scripted::RunScript;
use crate::sound::{PlaySound, Sound};
use crate::states::{Overlay, Screen, Session};
use crate::toast::Toast;

/// What the game has said and sounded so far.
#[derive(Resource, Default)]
pub(crate) struct Log {
    pub(crate) toasts: Vec<Toast>,
    pub(crate) sounds: Vec<Sound>,
}

/// The game.
pub(crate) struct Game {
    pub(crate) app: App,
    window: Entity,
}

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets")
}

/// How a game is started.
pub(crate) struct Start {
    /// As `--prompt`.
    pub(crate) prompt: Option<PathBuf>,
    /// As `--model`, within the assets.
    pub(crate) model: &'static str,
    /// Length of a run.
    pub(crate) run_ticks: u64,
    /// As `--script`.
    pub(crate) script: Option<Script>,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            prompt: None,
            model: genie_examples::assets::MODEL,
            run_ticks: 40,
            script: None,
        }
    }
}

impl Game {
    /// The title screen of a game that keeps its files in `data`.
    pub(crate) fn new(data: &Path) -> Self {
        Self::started(data, Start::default())
    }

    /// The same, started in another way.
    pub(crate) fn started(data: &Path, start: Start) -> Self {
        let renderless = WgpuSettings {
            backends: None,
            ..default()
        };
        let mut app = App::new();
        app.add_plugins(
            DefaultPlugins
                .build()
                .disable::<WinitPlugin>()
                .disable::<LogPlugin>()
                .disable::<TerminalCtrlCHandlerPlugin>()
                .set(RenderPlugin {
                    render_creation: renderless.into(),
                    ..default()
                })
                .set(AssetPlugin {
                    file_path: assets().display().to_string(),
                    unapproved_path_mode: UnapprovedPathMode::Deny,
                    ..default()
                }),
        )
        .add_plugins(GeniePlugin::default())
        .init_resource::<Log>();
        let server = app.world().resource::<AssetServer>();
        let model = server.load(start.model);
        app.insert_resource(Session {
            model,
            seed: 0,
            run_ticks: start.run_ticks,
            data: data.to_owned(),
        })
        .insert_resource(FirstPrompt(start.prompt))
        .insert_resource(ShippedPrompts(genie_examples::assets::prompts(&assets())))
        .add_plugins(crate::game::GamePlugin)
        .add_systems(Last, listen);
        app.finish();
        app.cleanup();
        let mut windows = app
            .world_mut()
            .query_filtered::<Entity, With<PrimaryWindow>>();
        let window = windows.single(app.world()).unwrap();
        let mut game = Self { app, window };
        game.until("the levels are read", |world| {
            world.resource::<Catalogue>().complete
        });
        if let Some(script) = start.script {
            // So that the settings could give the run their keys at once.
            game.until("the model is loaded", |world| {
                let model = &world.resource::<Session>().model;
                world.resource::<Assets<GenieModel>>().contains(model)
            });
            game.app.insert_resource(RunScript(script));
        }
        game
    }

    /// Updates until something holds.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut World) -> bool) {
        let mut patience = Patience::with_this_process();
        while !done(self.app.world_mut()) {
            assert!(!patience.is_over(), "waited in vain: {what}");
            self.app.update();
            std::thread::sleep(Duration::from_millis(4));
        }
    }

    /// A few frames, in which layouts and menus follow what has changed.
    pub(crate) fn settle(&mut self) {
        for _ in 0..4 {
            self.app.update();
        }
    }

    /// Presses a key, or lets it go.
    pub(crate) fn key(&mut self, key_code: KeyCode, down: bool) {
        self.app.world_mut().write_message(KeyboardInput {
            key_code,
            logical_key: Key::Unidentified(bevy::input::keyboard::NativeKey::Unidentified),
            state: if down {
                ButtonState::Pressed
            } else {
                ButtonState::Released
            },
            text: None,
            repeat: false,
            window: self.window,
        });
        self.app.update();
    }

    /// Presses a key for a frame.
    pub(crate) fn tap(&mut self, key: KeyCode) {
        self.key(key, true);
        self.key(key, false);
        self.settle();
    }

    /// A gamepad that is plugged in.
    pub(crate) fn gamepad(&mut self) -> Entity {
        let pad = self.app.world_mut().spawn_empty().id();
        let connection = GamepadConnection::Connected {
            name: "pad".to_owned(),
            vendor_id: None,
            product_id: None,
        };
        let event = GamepadConnectionEvent::new(pad, connection);
        self.app.world_mut().write_message(event);
        self.settle();
        pad
    }

    /// Presses a button of a gamepad, or lets it go.
    pub(crate) fn button(&mut self, pad: Entity, button: GamepadButton, down: bool) {
        let value = if down { 1.0 } else { 0.0 };
        let event = RawGamepadButtonChangedEvent::new(pad, button, value);
        self.app
            .world_mut()
            .write_message(RawGamepadEvent::Button(event));
        self.app.update();
    }

    /// Pushes a stick of a gamepad along an axis, or lets it go.
    pub(crate) fn stick(&mut self, pad: Entity, axis: GamepadAxis, value: f32) {
        let event = RawGamepadAxisChangedEvent::new(pad, axis, value);
        self.app
            .world_mut()
            .write_message(RawGamepadEvent::Axis(event));
        self.app.update();
    }

    /// Drops a file on the window.
    pub(crate) fn drop_file(&mut self, path: &Path) {
        let (window, path_buf) = (self.window, path.to_owned());
        self.app
            .world_mut()
            .write_message(FileDragAndDrop::DroppedFile { window, path_buf });
        self.app.update();
    }

    /// From the title to a run that shows its first frame.
    pub(crate) fn begin(&mut self) -> Entity {
        self.tap(KeyCode::Enter);
        self.until("the levels", |world| screen(world) == Screen::Levels);
        self.settle();
        self.tap(KeyCode::Enter);
        self.until("the run", |world| run(world).is_some());
        run(self.app.world_mut()).unwrap()
    }

    /// Opens the settings from the title.
    pub(crate) fn open_settings(&mut self) {
        self.settle();
        self.tap(KeyCode::ArrowDown);
        self.tap(KeyCode::Enter);
        self.until("the settings", |world| {
            **world.resource::<State<Overlay>>() == Overlay::Settings
        });
        self.settle();
    }

    /// What was said, in one string.
    pub(crate) fn said(&self) -> String {
        let toasts = &self.app.world().resource::<Log>().toasts;
        let texts: Vec<_> = toasts.iter().map(|toast| toast.text.as_str()).collect();
        texts.join("\n")
    }

    /// How many toasts with this text are on the screen.
    pub(crate) fn shown(&mut self, text: &str) -> usize {
        let world = self.app.world_mut();
        let mut texts = world.query::<&Text>();
        texts.iter(world).filter(|shown| shown.0 == text).count()
    }

    /// How often a sound was begun.
    pub(crate) fn heard(&self, sound: Sound) -> usize {
        let sounds = &self.app.world().resource::<Log>().sounds;
        sounds.iter().filter(|other| **other == sound).count()
    }
}

/// The screen that is shown.
pub(crate) fn screen(world: &World) -> Screen {
    **world.resource::<State<Screen>>()
}

/// The run, once it shows a frame.
pub(crate) fn run(world: &mut World) -> Option<Entity> {
    let mut runs = world.query_filtered::<Entity, (With<Run>, With<GenieFrame>)>();
    runs.single(world).ok()
}

/// The tick that a world shows.
pub(crate) fn tick(world: &World, entity: Entity) -> u64 {
    world
        .get::<GenieFrame>(entity)
        .map_or(0, |frame| frame.tick)
}

fn listen(
    mut toasts: MessageReader<Toast>,
    mut sounds: MessageReader<PlaySound>,
    mut log: ResMut<Log>,
) {
    log.toasts.extend(toasts.read().cloned());
    log.sounds
        .extend(sounds.read().map(|PlaySound(sound)| *sound));
}
