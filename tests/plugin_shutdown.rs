//! The worker's threads have the priority that the plugin gives them, and end with the app. Alone in its process, so that
//! the threads counted are its own.

#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::time::Duration;

use bevy_genie::prelude::*;
use genie_tests::{
    app_with, checkered, genie_thread_policies, tiny_checkpoint, wait_for_no_genie_threads,
    wait_for_tick,
};

// Of `sched(7)`.
const SCHED_OTHER: u32 = 0;
const SCHED_BATCH: u32 = 3;
const SCHED_IDLE: u32 = 5;

fn start_and_stop(plugin: GeniePlugin, policy: u32) {
    let plugin_priority = plugin.priority;
    let mut app = app_with(plugin, Path::new("."), Duration::from_millis(100));
    let mut models = app
        .world_mut()
        .resource_mut::<bevy::asset::Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let genie = GenieWorld::new(model, checkered(16, 16));
    let one = app.world_mut().spawn(genie.clone()).id();
    let other = app.world_mut().spawn(genie).id();
    wait_for_tick(&mut app, one, 2);
    let policies = genie_thread_policies();
    let computes = |(name, _): &&(String, u32)| name.starts_with("genie-compute");
    let computing: Vec<_> = policies.iter().filter(computes).collect();
    assert!(!computing.is_empty(), "{policies:?}");
    assert!(computing.iter().all(|it| it.1 == policy), "{policies:?}");
    // The worker and the threads for starving worlds can always get a turn; where the game goes first, they do not interrupt it.
    let fair = match plugin_priority {
        GeniePriority::Normal => [SCHED_OTHER; 2],
        // A niceness that the user has given is left alone.
        _ => [SCHED_BATCH, SCHED_OTHER],
    };
    let mut others = policies.iter().filter(|it| !computes(it));
    assert!(others.all(|it| fair.contains(&it.1)), "{policies:?}");
    app.world_mut().despawn(one);
    let tick = wait_for_tick(&mut app, other, 3).tick;
    wait_for_tick(&mut app, other, tick + 2);
    // In the middle of its work.
    drop(app);
    assert_eq!(wait_for_no_genie_threads(), 0, "threads are left");
}

#[test]
fn worlds_and_threads_go_away() {
    for (priority, policy) in [
        (GeniePriority::default(), SCHED_IDLE),
        (GeniePriority::BetweenFrames, SCHED_IDLE),
        (GeniePriority::Background, SCHED_IDLE),
        (GeniePriority::Normal, SCHED_OTHER),
    ] {
        let plugin = GeniePlugin {
            priority,
            ..GeniePlugin::default()
        };
        start_and_stop(plugin, policy);
    }
}
