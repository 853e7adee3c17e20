//! How often the editor draws while nothing moves.

use bevy::prelude::*;
use bevy::winit::WinitSettings;

use crate::drawing::Canvas;
use crate::files::Files;
use crate::harness::Editor;
use crate::lines::Lines;
use crate::project::Project;
use crate::toasts::Toasts;

/// Frames that are looked at.
const FRAMES: usize = 200;

/// Each change of the pace draws the window once more at once.
#[derive(Resource, Default)]
struct Paces(Vec<String>);

fn count(settings: Res<WinitSettings>, mut paces: ResMut<Paces>) {
    if settings.is_changed() {
        paces.0.push(format!("{:?}", settings.focused_mode));
    }
}

#[cfg(target_os = "linux")] // It has a full disk to try.
#[test]
fn a_message_and_an_autosave_that_waits_do_not_keep_the_window_drawing() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = Editor::new(data.path(), 1280.0, 900.0);
    let part = data.path().join("autosave.prompt.json.part");
    std::os::unix::fs::symlink("/dev/full", part).unwrap();
    let mut project = editor.world_mut().resource_mut::<Project>();
    project.change(Canvas::filled(16, 16, [1, 2, 3]));
    editor.until("the refusal, and the new picture's worlds", |world| {
        let (lines, files) = (world.resource::<Lines>(), world.resource::<Files>());
        let waiting = lines.waiting(world.resource::<Project>());
        let begun = lines.played().is_some_and(|line| !line.frames.is_empty());
        let strips = lines.strips_missing().is_none();
        files.autosave_problem().is_some() && begun && !waiting && strips
    });
    editor.steps(20);
    assert!(!editor.world().resource::<Toasts>().all.is_empty());
    editor.world_mut().init_resource::<Paces>();
    editor.last(count);
    // A tenth of a second each, as far as the editor knows.
    editor.steps(FRAMES);
    let paces = &editor.world().resource::<Paces>().0;
    assert!(paces.len() < FRAMES / 4, "{paces:#?}");
}
