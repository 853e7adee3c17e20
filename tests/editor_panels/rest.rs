//! How often the editor draws while nothing moves.

use bevy::prelude::*;
use bevy::winit::WinitSettings;

use crate::drawing::Canvas;
use crate::files::Files;
use crate::harness::Editor;
use crate::lines::Lines;
use crate::project::Project;
use crate::toasts::Toasts;

/// Each change of the pace draws the window once more at once.
#[derive(Resource, Default)]
struct Paces(u32);

fn count(settings: Res<WinitSettings>, mut paces: ResMut<Paces>) {
    paces.0 += u32::from(settings.is_changed());
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
    let since = std::time::Instant::now();
    let mut frames = 0;
    while since.elapsed().as_secs_f32() < 1.0 {
        editor.steps(1);
        frames += 1;
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let paces = editor.world().resource::<Paces>().0;
    assert!(paces < 10, "{paces} paces in {frames} frames");
}
