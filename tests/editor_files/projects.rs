//! Projects, and what was there before something else was opened.

use bevy::prelude::*;
use proptest::prelude::*;

use crate::drawing::Canvas;
use crate::files::Files;
use crate::harness::{at_rest, close, editor, open, paint, picture, project};
use crate::project::{Project, ProjectFile};
use crate::replacing::{Replacing, project_path};
use crate::toasts::{Toast, Toasts};

#[test]
fn a_project_is_read_as_it_was_written_and_a_damaged_one_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/my.prompt.json");
    let mut project = Project::default();
    project.change(Canvas::filled(64, 64, [9, 8, 7]));
    (project.seed, project.sampler.steps) = (5, 11);
    project.content().write(&path).unwrap();
    let mut again = Project::default();
    again.adopt(&ProjectFile::read(&path).unwrap());
    assert_eq!(again.canvas.now(), project.canvas.now());
    assert_eq!((again.seed, again.sampler.steps), (5, 11));
    again.undo();
    assert_ne!(
        again.canvas.now(),
        project.canvas.now(),
        "the picture before can be had back"
    );
    let text = std::fs::read_to_string(&path).unwrap();
    for damaged in [
        &text[..text.len() / 2],
        &text.replace("090807", "09080"),
        &text.replace("prompt project 1", "prompt project 9"),
        "[]",
        "",
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = ProjectFile::read(&path).unwrap_err();
        assert!(error.contains("my.prompt.json"), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_project_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.prompt.json");
    let project = Project::default();
    project.content().write(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    // Files are written under this name first.
    let part = folder.path().join("my.prompt.json.part");
    std::os::unix::fs::symlink("/dev/full", part).unwrap();
    let error = project.content().write(&path).unwrap_err();
    assert!(
        error.contains("my.prompt.json") && error.contains("No space left"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_not_saved_is_kept_when_something_else_is_opened() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = data.path().join("autosave.before.prompt.json");
    let mut app = editor(data.path());
    // One picture after the other: nothing has been made of them.
    open(&mut app, &picture(folder.path(), [10, 0, 0]));
    open(&mut app, &picture(folder.path(), [20, 0, 0]));
    assert!(!before.exists());
    let work = paint(&mut app, [1, 2, 3]);
    close(app);
    // The next start opens a picture at once, and is closed again.
    let mut app = editor(data.path());
    assert_eq!(project(&app).canvas.now(), &work);
    open(&mut app, &picture(folder.path(), [30, 0, 0]));
    assert_ne!(project(&app).canvas.now(), &work);
    at_rest(&mut app);
    let toasts = &app.world().resource::<Toasts>().all;
    let told = |toast: &Toast| !toast.bad && toast.text.contains("autosave.before");
    assert!(toasts.iter().any(told));
    close(app);
    let mut app = editor(data.path());
    assert_ne!(project(&app).canvas.now(), &work);
    open(&mut app, &before);
    assert_eq!(project(&app).canvas.now(), &work, "it can be had back");
    assert!(project(&app).unsaved());
    assert_eq!(project(&app).file, None, "it has no file of its own yet");
    // So is work that a project takes the place of.
    let work = paint(&mut app, [4, 5, 6]);
    let other = folder.path().join("other.prompt.json");
    Project::default().content().write(&other).unwrap();
    open(&mut app, &other);
    at_rest(&mut app);
    let kept = ProjectFile::read(&before).unwrap();
    let mut again = Project::default();
    again.adopt(&kept);
    assert_eq!(again.canvas.now(), &work);
    assert!(!project(&app).unsaved());
}

#[test]
fn a_project_that_was_saved_is_known_to_be_saved_after_a_restart() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("my.prompt.json");
    let save = |app: &mut App| {
        let world = app.world_mut();
        world.resource_scope(|world, mut files: Mut<Files>| {
            files.save(world.resource::<Project>(), path.clone());
        });
        at_rest(app);
    };
    let mut app = editor(data.path());
    paint(&mut app, [1, 2, 3]);
    save(&mut app);
    assert!(!project(&app).unsaved());
    close(app);
    let mut app = editor(data.path());
    assert_eq!(project(&app).file.as_deref(), Some(path.as_path()));
    assert!(!project(&app).unsaved());
    paint(&mut app, [3, 2, 1]);
    close(app);
    assert!(project(&editor(data.path())).unsaved());
}

#[test]
fn files_are_replaced_only_when_that_is_asked_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (
        folder.path().join("own.json"),
        folder.path().join("other.json"),
    );
    let mut replacing = Replacing::default();
    assert!(replacing.allows(&other, Some(&own)), "there is none");
    std::fs::write(&own, "").unwrap();
    std::fs::write(&other, "").unwrap();
    assert!(replacing.allows(&own, Some(&own)), "its own");
    let detour = folder.path().join(".").join("own.json");
    assert!(replacing.allows(&detour, Some(&own)), "by another way");
    assert!(!replacing.allows(&other, Some(&own)));
    assert!(!replacing.allows(&own, None), "another one in between");
    assert!(!replacing.allows(&other, None));
    assert!(replacing.allows(&other, None), "confirmed");
    assert!(!replacing.allows(&other, None), "only this once");
    replacing.forget();
    assert!(!replacing.allows(&other, None));
    let named = |name: &str| project_path(name.into()).display().to_string();
    assert_eq!(named("a/my"), "a/my.prompt.json");
    assert_eq!(named("a/my.v2"), "a/my.v2.prompt.json");
    assert_eq!(named("a/my.prompt.json"), "a/my.prompt.json");
    assert_eq!(named("a/my.json"), "a/my.json");
}

#[test]
fn projects_of_before_lines_were_kept_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.prompt.json");
    let old = r#"{"format":"bevy_genie prompt project 1","width":2,"height":1,"rgb":"0102030a0b0c","seed":7,
        "sampler":{"steps":4,"temperature":1.0,"top_p":1.0,"order":"confidence","order_noise":1.0,"adjacency":0.0}}"#;
    std::fs::write(&path, old).unwrap();
    let mut project = Project::default();
    project.adopt(&ProjectFile::read(&path).unwrap());
    assert_eq!(project.canvas.now().colour((1, 0)), Some([10, 11, 12]));
    assert_eq!((project.seed, project.sampler.steps), (7, 4));
}

proptest! {
    #[test]
    fn no_file_whatever_is_in_it_breaks_the_editor(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.prompt.json");
        std::fs::write(&path, bytes).unwrap();
        prop_assert!(ProjectFile::read(&path).is_err());
    }
}
