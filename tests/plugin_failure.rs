//! Bad input becomes an event; the app and its other worlds go on.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::genie_model::checkpoint::WeightFormat;
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, run_until, tiny_checkpoint, wait_for_tick};

type Failures = Arc<Mutex<Vec<(Entity, String)>>>;

fn app_with_failures(folder: &std::path::Path) -> (App, Failures) {
    let mut app = app(folder, Duration::from_millis(100));
    let failures = Failures::default();
    let noted = Arc::clone(&failures);
    app.add_observer(move |failed: On<GenieFailed>| {
        noted
            .lock()
            .unwrap()
            .push((failed.world, failed.error.to_string()));
    });
    (app, failures)
}

fn wait_for_failure(app: &mut App, failures: &Failures, world: Entity) -> String {
    run_until(app, "a failure", |_| !failures.lock().unwrap().is_empty());
    let noted: Vec<_> = failures.lock().unwrap().drain(..).collect();
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert_eq!(noted[0].0, world);
    let phase = app.world().get::<GenieStatus>(world).unwrap().phase;
    assert_eq!(phase, GeniePhase::Failed);
    noted[0].1.clone()
}

#[test]
fn bad_checkpoints_and_prompts_fail_their_world_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let whole = tiny_checkpoint(1).to_bytes(WeightFormat::F32).unwrap();
    file("good.genie.safetensors", &whole);
    file("cut.genie.safetensors", &whole[..whole.len() - 7]);
    file("noise.genie.safetensors", b"not a checkpoint at all");
    file("empty.genie.safetensors", b"");
    let (mut app, failures) = app_with_failures(folder.path());
    let server = app.world().resource::<AssetServer>().clone();

    let good = server.load("good.genie.safetensors");
    let genie = GenieWorld::new(good.clone(), checkered(16, 16));
    let healthy = app.world_mut().spawn(genie).id();
    wait_for_tick(&mut app, healthy, 1);

    for name in ["cut", "noise", "empty", "missing"] {
        let model = server.load(format!("{name}.genie.safetensors"));
        let world = app
            .world_mut()
            .spawn(GenieWorld::new(model, checkered(16, 16)))
            .id();
        let message = wait_for_failure(&mut app, &failures, world);
        let file = format!("{name}.genie.safetensors");
        assert_eq!(message.matches(&file).count(), 1, "{message}");
        assert!(
            !message.contains('\n') && !message.contains("asset loader"),
            "{message}"
        );
    }

    let nowhere = folder.path().join("nowhere.png");
    let genie = GenieWorld::new(good.clone(), nowhere);
    let world = app.world_mut().spawn(genie).id();
    let message = wait_for_failure(&mut app, &failures, world);
    assert!(message.contains("nowhere.png"), "{message}");
    // It recovers with a prompt that is there.
    let prompt = checkered(30, 20).into();
    app.world_mut()
        .write_message(GenieCommand::prompt(world, prompt));
    wait_for_tick(&mut app, world, 1);

    let sampler = GenieSamplerSettings {
        steps: 0,
        ..default()
    };
    let genie = GenieWorld::new(good, checkered(16, 16));
    let world = app
        .world_mut()
        .spawn((genie, GenieSampler::from(sampler)))
        .id();
    let message = wait_for_failure(&mut app, &failures, world);
    assert!(message.contains("steps"), "{message}");

    let tick = app.world().get::<GenieFrame>(healthy).unwrap().tick;
    wait_for_tick(&mut app, healthy, tick + 2);
    assert!(failures.lock().unwrap().is_empty());
}

/// A checkpoint whose dynamics model computes nothing but NaN.
fn broken_checkpoint() -> bevy_genie::genie_model::checkpoint::Checkpoint {
    let mut checkpoint = tiny_checkpoint(1);
    for (name, tensor) in &mut checkpoint.tensors {
        if name.starts_with("dynamics.") {
            let nan =
                candle_core::Tensor::full(f32::NAN, tensor.shape(), &candle_core::Device::Cpu);
            *tensor = nan.unwrap();
        }
    }
    checkpoint
}

#[test]
fn values_that_are_not_finite_stop_one_world_until_its_model_is_sound() {
    let (mut app, failures) = app_with_failures(std::path::Path::new("."));
    let add = |app: &mut App, checkpoint| {
        let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
        models.add(GenieModel::new(checkpoint))
    };
    let (broken, good) = (
        add(&mut app, broken_checkpoint()),
        add(&mut app, tiny_checkpoint(1)),
    );
    let spawn = |app: &mut App, model: &Handle<GenieModel>| {
        let genie = GenieWorld::new(model.clone(), checkered(16, 16));
        app.world_mut().spawn(genie).id()
    };
    let (sick, healthy) = (spawn(&mut app, &broken), spawn(&mut app, &good));
    let message = wait_for_failure(&mut app, &failures, sick);
    assert!(message.contains("not finite"), "{message}");
    // The last frame stays on show, and a reset starts the world anew, to fail again.
    assert!(app.world().get::<GenieFrame>(sick).is_some());
    app.world_mut().write_message(GenieCommand::reset(sick));
    app.update();
    let message = wait_for_failure(&mut app, &failures, sick);
    assert!(message.contains("not finite"), "{message}");
    let tick = app.world().get::<GenieFrame>(healthy).unwrap().tick;
    wait_for_tick(&mut app, healthy, tick + 2);
    // Its model is replaced: it starts by itself.
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    models
        .insert(&broken, GenieModel::new(tiny_checkpoint(1)))
        .unwrap();
    wait_for_tick(&mut app, sick, 2);
    assert!(failures.lock().unwrap().is_empty());
}

#[test]
fn a_changed_checkpoint_file_reaches_running_worlds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.genie.safetensors");
    let write = |seed| {
        let written = tiny_checkpoint(seed).write(&path, WeightFormat::F32);
        written.unwrap();
    };
    write(1);
    let (mut app, failures) = app_with_failures(folder.path());
    let readies = Arc::new(Mutex::new(0));
    let count = Arc::clone(&readies);
    app.add_observer(move |_: On<GenieReady>| *count.lock().unwrap() += 1);
    let server = app.world().resource::<AssetServer>().clone();
    let model = server.load("tiny.genie.safetensors");
    let genie = GenieWorld::new(model, checkered(16, 16));
    let world = app.world_mut().spawn((genie, GenieClock::paused())).id();
    let prompt = |app: &mut App, readied| {
        run_until(app, "the start", |_| *readies.lock().unwrap() == readied);
        app.world()
            .get::<GenieFrame>(world)
            .unwrap()
            .pixels
            .pixels()
            .to_vec()
    };
    let before = prompt(&mut app, 1);
    write(2);
    server.reload("tiny.genie.safetensors");
    let after = prompt(&mut app, 2);
    assert_ne!(
        after, before,
        "another model sees the same prompt in another way"
    );
    // A file that is cut off changes nothing.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    server.reload("tiny.genie.safetensors");
    app.world_mut().write_message(GenieCommand::step(world));
    wait_for_tick(&mut app, world, 1);
    for _ in 0..50 {
        app.update();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(*readies.lock().unwrap(), 2);
    assert!(failures.lock().unwrap().is_empty());
}

#[test]
fn a_prompt_asset_loads_without_a_renderer() {
    let folder = tempfile::tempdir().unwrap();
    let picture = checkered(20, 20);
    let path = folder.path().join("prompt.png");
    image::save_buffer(path, picture.pixels(), 20, 20, image::ColorType::Rgb8).unwrap();
    let (mut app, failures) = app_with_failures(folder.path());
    let server = app.world().resource::<AssetServer>().clone();
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let spawn = |app: &mut App, prompt: GeniePrompt| {
        let genie = GenieWorld::new(model.clone(), prompt);
        app.world_mut().spawn((genie, GenieClock::paused())).id()
    };
    let from_asset = spawn(&mut app, server.load("prompt.png").into());
    let from_pixels = spawn(&mut app, picture.into());
    let one = wait_for_tick(&mut app, from_asset, 0);
    let other = wait_for_tick(&mut app, from_pixels, 0);
    assert_eq!(one.pixels, other.pixels);
    std::fs::write(folder.path().join("words.png"), "no picture").unwrap();
    for name in ["missing.png", "words.png"] {
        let without = spawn(&mut app, server.load(name).into());
        let message = wait_for_failure(&mut app, &failures, without);
        assert!(
            message.contains(name) && !message.contains('\n'),
            "{message}"
        );
    }
}

#[test]
fn a_device_that_is_not_there_fails_its_worlds_and_not_the_app() {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin::default(),
        GeniePlugin {
            device: GenieDevice::Cuda(977),
            ..default()
        },
    ));
    let failures = Failures::default();
    let noted = Arc::clone(&failures);
    app.add_observer(move |failed: On<GenieFailed>| {
        let text = failed.error.to_string();
        noted.lock().unwrap().push((failed.world, text));
    });
    app.finish();
    app.cleanup();
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let world = app
        .world_mut()
        .spawn(GenieWorld::new(model, checkered(16, 16)))
        .id();
    let text = wait_for_failure(&mut app, &failures, world);
    assert!(text.to_lowercase().contains("cuda"), "{text}");
}
