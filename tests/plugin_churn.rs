//! Thousands of frames of worlds that come and go. Alone in its process: the threads counted are its own.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bevy::diagnostic::{Diagnostic, DiagnosticPath, DiagnosticsPlugin, DiagnosticsStore};
use bevy::prelude::*;
use bevy::time::TimeUpdateStrategy;
use bevy_genie::GenieDiagnosticsPlugin as Figures;
use bevy_genie::prelude::*;
use genie_tests::{PATIENCE, checkered, run_until, tiny_checkpoint, wait_for_no_genie_threads};

const FRAMES: usize = 10_000;
const MOST_WORLDS: usize = 24;

/// Xorshift: any sequence does.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }
}

/// MiB that the worker's worlds and models take, and images and entities in the app, once the worker has come to the end
/// of what it was asked: no world is left in it, and the models take `models` bytes.
fn bookkeeping(app: &mut App, models: usize) -> (f64, usize, u32) {
    run_until(app, "the memory of the models alone", |w| {
        figure(w, &Figures::WORLDS) == Some(0.0)
            && figure(w, &Figures::MEMORY) == Some(models as f64 / f64::from(1 << 20))
    });
    let memory = figure(app.world(), &Figures::MEMORY).unwrap();
    let images = app.world().resource::<Assets<Image>>().len();
    (memory, images, app.world().entities().count_spawned())
}

fn figure(world: &World, path: &DiagnosticPath) -> Option<f64> {
    let store = world.resource::<DiagnosticsStore>();
    store.get(path).and_then(Diagnostic::value)
}

#[test]
fn ten_thousand_frames_of_worlds_that_come_and_go_leave_nothing_behind() {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        DiagnosticsPlugin,
        AssetPlugin::default(),
        ImagePlugin::default(),
        GeniePlugin::default(),
        Figures {
            interval: Duration::from_millis(1),
        },
    ))
    .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(
        100,
    )));
    app.finish();
    app.cleanup();
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let checkpoints = [1, 2].map(tiny_checkpoint);
    let weights = checkpoints.iter().flat_map(|c| c.tensors.values());
    let model_bytes = weights.map(|tensor| 4 * tensor.elem_count()).sum();
    let models = checkpoints.map(|checkpoint| models.add(GenieModel::new(checkpoint)));
    let mut chance = Chance(7);
    let spawn = |app: &mut App, chance: &mut Chance| {
        let genie = GenieWorld::new(models[chance.below(2)].clone(), checkered(16, 16));
        let genie = genie.with_seed(chance.below(1000) as u64);
        app.world_mut()
            .spawn((
                genie,
                GenieTimeline {
                    capacity: chance.below(6),
                },
            ))
            .id()
    };
    // Both models have been built once before the first look.
    let first: Vec<_> = (0..6).map(|_| spawn(&mut app, &mut chance)).collect();
    run_until(&mut app, "the first worlds", |w| {
        first
            .iter()
            .all(|&world| w.get::<GenieFrame>(world).is_some())
    });
    for world in first {
        app.world_mut().despawn(world);
    }
    app.update();
    let before = bookkeeping(&mut app, model_bytes);

    let mut alive: Vec<Entity> = Vec::new();
    let mut next: HashMap<Entity, u64> = HashMap::new();
    let mut cursor = app
        .world()
        .resource::<Messages<GenieFrame>>()
        .get_cursor_current();
    let (mut frames, mut lives) = (0, 0);
    let mut arrived = Instant::now();
    while frames < FRAMES {
        assert!(arrived.elapsed() < PATIENCE, "{frames} frames only");
        if alive.len() < MOST_WORLDS && chance.below(8) == 0 {
            alive.push(spawn(&mut app, &mut chance));
            lives += 1;
        }
        if !alive.is_empty() && chance.below(12) == 0 {
            let gone = alive.swap_remove(chance.below(alive.len()));
            app.world_mut().despawn(gone);
        }
        if !alive.is_empty() && chance.below(10) == 0 {
            // A fork takes its ticks from its source on.
            let into = app.world_mut().spawn_empty().id();
            let of = alive[chance.below(alive.len())];
            app.world_mut().write_message(GenieCommand::fork(of, into));
            alive.push(into);
            if alive.len() > MOST_WORLDS {
                let gone = alive.swap_remove(0);
                app.world_mut().despawn(gone);
            }
        }
        app.update();
        let messages = app.world().resource::<Messages<GenieFrame>>();
        for frame in cursor.read(messages) {
            let expected = next.insert(frame.world, frame.tick + 1);
            assert_eq!(
                expected.unwrap_or(frame.tick),
                frame.tick,
                "no frame is lost or comes twice"
            );
            frames += 1;
            arrived = Instant::now();
        }
        std::thread::yield_now();
    }
    assert!(lives > 20, "{lives} worlds have lived");
    for world in alive {
        // A fork whose source went first has become no world.
        app.world_mut().despawn(world);
    }
    app.update();
    let after = bookkeeping(&mut app, model_bytes);
    assert_eq!(after, before, "memory in MiB, images, entities");
    drop(app);
    assert_eq!(wait_for_no_genie_threads(), 0, "threads are left");
}
