//! The least it takes to play a dream: arrow keys or WASD, space jumps.

use bevy::prelude::*;
use bevy_genie::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, GeniePlugin::default()))
        .add_systems(Startup, dream)
        .run()
}

fn dream(mut commands: Commands, assets: Res<AssetServer>, images: Res<Assets<Image>>) {
    let model = assets.load("models/platformer.genie.safetensors");
    let world = GenieWorld::new(model, assets.load::<Image>("prompts/meadow.png"));
    let texture = GenieTexture(images.reserve_handle());
    commands.spawn((Camera2d, Transform::from_scale(Vec3::splat(0.1))));
    commands.spawn((Sprite::from_image(texture.0.clone()), world, texture));
}
