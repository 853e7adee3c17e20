//! Apps that run without a window, on a clock of their own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::{Duration, Instant};

use bevy::diagnostic::DiagnosticsStore;
use bevy::input::InputPlugin;
use bevy::prelude::*;
use bevy::time::TimeUpdateStrategy;
use bevy_genie::prelude::*;

use crate::patience::PATIENCE;

/// An app with the plugin whose clock advances by `step` with each update; assets are in `folder`.
pub fn app(folder: &Path, step: Duration) -> App {
    app_with(GeniePlugin::default(), folder, step)
}

/// As [`app`], with other settings of the plugin.
pub fn app_with(plugin: GeniePlugin, folder: &Path, step: Duration) -> App {
    let mut app = unfinished_app(plugin, folder, step);
    app.finish();
    app.cleanup();
    app
}

/// As [`app_with`], before plugins are finished, so that others can be added.
pub fn unfinished_app(plugin: GeniePlugin, folder: &Path, step: Duration) -> App {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin {
            file_path: folder.display().to_string(),
            ..default()
        },
        InputPlugin,
        ImagePlugin::default(),
        plugin,
    ))
    .insert_resource(TimeUpdateStrategy::ManualDuration(step));
    app
}

/// Updates the app until `done` holds.
///
/// # Panics
/// If nothing has moved for so long that the app must hang; never because it is slow.
pub fn run_until(app: &mut App, what: &str, mut done: impl FnMut(&mut World) -> bool) {
    let (mut last, mut moved) = (progress(app.world_mut()), Instant::now());
    while !done(app.world_mut()) {
        let now = progress(app.world_mut());
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        assert!(moved.elapsed() < PATIENCE, "waited in vain for {what}");
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A hash that changes with every frame that arrives, every change in a world's phase, every asset, and with what waits
/// for the worker.
fn progress(world: &mut World) -> u64 {
    let mut hash = DefaultHasher::new();
    let mut worlds = world.query::<(Entity, &GenieStatus, Option<&GenieFrame>)>();
    for (entity, status, frame) in worlds.iter(world) {
        let tick = frame.map(|frame| frame.tick);
        (entity, status.phase as u8, status.rewindable, tick).hash(&mut hash);
    }
    let images = world.get_resource::<Assets<Image>>().map(Assets::len);
    let models = world.get_resource::<Assets<GenieModel>>().map(Assets::len);
    let figure = |path| {
        let store = world.get_resource::<DiagnosticsStore>()?;
        store.get(path)?.value().map(f64::to_bits)
    };
    let waiting = [
        figure(&GenieDiagnosticsPlugin::QUEUE),
        figure(&GenieDiagnosticsPlugin::MEMORY),
    ];
    (images, models, waiting).hash(&mut hash);
    hash.finish()
}

/// Updates the app until the world shows this tick or a later one, and returns the frame.
///
/// # Panics
/// As [`run_until`].
pub fn wait_for_tick(app: &mut App, world: Entity, tick: u64) -> GenieFrame {
    let mut frame = None;
    run_until(app, &format!("tick {tick}"), |w| {
        frame = w.get::<GenieFrame>(world).cloned();
        frame.as_ref().is_some_and(|frame| frame.tick >= tick)
    });
    frame.expect("the frame was there just now")
}

/// A picture with some structure, of any size in pixels.
pub fn checkered(width: usize, height: usize) -> GeniePicture {
    let pixel = |i: usize| {
        let (x, y) = (i % width, i / width);
        [
            (x * 255 / width) as u8,
            (y * 255 / height) as u8,
            ((x / 3 + y / 3) % 2 * 200) as u8,
        ]
    };
    let pixels = (0..width * height).flat_map(pixel).collect();
    GeniePicture::from_rgb(width, height, pixels)
        .unwrap_or_else(|_| GeniePicture::filled(width, height, [0; 3]))
}
