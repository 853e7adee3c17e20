//! Bad input becomes an event; the app and its other worlds go on.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy::prelude::*;
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
    let phase = app.world().get::<WorldStatus>(world).unwrap().phase;
    assert_eq!(phase, WorldPhase::Failed);
    noted[0].1.clone()
}

#[test]
fn bad_checkpoints_and_prompts_fail_their_world_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let whole = tiny_checkpoint(1)
        .to_bytes(candle_core::DType::F32)
        .unwrap();
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
        assert!(message.contains(name), "{message}");
    }

    let nowhere = folder.path().join("nowhere.png");
    let genie = GenieWorld::new(good.clone(), nowhere);
    let world = app.world_mut().spawn(genie).id();
    let message = wait_for_failure(&mut app, &failures, world);
    assert!(message.contains("nowhere.png"), "{message}");
    // It recovers with a prompt that is there.
    let prompt = checkered(30, 20).into();
    app.world_mut()
        .write_message(WorldCommand::prompt(world, prompt));
    wait_for_tick(&mut app, world, 1);

    let sampler = SamplerSettings {
        steps: 0,
        ..default()
    };
    let genie = GenieWorld::new(good, checkered(16, 16)).with_sampler(sampler);
    let world = app.world_mut().spawn(genie).id();
    let message = wait_for_failure(&mut app, &failures, world);
    assert!(message.contains("steps"), "{message}");

    let tick = app.world().get::<WorldFrame>(healthy).unwrap().tick;
    wait_for_tick(&mut app, healthy, tick + 2);
    assert!(failures.lock().unwrap().is_empty());
}
