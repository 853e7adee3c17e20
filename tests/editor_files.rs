//! What the prompt editor keeps between starts, without its window: where the panels are, projects, and what was there before.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "../examples/prompt_editor/drawing.rs"]
#[allow(dead_code)] // The editor uses more of it.
mod drawing;
#[path = "../examples/prompt_editor/files/mod.rs"]
#[allow(dead_code)]
mod files;
#[path = "../examples/prompt_editor/history.rs"]
#[allow(dead_code)]
mod history;
#[path = "../examples/prompt_editor/layout.rs"]
#[allow(dead_code)]
mod layout;
#[path = "../examples/prompt_editor/memory.rs"]
mod memory;
#[path = "../examples/prompt_editor/project.rs"]
#[allow(dead_code)]
mod project;
#[path = "../examples/prompt_editor/replacing.rs"]
mod replacing;
#[path = "../examples/prompt_editor/source.rs"]
#[allow(dead_code)]
mod source;
#[path = "../examples/prompt_editor/toasts.rs"]
#[allow(dead_code)]
mod toasts;
#[path = "../examples/prompt_editor/tries.rs"]
#[allow(dead_code)]
mod tries;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bevy::prelude::*;
use bevy::window::FileDragAndDrop;
use drawing::Canvas;
use egui_dock::egui::{Pos2, Rect, vec2};
use egui_dock::{Node, NodeIndex, SurfaceIndex, TabIndex};
use files::{Files, FilesPlugin};
use genie_examples::progress::Progress;
use genie_tests::Patience;
use layout::{Docks, Layouts, Panel};
use project::{Project, ProjectFile};
use proptest::prelude::*;
use replacing::{Replacing, project_path};
use serde_json::Value;
use source::{Recording, Source};
use toasts::Toasts;

/// Wider than this, windows have the layout of wide ones.
const WIDE: f32 = 1280.0;
const NARROW: f32 = 480.0;

/// Through a file and back.
fn kept(docks: &mut Docks) -> Docks {
    let text = serde_json::to_string(&docks.layouts()).unwrap();
    Docks::restore(&serde_json::from_str(&text).unwrap())
}

#[test]
fn panels_are_where_they_were_left() {
    let mut docks = Docks::default();
    let before = docks.layouts();
    assert_eq!(kept(&mut docks).layouts(), before);
    let dock = docks.of_width(WIDE);
    // A border is moved, another tab is shown, a panel goes to another place, and one becomes a window.
    match &mut dock.main_surface_mut()[NodeIndex::root()] {
        Node::Horizontal(split) => split.fraction = 0.3,
        other => panic!("{other:?}"),
    }
    let play = dock.find_tab(&Panel::Play).unwrap();
    let source = dock.find_tab(&Panel::Source).unwrap();
    dock.move_tab(source, (play.node_path(), egui_dock::TabInsert::Append));
    let strips = dock.find_tab(&Panel::Strips).unwrap();
    let place = Rect::from_min_size(Pos2::new(40.0, 50.0), vec2(300.0, 200.0));
    dock.detach_tab(strips, place);
    let understand = dock.find_tab(&Panel::Understand).unwrap();
    dock.set_active_tab(understand).unwrap();
    let mut all = kept(&mut docks);
    assert_eq!(all.layouts(), docks.layouts());
    let narrow = all.of_width(NARROW).find_tab(&Panel::Strips).unwrap();
    assert_eq!(
        narrow.surface,
        SurfaceIndex::main(),
        "narrow ones are as they were"
    );
    let again = all.of_width(WIDE);
    match &again.main_surface_mut()[NodeIndex::root()] {
        Node::Horizontal(split) => assert!((split.fraction - 0.3).abs() < 1e-6),
        other => panic!("{other:?}"),
    }
    let (play, source) = (
        again.find_tab(&Panel::Play).unwrap(),
        again.find_tab(&Panel::Source).unwrap(),
    );
    assert_eq!(play.node_path(), source.node_path());
    assert_eq!(
        again.find_tab(&Panel::Strips).unwrap().surface,
        SurfaceIndex(1)
    );
    let understand = again.find_tab(&Panel::Understand).unwrap();
    let leaf = again.leaf(understand.node_path()).unwrap();
    assert_eq!(leaf.active, TabIndex(1));
}

#[test]
fn a_layout_that_makes_no_sense_is_not_used() {
    let at_first = Docks::default().layouts();
    let text = serde_json::to_string(&at_first).unwrap();
    for (from, to) in [
        ("\"canvas\"", "\"play\""),
        ("\"canvas\",", ""),
        ("0.42", "7.0"),
        ("0.42", "-0.1"),
        ("\"shown\":0", "\"shown\":9"),
        ("\"canvas\"", "\"piano\""),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let damaged: Value = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
        // What is not understood at all is no layout either.
        let layouts = serde_json::from_value::<Layouts>(damaged).unwrap_or_default();
        assert_eq!(
            Docks::restore(&layouts).layouts(),
            at_first,
            "{from} became {to}"
        );
    }
}

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

/// The editor's files, without its window.
fn editor(data: &Path) -> App {
    let mut app = App::new();
    app.add_plugins(MinimalPlugins)
        .add_message::<FileDragAndDrop>()
        .insert_resource(Files::new(data.to_owned()))
        .init_resource::<Project>()
        .init_resource::<Toasts>()
        .add_plugins(FilesPlugin);
    app.update();
    app
}

/// Opens a file and waits until it is there.
fn open(app: &mut App, path: &Path) {
    app.world_mut().resource_mut::<Files>().open(path);
    at_rest(app);
}

/// Waits until nothing is being read or written.
fn at_rest(app: &mut App) {
    let mut patience = Patience::with_this_process();
    app.update();
    while app.world().resource::<Files>().busy() {
        assert!(!patience.is_over());
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Ends the program as it ends when its window is closed.
fn close(mut app: App) {
    app.world_mut().write_message(AppExit::Success);
    app.update();
}

fn project(app: &App) -> &Project {
    app.world().resource()
}

fn paint(app: &mut App, colour: [u8; 3]) -> Canvas {
    let canvas = Canvas::filled(64, 64, colour);
    let mut project = app.world_mut().resource_mut::<Project>();
    project.change(canvas.clone());
    canvas
}

fn picture(folder: &Path, colour: [u8; 3]) -> PathBuf {
    let path = folder.join(format!("{}.png", colour[0]));
    let picture = image::RgbImage::from_pixel(64, 64, image::Rgb(colour));
    picture.save(&path).unwrap();
    path
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
    let told = |toast: &toasts::Toast| !toast.bad && toast.text.contains("autosave.before");
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
fn recordings_of_any_length_take_a_bounded_memory_and_a_cut_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.gif");
    let frames = |count: u32, width: u32| {
        let file = std::fs::File::create(&path).unwrap();
        let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(file, 30);
        for shade in 0..count {
            let colour = image::Rgba([(shade % 200) as u8, 0, 0, 255]);
            let frame = image::RgbaImage::from_pixel(width, 8, colour);
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
    };
    frames(3, 1280);
    let source = Source::read(&path, &Progress::default()).unwrap();
    assert_eq!(source.frames.len(), 3);
    let size = |picture: &bevy_genie::GeniePicture| (picture.width(), picture.height());
    assert!(source.frames.iter().all(|frame| size(frame) == (640, 4)));
    assert_eq!(source.cut_short(), None);
    // As many bytes as two frames have.
    let recording = Recording::of_gif(&path, 2 * 640 * 4 * 3, &Progress::default()).unwrap();
    assert_eq!((recording.frames.len(), recording.cut_short), (2, true));
    frames(603, 8);
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    open(&mut app, &path);
    let source = app.world().resource::<Files>().source.clone().unwrap();
    assert_eq!(source.frames.len(), 600);
    let toasts = &app.world().resource::<Toasts>().all;
    let told = |toast: &toasts::Toast| !toast.bad && toast.text.contains("long.gif: the first 600");
    assert!(toasts.iter().any(told));
}

/// A GIF of so many frames, each larger than the last job takes to be noticed.
fn long_gif(path: &Path, frames: u32) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(file, 30);
    for shade in 0..frames {
        let colour = image::Rgba([(shade % 200) as u8, 0, 0, 255]);
        let frame = image::RgbaImage::from_pixel(64, 64, colour);
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
}

#[test]
fn folders_of_pictures_are_recordings() {
    let folder = tempfile::tempdir().unwrap();
    // As the plugin's recorder leaves them: clips, each a folder of pictures, with other files beside them.
    for (clip, frames) in [("clip-000001", 3), ("clip-000002", 2)] {
        let clip = folder.path().join(clip);
        std::fs::create_dir(&clip).unwrap();
        for number in 0..frames {
            let colour = image::Rgb([number * 50, 7, frames]);
            let picture = image::RgbImage::from_pixel(16, 8, colour);
            picture
                .save(clip.join(format!("frame-{number:06}.png")))
                .unwrap();
        }
        std::fs::write(clip.join("actions.csv"), "left").unwrap();
    }
    let data = tempfile::tempdir().unwrap();
    let mut app = editor(data.path());
    open(&mut app, folder.path());
    let source = app.world().resource::<Files>().source.clone().unwrap();
    let firsts: Vec<_> = source
        .frames
        .iter()
        .map(|frame| frame.pixels()[..3].to_vec())
        .collect();
    assert_eq!(
        firsts,
        [[0, 7, 3], [50, 7, 3], [100, 7, 3], [0, 7, 2], [50, 7, 2]]
    );
    assert_eq!(project(&app).canvas.now().colour((0, 0)), Some([0, 7, 3]));
    // One clip alone, and folders that hold nothing of use.
    open(&mut app, &folder.path().join("clip-000002"));
    let source = app.world().resource::<Files>().source.clone().unwrap();
    assert_eq!(source.frames.len(), 2);
    let empty = tempfile::tempdir().unwrap();
    open(&mut app, empty.path());
    std::fs::write(empty.path().join("a.png"), "words").unwrap();
    open(&mut app, empty.path());
    let toasts = &app.world().resource::<Toasts>().all;
    let told = |text: &str| {
        toasts
            .iter()
            .any(|toast| toast.bad && toast.text.contains(text))
    };
    assert!(told("there is no picture in this folder") && told("a.png: not a picture"));
}

#[test]
fn reading_and_writing_say_how_far_they_are_and_can_be_stopped() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("long.gif");
    long_gif(&path, 500);
    let mut app = editor(data.path());
    app.world_mut().resource_mut::<Files>().open(&path);
    let mut patience = Patience::with_this_process();
    let begun = |app: &App| {
        let jobs = app.world().resource::<Files>().jobs();
        let job = jobs
            .iter()
            .find(|job| job.name.as_deref() == Some("reading long.gif"));
        job.map(|job| (job.progress.parts(), job.progress.clone()))
    };
    let progress = loop {
        let ((done, all), progress) = begun(&app).expect("it is being read");
        if done > 0 {
            assert!(done <= all && all == path.metadata().unwrap().len());
            break progress;
        }
        assert!(!patience.is_over());
        std::thread::yield_now();
    };
    progress.cancel();
    at_rest(&mut app);
    assert!(
        app.world().resource::<Files>().source.is_none(),
        "nothing came of it"
    );
    let frames: Vec<_> = Source::read(&path, &Progress::default()).unwrap().frames;
    let frames: Vec<_> = frames.into_iter().map(std::sync::Arc::new).collect();
    let written = folder.path().join("run.gif");
    let stop = Progress::default();
    stop.cancel();
    let error = genie_examples::gif::write(&written, &frames, 4, 10.0, &stop).unwrap_err();
    assert!(
        matches!(error, genie_examples::gif::GifError::Cancelled),
        "{error}"
    );
    assert_eq!(stop.parts(), (0, 500));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing half-written is left");
    let toasts = &app.world().resource::<Toasts>().all;
    assert!(
        toasts
            .iter()
            .any(|toast| !toast.bad && toast.text == "stopped: reading long.gif")
    );
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
