//! Recordings, and reading and writing that takes long.

use std::path::Path;

use bevy::prelude::*;
use genie_examples::progress::Progress;
use genie_tests::Patience;

use crate::files::Files;
use crate::harness::{at_rest, editor, open, project};
use crate::source::{Recording, Source};
use crate::toasts::{Toast, Toasts};

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
    let told = |toast: &Toast| !toast.bad && toast.text.contains("long.gif: the first 600");
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
