//! A world played through `bevy_enhanced_input`: arrow keys or WASD, space jumps.
//!
//! The input manager decides what is pressed; its events become the plugin's messages. With `--features bevy_gilrs`, a
//! gamepad plays too: its directional pad, and its lower button jumps.

use bevy::prelude::*;
use bevy_enhanced_input::prelude::*;
use bevy_genie::prelude::*;

fn main() -> AppExit {
    let genie = GeniePlugin {
        // Devices are the input manager's business.
        input: false,
        ..default()
    };
    App::new()
        .add_plugins((DefaultPlugins, EnhancedInputPlugin, genie))
        .add_input_context::<Playing>()
        .add_systems(Startup, start)
        .add_plugins((
            forward::<Left>("left"),
            forward::<Right>("right"),
            forward::<Jump>("jump"),
        ))
        .run()
}

/// The context of the input manager, on the world's entity.
#[derive(Component)]
struct Playing;

#[derive(InputAction)]
#[action_output(bool)]
struct Left;

#[derive(InputAction)]
#[action_output(bool)]
struct Right;

#[derive(InputAction)]
#[action_output(bool)]
struct Jump;

/// Passes an action on to the world under the name `name`.
fn forward<A: InputAction>(name: &'static str) -> impl Plugin {
    move |app: &mut App| {
        app.add_observer(
            move |start: On<Start<A>>, mut inputs: MessageWriter<GenieInput>| {
                inputs.write(GenieInput::press(start.context, name));
            },
        )
        .add_observer(
            move |complete: On<Complete<A>>, mut inputs: MessageWriter<GenieInput>| {
                inputs.write(GenieInput::release(complete.context, name));
            },
        );
    }
}

fn start(mut commands: Commands, assets: Res<AssetServer>) {
    let model = assets.load("models/platformer.genie.safetensors");
    let prompt = assets.load::<Image>("prompts/meadow.png");
    commands.spawn((Camera2d, Transform::from_scale(Vec3::splat(0.1))));
    commands.spawn((
        GenieWorld::new(model, prompt),
        Sprite::default(),
        Playing,
        actions!(Playing[
            (
                Action::<Left>::new(),
                bindings![KeyCode::ArrowLeft, KeyCode::KeyA, GamepadButton::DPadLeft],
            ),
            (
                Action::<Right>::new(),
                bindings![KeyCode::ArrowRight, KeyCode::KeyD, GamepadButton::DPadRight],
            ),
            (
                Action::<Jump>::new(),
                bindings![KeyCode::Space, KeyCode::ArrowUp, GamepadButton::South],
            ),
        ]),
    ));
}
