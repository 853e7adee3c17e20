//! A world on a turning cube and on a bent screen behind it: the world's texture is an image like any other.
//!
//! Arrow keys or WASD and space play it.

use bevy::asset::RenderAssetUsages;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;
use bevy_genie::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, GeniePlugin::default()))
        .insert_resource(ClearColor(Color::srgb(0.03, 0.03, 0.06)))
        .add_systems(Startup, start)
        .add_systems(Update, turn)
        .add_observer(put_up_screen)
        .run()
}

#[derive(Component)]
struct Turning;

fn start(
    mut commands: Commands,
    assets: Res<AssetServer>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let model = assets.load("models/platformer.genie.safetensors");
    // The world's own entity: its material shows the world by itself. Lit by the lamp, a thing in the room.
    let skin = materials.add(StandardMaterial {
        perceptual_roughness: 0.9,
        ..default()
    });
    commands.spawn((
        GenieWorld::new(model, assets.load::<Image>("prompts/meadow.png")),
        Turning,
        Mesh3d(meshes.add(cube(1.6))),
        MeshMaterial3d(skin),
        Transform::from_xyz(0.0, -0.6, 1.5),
    ));
    commands.spawn((
        PointLight {
            intensity: 1_500_000.0,
            range: 40.0,
            ..default()
        },
        Transform::from_xyz(3.0, 4.0, 6.0),
    ));
    commands.spawn((
        Camera3d::default(),
        // Colours as the model made them.
        Tonemapping::None,
        Transform::from_xyz(0.0, 0.6, 6.0).looking_at(Vec3::new(0.0, 0.2, 0.0), Vec3::Y),
    ));
}

/// Anything else shows the world with its texture. Not lit: the screen shines by itself, in the model's own colours.
fn put_up_screen(
    ready: On<GenieReady>,
    worlds: Query<&GenieTexture>,
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let Ok(texture) = worlds.get(ready.world) else {
        return;
    };
    let screen = materials.add(StandardMaterial {
        base_color_texture: Some(texture.0.clone()),
        unlit: true,
        ..default()
    });
    commands.spawn((
        Mesh3d(meshes.add(bent_screen(6.0, 4.0, 32))),
        MeshMaterial3d(screen),
        Transform::from_xyz(0.0, 0.6, -3.0),
    ));
}

fn turn(time: Res<Time>, mut things: Query<&mut Transform, With<Turning>>) {
    for mut thing in &mut things {
        thing.rotate_y(0.6 * time.delta_secs());
        thing.rotation = thing.rotation.normalize();
    }
}

/// A cube that shows the picture upright on each side.
fn cube(length: f32) -> Mesh {
    let mut mesh = Mesh::from(Cuboid::from_length(length));
    let places = mesh.attribute(Mesh::ATTRIBUTE_POSITION);
    let normals = mesh.attribute(Mesh::ATTRIBUTE_NORMAL);
    if let (Some(places), Some(normals)) = (
        places.and_then(|values| values.as_float3()),
        normals.and_then(|values| values.as_float3()),
    ) {
        let uvs: Vec<[f32; 2]> = places
            .iter()
            .zip(normals)
            .map(|(&place, &normal)| {
                let (place, normal) = (Vec3::from(place) / length, Vec3::from(normal));
                let up = if normal.y == 0.0 {
                    Vec3::Y
                } else {
                    Vec3::NEG_Z
                };
                let right = up.cross(normal);
                [0.5 + place.dot(right), 0.5 - place.dot(up)]
            })
            .collect();
        mesh.insert_attribute(Mesh::ATTRIBUTE_UV_0, uvs);
    }
    mesh
}

/// A screen bent around the viewer, the whole picture on it.
fn bent_screen(width: f32, height: f32, parts: u32) -> Mesh {
    let (mut places, mut normals, mut uvs, mut indices) = (vec![], vec![], vec![], vec![]);
    for part in 0..=parts {
        let u = part as f32 / parts as f32;
        let (sin, cos) = ((u - 0.5) * 1.6).sin_cos();
        let radius = width / 1.6;
        for v in [0.0, 1.0] {
            places.push([radius * sin, height * (0.5 - v), radius * (1.0 - cos)]);
            normals.push([-sin, 0.0, cos]);
            uvs.push([u, v]);
        }
        if part < parts {
            let i = part * 2;
            indices.extend([i, i + 1, i + 2, i + 2, i + 1, i + 3]);
        }
    }
    Mesh::new(
        PrimitiveTopology::TriangleList,
        RenderAssetUsages::RENDER_WORLD,
    )
    .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, places)
    .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, normals)
    .with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, uvs)
    .with_inserted_indices(Indices::U32(indices))
}
