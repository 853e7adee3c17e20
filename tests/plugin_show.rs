//! Sprites, images of the user interface and materials on a world's own entity show the world.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::Path;
use std::time::Duration;

use bevy::pbr::{MeshMaterial3d, StandardMaterial};
use bevy::prelude::*;
use bevy::sprite_render::{ColorMaterial, MeshMaterial2d};
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, tiny_checkpoint, wait_for_tick};

fn start() -> (App, GenieWorld) {
    let mut app = app(Path::new("."), Duration::from_millis(100));
    app.init_asset::<StandardMaterial>()
        .init_asset::<ColorMaterial>();
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    (app, GenieWorld::new(model, checkered(16, 16)))
}

fn texture(app: &App, world: Entity) -> Handle<Image> {
    app.world().get::<GenieTexture>(world).unwrap().0.clone()
}

#[test]
fn what_shows_no_image_yet_shows_the_world() {
    let (mut app, genie) = start();
    let mut materials = app.world_mut().resource_mut::<Assets<StandardMaterial>>();
    let material = materials.add(StandardMaterial::default());
    let world = app
        .world_mut()
        .spawn((
            genie.clone(),
            Sprite::default(),
            MeshMaterial3d(material.clone()),
        ))
        .id();
    let mut materials = app.world_mut().resource_mut::<Assets<ColorMaterial>>();
    let flat_material = materials.add(ColorMaterial::default());
    let flat = MeshMaterial2d(flat_material.clone());
    let flat = app.world_mut().spawn((genie.clone(), flat)).id();
    let node = app.world_mut().spawn((genie, ImageNode::default())).id();
    // In the very frame in which they are spawned: no other image is drawn before.
    app.update();
    let handle = texture(&app, world);
    assert_ne!(handle, Handle::default());
    assert_eq!(app.world().get::<Sprite>(world).unwrap().image, handle);
    let shown = &app.world().get::<ImageNode>(node).unwrap().image;
    assert_eq!(*shown, texture(&app, node));
    let materials = app.world().resource::<Assets<StandardMaterial>>();
    let shown = &materials.get(&material).unwrap().base_color_texture;
    assert_eq!(*shown, Some(handle.clone()));
    let materials = app.world().resource::<Assets<ColorMaterial>>();
    let shown = &materials.get(&flat_material).unwrap().texture;
    assert_eq!(*shown, Some(texture(&app, flat)));
    let frame = wait_for_tick(&mut app, world, 1);
    let images = app.world().resource::<Assets<Image>>();
    assert_eq!(
        images.get(&handle).unwrap().data,
        Some(frame.pixels.to_rgba())
    );
}

#[test]
fn components_that_come_later_show_the_world_too() {
    let (mut app, genie) = start();
    let world = app.world_mut().spawn(genie).id();
    app.update();
    app.world_mut().entity_mut(world).insert(Sprite::default());
    // A material whose asset is loaded after its handle is on the entity.
    let materials = app.world().resource::<Assets<StandardMaterial>>();
    let material = materials.reserve_handle();
    app.world_mut()
        .entity_mut(world)
        .insert(MeshMaterial3d(material.clone()));
    app.update();
    let handle = texture(&app, world);
    assert_eq!(app.world().get::<Sprite>(world).unwrap().image, handle);
    let mut materials = app.world_mut().resource_mut::<Assets<StandardMaterial>>();
    materials
        .insert(&material, StandardMaterial::default())
        .unwrap();
    // Changes of assets are known at the end of a frame.
    for _ in 0..2 {
        app.update();
    }
    let materials = app.world().resource::<Assets<StandardMaterial>>();
    let shown = &materials.get(&material).unwrap().base_color_texture;
    assert_eq!(*shown, Some(handle));
}

#[test]
fn images_that_the_game_has_chosen_stay() {
    let (mut app, genie) = start();
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let own = images.add(Image::default());
    let mut materials = app.world_mut().resource_mut::<Assets<StandardMaterial>>();
    let material = materials.add(StandardMaterial {
        base_color_texture: Some(own.clone()),
        ..default()
    });
    let world = app
        .world_mut()
        .spawn((
            genie,
            Sprite::from_image(own.clone()),
            MeshMaterial3d(material.clone()),
        ))
        .id();
    wait_for_tick(&mut app, world, 1);
    assert_eq!(app.world().get::<Sprite>(world).unwrap().image, own);
    let materials = app.world().resource::<Assets<StandardMaterial>>();
    let shown = &materials.get(&material).unwrap().base_color_texture;
    assert_eq!(*shown, Some(own));
}
