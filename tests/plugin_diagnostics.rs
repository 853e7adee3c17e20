//! Figures in Bevy's `DiagnosticsStore`, many worlds at once, and what inspectors see.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::time::Duration;

use bevy::diagnostic::{DiagnosticPath, DiagnosticsStore};
use bevy::prelude::*;
use bevy::reflect::{GetPath, ReflectRef};
use bevy::time::TimeUpdateStrategy;
use bevy_genie::GenieDiagnosticsPlugin as Figures;
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, run_until, tiny_checkpoint, wait_for_tick};

fn figure(world: &World, path: &DiagnosticPath) -> Option<f64> {
    world.resource::<DiagnosticsStore>().get(path)?.value()
}

#[test]
fn sixty_four_worlds_run_at_once_and_their_figures_are_told() {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        bevy::diagnostic::DiagnosticsPlugin,
        AssetPlugin::default(),
        ImagePlugin::default(),
        GenieDiagnosticsPlugin {
            // Long enough that frames arrive in each, on a busy machine too.
            interval: Duration::from_millis(500),
        },
        GeniePlugin::default(),
        bevy_genie::GenieOverlayPlugin,
    ))
    .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(
        20,
    )));
    app.finish();
    app.cleanup();
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let models = [1, 2].map(|seed| models.add(GenieModel::new(tiny_checkpoint(seed))));
    let worlds: Vec<_> = (0..64)
        .map(|i| {
            let genie = GenieWorld::new(models[i % 2].clone(), checkered(16, 16));
            app.world_mut().spawn(genie.with_seed(i as u64)).id()
        })
        .collect();
    for &world in &worlds {
        app.world_mut()
            .write_message(GenieInput::press(world, "left"));
    }
    run_until(&mut app, "twelve frames of each world", |w| {
        worlds
            .iter()
            .all(|&world| w.get::<GenieFrame>(world).is_some_and(|f| f.tick >= 12))
    });
    run_until(&mut app, "the overlay", |w| {
        let mut overlay = w.query_filtered::<&Text, With<bevy_genie::GenieOverlay>>();
        overlay.single(w).unwrap().0.starts_with("64 worlds, ")
    });
    // On a busy machine no frame may arrive in one.
    run_until(&mut app, "a measurement with frames", |w| {
        figure(w, &Figures::WORLDS) == Some(64.0)
            && figure(w, &Figures::FRAMES_PER_SECOND).is_some_and(|it| it > 0.0)
    });
    let figure = |path| figure(app.world(), &path).unwrap();
    let (half, most) = (figure(Figures::LATENCY_P50), figure(Figures::LATENCY_P99));
    assert!(0.0 < half && half <= most);
    assert!(figure(Figures::INPUT_LATENCY_P99) >= figure(Figures::INPUT_LATENCY_P50));
    assert!(figure(Figures::QUEUE) >= 0.0);
    assert!(figure(Figures::LATE_TICKS) >= 0.0);
    assert!(figure(Figures::MEMORY) > 0.1, "weights and 64 timelines");
}

#[test]
fn inspectors_see_and_change_a_world() {
    let mut app = app(std::path::Path::new("."), Duration::from_millis(20));
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let genie = GenieWorld::new(model, checkered(16, 16));
    let world = app.world_mut().spawn((genie, GenieClock::paused())).id();
    wait_for_tick(&mut app, world, 0);
    let registry = app.world().resource::<AppTypeRegistry>().clone();
    let registry = registry.read();
    for name in [
        "GenieWorld",
        "GenieClock",
        "GenieSampler",
        "GenieStatus",
        "GenieTimeline",
        "GenieActionMap",
        "GenieGamepad",
        "GenieFrame",
    ] {
        let registration = registry.get_with_short_type_path(name).unwrap();
        let component = registration.data::<ReflectComponent>().unwrap();
        assert!(component.contains(app.world().entity(world)), "{name}");
    }
    let component = |name: &str| {
        let registration = registry.get_with_short_type_path(name).unwrap();
        registration.data::<ReflectComponent>().unwrap().clone()
    };
    let mut entity = app.world_mut().entity_mut(world);
    let mut sampler = component("GenieSampler").reflect_mut(&mut entity).unwrap();
    *sampler.path_mut::<f32>("settings.temperature").unwrap() = 0.25;
    let mut clock = component("GenieClock").reflect_mut(&mut entity).unwrap();
    *clock.path_mut::<f32>("speed").unwrap() = 3.0;
    let genie = component("GenieWorld").reflect_mut(&mut entity).unwrap();
    let ReflectRef::Enum(fit) = genie.reflect_path("fit").unwrap().reflect_ref() else {
        panic!("the fit is an enum");
    };
    assert_eq!(fit.variant_name(), "Crop");
    let sampler = app.world().get::<GenieSampler>(world).unwrap();
    assert!((sampler.temperature - 0.25).abs() < f32::EPSILON);
    let clock = app.world().get::<GenieClock>(world).unwrap();
    assert!((clock.speed - 3.0).abs() < f32::EPSILON);
}
