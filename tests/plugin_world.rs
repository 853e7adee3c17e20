//! Worlds in an app without a window: frames, keys, pauses, resets, several worlds at once.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::genie_model::checkpoint::WeightFormat;
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, run_until, tiny_checkpoint, wait_for_tick};

const TICK: Duration = Duration::from_millis(100);

fn new_app() -> App {
    app(std::path::Path::new("."), TICK)
}

fn model(app: &mut App, seed: u64) -> Handle<GenieModel> {
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    models.add(GenieModel::new(tiny_checkpoint(seed)))
}

fn texture_bytes(app: &App, world: Entity) -> Vec<u8> {
    let texture = app.world().get::<GenieTexture>(world).unwrap();
    let image = app
        .world()
        .resource::<Assets<Image>>()
        .get(&texture.0)
        .unwrap();
    image.data.clone().unwrap()
}

/// Steps a paused world by one frame.
fn step(app: &mut App, world: Entity) -> GenieFrame {
    let before = app.world().get::<GenieFrame>(world).unwrap().tick;
    app.world_mut().write_message(GenieCommand::step(world));
    wait_for_tick(app, world, before + 1)
}

fn pixels(frame: &GenieFrame) -> Vec<u8> {
    frame.pixels.pixels().to_vec()
}

#[test]
fn a_world_from_files_becomes_ready_and_shows_every_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.genie.safetensors");
    tiny_checkpoint(1).write(path, WeightFormat::F16).unwrap();
    let picture = checkered(50, 31);
    let prompt = folder.path().join("prompt.png");
    image::save_buffer(&prompt, picture.pixels(), 50, 31, image::ColorType::Rgb8).unwrap();
    let mut app = app(folder.path(), TICK);
    let server = app.world().resource::<AssetServer>().clone();
    let ready = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ready);
    app.add_observer(move |event: On<GenieReady>, frames: Query<&GenieFrame>| {
        let tick = frames.get(event.world).unwrap().tick;
        seen.lock()
            .unwrap()
            .push((event.world, event.size, event.actions, tick));
    });
    let model = server.load("tiny.genie.safetensors");
    let world = app
        .world_mut()
        .spawn((GenieWorld::new(model, prompt), GenieClock::paused()))
        .id();
    let handle = app.world().get::<GenieTexture>(world).unwrap().0.clone();
    assert_ne!(
        handle,
        Handle::default(),
        "the texture's handle is there from the start"
    );

    let first = wait_for_tick(&mut app, world, 0);
    assert_eq!(*ready.lock().unwrap(), [(world, UVec2::splat(16), 3, 0)]);
    assert_eq!((first.tick, first.action), (0, None));
    let mut shown = vec![texture_bytes(&app, world)];
    for tick in 1..=4 {
        let frame = step(&mut app, world);
        assert_eq!((frame.tick, frame.action), (tick, Some(0)));
        let bytes = texture_bytes(&app, world);
        assert_eq!(bytes, frame.pixels.to_rgba(), "the texture shows the frame");
        shown.push(bytes);
    }
    shown.dedup();
    assert!(shown.len() > 1, "frames differ from each other");
    assert_eq!(app.world().get::<GenieTexture>(world).unwrap().0, handle);
}

#[test]
fn keys_and_actions_choose_the_latent_action() {
    let mut app = new_app();
    let model = model(&mut app, 1);
    let world = app
        .world_mut()
        .spawn((
            GenieWorld::new(model, checkered(16, 16)),
            GenieClock::paused(),
        ))
        .id();
    wait_for_tick(&mut app, world, 0);
    let keys = |app: &mut App, change: &dyn Fn(&mut ButtonInput<KeyCode>)| {
        change(&mut app.world_mut().resource_mut::<ButtonInput<KeyCode>>());
    };
    assert_eq!(step(&mut app, world).action, Some(0));
    keys(&mut app, &|keys| keys.press(KeyCode::ArrowRight));
    assert_eq!(step(&mut app, world).action, Some(2));
    assert_eq!(step(&mut app, world).action, Some(2), "held");
    keys(&mut app, &|keys| keys.press(KeyCode::ArrowLeft));
    assert_eq!(step(&mut app, world).action, Some(0), "opposites cancel");
    keys(&mut app, &|keys| keys.release(KeyCode::ArrowRight));
    assert_eq!(step(&mut app, world).action, Some(1));
    app.world_mut()
        .get_mut::<GenieKeyboard>(world)
        .unwrap()
        .enabled = false;
    app.update();
    assert_eq!(
        step(&mut app, world).action,
        Some(0),
        "keys no longer count"
    );
    app.world_mut()
        .write_message(GenieInput::press(world, "right"));
    assert_eq!(
        step(&mut app, world).action,
        Some(2),
        "game code presses by label"
    );
}

/// The frames of a world under a fixed list of actions, alone or beside another world.
fn play(seed: u64, actions: &[&'static str], company: bool) -> Vec<Vec<u8>> {
    let mut app = new_app();
    let model = model(&mut app, 1);
    let genie = GenieWorld::new(model, checkered(40, 40)).with_seed(seed);
    let other = company.then(|| app.world_mut().spawn(genie.clone().with_seed(99)).id());
    let world = app.world_mut().spawn((genie, GenieClock::paused())).id();
    let mut frames = vec![pixels(&wait_for_tick(&mut app, world, 0))];
    for &action in actions {
        app.world_mut()
            .write_message(GenieInput::press(world, action));
        frames.push(pixels(&step(&mut app, world)));
        app.world_mut()
            .write_message(GenieInput::release(world, action));
    }
    if let Some(other) = other {
        let frame = app.world().get::<GenieFrame>(other).unwrap();
        assert!(frame.tick > 0, "the other world ticked meanwhile");
    }
    frames
}

#[test]
fn same_seed_and_actions_give_the_same_frames_in_any_app() {
    let actions = [
        "right", "right", "left", "idle", "right", "left", "left", "idle",
    ];
    let frames = play(7, &actions, false);
    assert_eq!(frames, play(7, &actions, false));
    assert_eq!(
        frames,
        play(7, &actions, true),
        "another world makes no difference"
    );
    assert_ne!(frames, play(8, &actions, false), "the seed counts");
    let others = [
        "left", "left", "left", "left", "left", "left", "left", "left",
    ];
    assert_ne!(frames, play(7, &others, false), "the actions count");
}

#[test]
fn two_worlds_run_at_once_and_each_has_its_own_frames() {
    let mut app = new_app();
    let model = model(&mut app, 1);
    let spawn = |app: &mut App, prompt| {
        let genie = GenieWorld::new(model.clone(), prompt);
        app.world_mut().spawn(genie).id()
    };
    let one = spawn(&mut app, GeniePicture::filled(16, 16, [250, 20, 20]));
    let other = spawn(&mut app, checkered(16, 16));
    app.world_mut()
        .write_message(GenieInput::press(one, "right"));
    app.world_mut()
        .write_message(GenieInput::press(other, "left"));
    let first = wait_for_tick(&mut app, one, 6);
    let second = wait_for_tick(&mut app, other, 6);
    assert_eq!((first.action, second.action), (Some(2), Some(1)));
    assert_ne!(texture_bytes(&app, one), texture_bytes(&app, other));
}

#[test]
fn a_paused_world_stands_still_until_resumed() {
    let mut app = new_app();
    let model = model(&mut app, 1);
    let world = app
        .world_mut()
        .spawn(GenieWorld::new(model, checkered(16, 16)))
        .id();
    wait_for_tick(&mut app, world, 2);
    app.world_mut().write_message(GenieCommand::pause(world));
    // A frame may be on its way.
    for _ in 0..50 {
        app.update();
        std::thread::sleep(Duration::from_millis(2));
    }
    let tick = app.world().get::<GenieFrame>(world).unwrap().tick;
    for _ in 0..50 {
        app.update();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(app.world().get::<GenieFrame>(world).unwrap().tick, tick);
    app.world_mut().write_message(GenieCommand::resume(world));
    wait_for_tick(&mut app, world, tick + 2);
}

#[test]
fn reset_replays_the_same_frames_and_a_new_prompt_does_not() {
    let mut app = new_app();
    let model = model(&mut app, 1);
    let genie = GenieWorld::new(model, checkered(16, 16)).with_seed(3);
    let resets = Arc::new(Mutex::new(0));
    let count = Arc::clone(&resets);
    app.add_observer(move |_: On<GenieReset>| *count.lock().unwrap() += 1);
    let world = app.world_mut().spawn((genie, GenieClock::paused())).id();
    let play = |app: &mut App| {
        let mut frames = vec![pixels(&wait_for_tick(app, world, 0))];
        frames.extend((0..5).map(|_| pixels(&step(app, world))));
        frames
    };
    let before = play(&mut app);
    app.world_mut().write_message(GenieCommand::reset(world));
    run_until(&mut app, "the reset", |_| *resets.lock().unwrap() == 1);
    assert_eq!(play(&mut app), before);
    let prompt = GeniePicture::filled(9, 70, [10, 200, 30]);
    app.world_mut()
        .write_message(GenieCommand::prompt(world, prompt.into()));
    run_until(&mut app, "the new prompt", |w| {
        w.get::<GenieFrame>(world).unwrap().tick == 0
    });
    assert_ne!(play(&mut app), before);
}

#[test]
fn a_prompt_may_be_an_image_asset() {
    let mut app = new_app();
    let model = model(&mut app, 1);
    let image = Image {
        data: Some(vec![10, 200, 30, 255]),
        ..default()
    };
    let handle = app.world_mut().resource_mut::<Assets<Image>>().add(image);
    let genie = GenieWorld::new(model, handle);
    let paused = GenieClock::paused();
    let from_image = app.world_mut().spawn((genie.clone(), paused)).id();
    let frame = GeniePicture::filled(16, 16, [10, 200, 30]);
    let genie = GenieWorld {
        prompt: frame.into(),
        ..genie
    };
    let from_frame = app.world_mut().spawn((genie, paused)).id();
    let one = wait_for_tick(&mut app, from_image, 0);
    let other = wait_for_tick(&mut app, from_frame, 0);
    assert_eq!(pixels(&one), pixels(&other));
}

/// One picture is one prompt, whoever reads it: the plugin from a file or from an asset, or a program that decodes the
/// file with `genie_model` as the `genie` command does. The colour that a transparent pixel hides never shows.
#[test]
fn a_transparent_picture_is_the_same_prompt_by_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prompt.png");
    let alphas = [0, 90, 255];
    let pixels = (0..48 * 32_usize).flat_map(|i| [(i % 251) as u8, 250, 20, alphas[i / 7 % 3]]);
    let pixels: Vec<u8> = pixels.collect();
    image::save_buffer(&path, &pixels, 48, 32, image::ColorType::Rgba8).unwrap();

    let mut app = app(folder.path(), TICK);
    let model = model(&mut app, 1);
    let asset: Handle<Image> = app.world().resource::<AssetServer>().load("prompt.png");
    let prompts = [GeniePrompt::File(path.clone()), asset.into()];
    let shown = prompts.map(|prompt| {
        let genie = GenieWorld::new(model.clone(), prompt);
        let world = app.world_mut().spawn((genie, GenieClock::paused())).id();
        wait_for_tick(&mut app, world, 0)
    });

    let decoded = GeniePicture::decode(&std::fs::read(&path).unwrap()).unwrap();
    let config = tiny_checkpoint(1).config;
    let (width, height) = (config.frame_width, config.frame_height);
    let decoded = decoded
        .fitted(width, height, genie_model::Fit::default())
        .unwrap();
    let world =
        genie_model::WorldModel::new(tiny_checkpoint(1), &candle_core::Device::Cpu).unwrap();
    let rollout = world.prompt(&decoded, 0).unwrap();
    for frame in &shown {
        assert_eq!(frame.pixels.pixels(), rollout.frame().pixels());
    }
}

#[test]
fn the_embedded_model_plays_without_any_asset_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path(), TICK);
    let model = app
        .world()
        .resource::<AssetServer>()
        .load(bevy_genie::EMBEDDED_MODEL);
    let world = app
        .world_mut()
        .spawn(GenieWorld::new(model, checkered(64, 64)))
        .id();
    let frame = wait_for_tick(&mut app, world, 2);
    assert_eq!(pixels(&frame).len(), 64 * 64 * 3);
}
