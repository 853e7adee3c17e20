//! What the worker has to answer before it can be written.

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::drawing::Canvas;
use crate::export::Exports;
use crate::harness::{close, editor, export, exported, fork, lines, play};
use crate::toasts::Toasts;

#[test]
fn exports_are_written_and_forgotten_where_no_answer_comes() {
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    play(&mut app, 3);
    let world = lines(&app).played().unwrap().world;
    let paths = ["a.replay.json", "b.replay.json", "c.world"].map(|name| data.path().join(name));
    for path in &paths {
        let replay = !path.ends_with("c.world");
        export(&mut app, world, path, replay);
    }
    assert!(app.world().resource::<Exports>().pending());
    exported(&mut app);
    assert!(paths.iter().all(|path| path.is_file()));
    // A world that never runs, and one that goes before it can answer.
    let never = app
        .world()
        .resource::<AssetServer>()
        .load("no.genie.safetensors");
    let never = app
        .world_mut()
        .spawn(GenieWorld::new(
            never,
            Canvas::filled(16, 16, [1; 3]).picture(),
        ))
        .id();
    for replay in [true, false] {
        export(&mut app, never, &data.path().join("never"), replay);
    }
    exported(&mut app);
    app.world_mut().resource_mut::<Toasts>().all.clear();
    fork(&mut app, 3);
    let gone = lines(&app).played().unwrap().world;
    export(&mut app, gone, &data.path().join("gone.replay.json"), true);
    close(&mut app, 1);
    exported(&mut app);
    assert!(!data.path().join("never").exists());
}
