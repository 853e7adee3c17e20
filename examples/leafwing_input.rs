//! A world played through `leafwing-input-manager`: arrow keys or WASD, space jumps. With
//! `--features bevy_gilrs`, a gamepad plays too: its directional pad, and its lower button jumps.
//!
//! The input manager decides what is pressed; what changes becomes the plugin's messages.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use leafwing_input_manager::prelude::*;

fn main() -> AppExit {
    let genie = GeniePlugin {
        // Devices are the input manager's business.
        input: false,
        ..default()
    };
    App::new()
        .add_plugins((DefaultPlugins, InputManagerPlugin::<Play>::default(), genie))
        .add_systems(Startup, start)
        .add_systems(Update, forward)
        .run()
}

#[derive(Actionlike, Reflect, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Play {
    Left,
    Right,
    Jump,
}

impl Play {
    /// What the world calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Jump => "jump",
        }
    }
}

fn forward(
    worlds: Query<(Entity, &ActionState<Play>), With<GenieWorld>>,
    mut actions: MessageWriter<GenieInput>,
) {
    for (world, state) in &worlds {
        for play in state.get_just_pressed() {
            actions.write(GenieInput::press(world, play.name()));
        }
        for play in state.get_just_released() {
            actions.write(GenieInput::release(world, play.name()));
        }
    }
}

fn start(mut commands: Commands, assets: Res<AssetServer>) {
    let model = assets.load("models/platformer.genie.safetensors");
    let prompt = assets.load::<Image>("prompts/meadow.png");
    let keys = InputMap::new([
        (Play::Left, KeyCode::ArrowLeft),
        (Play::Left, KeyCode::KeyA),
        (Play::Right, KeyCode::ArrowRight),
        (Play::Right, KeyCode::KeyD),
        (Play::Jump, KeyCode::Space),
        (Play::Jump, KeyCode::ArrowUp),
    ]);
    // The input manager knows gamepads only with a feature of its own.
    #[cfg(feature = "bevy_gilrs")]
    let keys = keys
        .with(Play::Left, GamepadButton::DPadLeft)
        .with(Play::Right, GamepadButton::DPadRight)
        .with(Play::Jump, GamepadButton::South);
    commands.spawn((Camera2d, Transform::from_scale(Vec3::splat(0.1))));
    commands.spawn((GenieWorld::new(model, prompt), Sprite::default(), keys));
}
