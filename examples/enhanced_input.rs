//! A dream played through `bevy_enhanced_input`: arrow keys, WASD or a gamepad's directional pad, space or its lower
//! button jumps.
//!
//! The input manager decides what is pressed; its events become the plugin's messages.

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
        .add_observer(press::<Left>)
        .add_observer(release::<Left>)
        .add_observer(press::<Right>)
        .add_observer(release::<Right>)
        .add_observer(press::<Jump>)
        .add_observer(release::<Jump>)
        .add_systems(Startup, dream)
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

/// What the world calls an action.
trait Named: bevy_enhanced_input::prelude::InputAction {
    const NAME: &'static str;
}

impl Named for Left {
    const NAME: &'static str = "left";
}

impl Named for Right {
    const NAME: &'static str = "right";
}

impl Named for Jump {
    const NAME: &'static str = "jump";
}

fn press<A: Named>(
    start: On<Start<A>>,
    mut actions: MessageWriter<bevy_genie::prelude::InputAction>,
) {
    actions.write(bevy_genie::prelude::InputAction::press(
        start.context,
        A::NAME,
    ));
}

fn release<A: Named>(
    complete: On<Complete<A>>,
    mut actions: MessageWriter<bevy_genie::prelude::InputAction>,
) {
    actions.write(bevy_genie::prelude::InputAction::release(
        complete.context,
        A::NAME,
    ));
}

fn dream(mut commands: Commands, assets: Res<AssetServer>, images: Res<Assets<Image>>) {
    let model = assets.load("models/platformer.genie.safetensors");
    let world = GenieWorld::new(model, assets.load::<Image>("prompts/meadow.png"));
    let texture = GenieTexture(images.reserve_handle());
    commands.spawn((Camera2d, Transform::from_scale(Vec3::splat(0.1))));
    commands.spawn((
        Sprite::from_image(texture.0.clone()),
        world,
        texture,
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
