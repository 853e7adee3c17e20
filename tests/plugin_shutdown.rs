//! The worker thread ends with the app. Alone in its process, so that the threads counted are its own.

#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![cfg(target_os = "linux")]

use std::time::Duration;

use bevy_genie::prelude::*;
use genie_tests::{app, checkered, tiny_checkpoint, wait_for_tick};

fn genie_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("genie-"))
        .count()
}

#[test]
fn worlds_and_threads_go_away() {
    let mut app = app(std::path::Path::new("."), Duration::from_millis(100));
    let mut models = app
        .world_mut()
        .resource_mut::<bevy::asset::Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let genie = GenieWorld::new(model, checkered(16, 16));
    let one = app.world_mut().spawn(genie.clone()).id();
    let other = app.world_mut().spawn(genie).id();
    wait_for_tick(&mut app, one, 2);
    assert!(genie_threads() >= 2, "the worker and its pool");
    app.world_mut().despawn(one);
    let tick = wait_for_tick(&mut app, other, 3).tick;
    wait_for_tick(&mut app, other, tick + 2);
    // In the middle of its work.
    drop(app);
    // Threads of the pool end just after the worker that owned them.
    for _ in 0..1000 {
        if genie_threads() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} threads are left", genie_threads());
}
