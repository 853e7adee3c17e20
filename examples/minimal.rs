//! The least it takes to play a generated world: arrow keys or WASD, space jumps.

use bevy::prelude::*;
use bevy_genie::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, GeniePlugin::default()))
        .add_systems(Startup, start)
        .run()
}

fn start(mut commands: Commands, assets: Res<AssetServer>) {
    let model = assets.load("models/platformer.genie.safetensors");
    let prompt = assets.load::<Image>("prompts/meadow.png");
    commands.spawn((Camera2d, Transform::from_scale(Vec3::splat(0.1))));
    commands.spawn((GenieWorld::new(model, prompt), Sprite::default()));
}
