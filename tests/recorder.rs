//! A game is recorded, and what was recorded is imported for training.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::render_resource::TextureFormat;
use bevy::time::TimeUpdateStrategy;
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;
use bevy_genie::GeniePicture;
use bevy_genie::recorder::{
    GenieRecorder, GenieRecorderPlugin, GenieRecorderSettings, GenieRecordingSource,
};
use genie_tests::{checkered, run_until};
use genie_training::dataset::{Dataset, TrueActions};
use genie_training::ingest::{IngestOptions, Progress, ingest};

fn pushed(folder: &Path) -> GenieRecorderSettings {
    GenieRecorderSettings {
        source: GenieRecordingSource::Pushed,
        size: UVec2::splat(16),
        rate: 12,
        shortest_clip: 3,
        longest_clip: 5,
        ..GenieRecorderSettings::new(folder)
    }
}

/// A picture that tells its number.
fn numbered(number: u8) -> GeniePicture {
    GeniePicture::filled(16, 16, [number, 100, 255 - number])
}

fn import(folder: &Path, size: usize) -> (tempfile::TempDir, Dataset) {
    let out = tempfile::tempdir().unwrap();
    let options = IngestOptions {
        width: size,
        height: size,
        // The pictures of these tests are of one colour each.
        keep_all: true,
        ..IngestOptions::default()
    };
    let data = out.path().join("data");
    let paths = [folder.to_path_buf()];
    ingest(
        &paths,
        &data,
        &options,
        &Progress::default(),
        &AtomicBool::new(false),
    )
    .unwrap();
    let dataset = Dataset::open(&data).unwrap();
    (out, dataset)
}

/// The first byte of every frame, by clip.
fn numbers(dataset: &Dataset) -> Vec<Vec<u8>> {
    let clips = 0..dataset.clip_count();
    clips
        .map(|clip| {
            let length = dataset.clip_len(clip);
            let mut frames = Vec::new();
            dataset.read_frames(clip, 0, length, &mut frames).unwrap();
            let bytes = frames.len() / length;
            frames.chunks(bytes).map(|frame| frame[0]).collect()
        })
        .collect()
}

/// Pushes a frame, as slowly as it takes for none to be left out.
fn push(recorder: &mut GenieRecorder, number: u8) {
    recorder.push(numbered(number));
    std::thread::sleep(Duration::from_millis(2));
}

#[test]
fn clips_are_split_where_the_game_cuts_and_come_back_from_the_import() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new/recordings");
    let mut recorder = GenieRecorder::new(pushed(&folder));
    push(&mut recorder, 0);
    recorder.start();
    (1..=4).for_each(|number| push(&mut recorder, number));
    recorder.cut();
    // Too short.
    (11..=12).for_each(|number| push(&mut recorder, number));
    recorder.cut();
    // Longer than a clip may be; the end is too short again.
    (21..=27).for_each(|number| push(&mut recorder, number));
    recorder.stop();
    push(&mut recorder, 99);
    assert_eq!(recorder.status().left_out, 0);
    drop(recorder);
    let mut again = GenieRecorder::new(pushed(&folder));
    again.start();
    (31..=33).for_each(|number| push(&mut again, number));
    // The game ends without a word.
    drop(again);
    let (_out, dataset) = import(&folder, 16);
    let expected = [vec![1, 2, 3, 4], vec![21, 22, 23, 24, 25], vec![31, 32, 33]];
    assert_eq!(numbers(&dataset), expected);
    assert!(dataset.format().has_pace(12.0));
    let left: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "unfinished clips stay behind: {left:?}");
}

#[test]
fn what_is_held_comes_back_as_true_actions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("recordings");
    let mut recorder = GenieRecorder::new(pushed(&folder));
    recorder.start();
    recorder.hold([""; 0]);
    push(&mut recorder, 1);
    recorder.hold(["Space", "ArrowRight"]);
    (2..=3).for_each(|number| push(&mut recorder, number));
    recorder.hold(["ArrowRight"]);
    (4..=5).for_each(|number| push(&mut recorder, number));
    drop(recorder);
    let (out, dataset) = import(&folder, 16);
    assert_eq!(numbers(&dataset), [[1, 2, 3, 4, 5]]);
    let truth = TrueActions::open(dataset.folder()).unwrap();
    let names = std::fs::read_to_string(out.path().join("data/true_actions.json")).unwrap();
    // Action i is the i-th name, by the alphabet.
    for name in ["\"\"", "\"arrowright\"", "\"arrowright+space\""] {
        assert!(names.contains(name), "{name}: {names}");
    }
    assert_eq!(truth.clip(0).unwrap(), [0, 2, 2, 1]);
}

#[test]
fn what_cannot_be_written_in_time_parts_the_clip_and_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = pushed(folder.path());
    settings.longest_clip = 10_000;
    settings.shortest_clip = 1;
    // To push a picture costs next to nothing, to scale and write it much, however fast the disk is.
    settings.size = UVec2::splat(1024);
    let picture = checkered(8, 8);
    let mut recorder = GenieRecorder::new(settings);
    recorder.start();
    let mut pushed = 0;
    while recorder.status().left_out == 0 && pushed < 1_000 {
        recorder.push(picture.clone());
        pushed += 1;
    }
    let mut left_out = recorder.status().left_out;
    assert!(left_out > 0, "the queue has no bound");
    // What is taken over after the gap belongs to another clip.
    loop {
        std::thread::sleep(Duration::from_millis(5));
        recorder.push(picture.clone());
        pushed += 1;
        if recorder.status().left_out == left_out || pushed > 10_000 {
            break;
        }
        left_out = recorder.status().left_out;
    }
    recorder.stop();
    let mut tries = 0;
    while recorder.status().frames + left_out < pushed && tries < 10_000 {
        recorder.cut();
        std::thread::sleep(Duration::from_millis(5));
        tries += 1;
    }
    let status = recorder.status();
    assert_eq!(status.frames + left_out, pushed);
    assert_eq!(status.clips, 2, "{status:?}");
}

#[test]
fn a_disk_that_refuses_is_told_of_and_the_game_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    std::fs::write(&file, b"").unwrap();
    let mut recorder = GenieRecorder::new(pushed(&file));
    recorder.start();
    for number in 0..50 {
        push(&mut recorder, number);
    }
    let failure = recorder.status().failure.unwrap();
    assert!(failure.contains("taken"), "{failure}");
    assert_eq!(recorder.status().frames, 0);
}

/// Needs a graphics adapter (a software one will do), so it runs only when `GENIE_WINDOWED_TESTS` is set.
#[test]
fn what_a_camera_draws_is_recorded_at_its_rate() {
    if std::env::var_os("GENIE_WINDOWED_TESTS").is_none() {
        println!("skipped: GENIE_WINDOWED_TESTS is not set");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut app = App::new();
    let no_window = WindowPlugin {
        primary_window: None,
        exit_condition: ExitCondition::DontExit,
        ..default()
    };
    let renderer = RenderPlugin {
        synchronous_pipeline_compilation: true,
        ..default()
    };
    app.add_plugins(
        DefaultPlugins
            .set(no_window)
            .set(renderer)
            .disable::<WinitPlugin>(),
    )
    .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(
        50,
    )))
    .insert_resource(ClearColor(Color::BLACK));
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let screen = images.add(Image::new_target_texture(
        128,
        128,
        TextureFormat::Rgba8UnormSrgb,
        None,
    ));
    let target = RenderTarget::Image(screen.into());
    let camera = app.world_mut().spawn((Camera2d, target)).id();
    let white = Sprite::from_color(Color::WHITE, Vec2::splat(16.0));
    let ball = app
        .world_mut()
        .spawn((white, Transform::from_xyz(-50.0, 0.0, 0.0)))
        .id();
    app.add_plugins(GenieRecorderPlugin {
        settings: GenieRecorderSettings {
            source: GenieRecordingSource::Camera(camera),
            shortest_clip: 4,
            ..GenieRecorderSettings::new(folder.path())
        },
        start: false,
    });
    app.finish();
    app.cleanup();
    // The first pictures may come before the renderer has all it needs.
    for _ in 0..30 {
        app.update();
    }
    app.world_mut().resource_mut::<GenieRecorder>().start();
    // Two updates a frame: each frame of the recording sees the ball 4 pixels of the screen further on.
    for _ in 0..40 {
        app.update();
        app.world_mut()
            .get_mut::<Transform>(ball)
            .unwrap()
            .translation
            .x += 2.0;
        std::thread::sleep(Duration::from_millis(20));
    }
    app.world_mut().resource_mut::<GenieRecorder>().stop();
    run_until(&mut app, "the clip", |w| {
        w.resource::<GenieRecorder>().status().clips > 0
    });
    let status = app.world().resource::<GenieRecorder>().status();
    assert_eq!((status.left_out, &status.failure), (0, &None), "{status:?}");
    assert!((19..=20).contains(&status.frames), "{status:?}");
    let (_out, dataset) = import(folder.path(), 64);
    assert_eq!(dataset.clip_count(), 1);
    let mut frames = Vec::new();
    let length = dataset.clip_len(0);
    dataset.read_frames(0, 0, length, &mut frames).unwrap();
    // The ball's left edge in each frame, at half the screen's size.
    let edges: Vec<i32> = frames
        .chunks(64 * 64 * 3)
        .map(|frame| {
            let middle = &frame[32 * 64 * 3..33 * 64 * 3];
            let lit = middle.chunks(3).position(|pixel| pixel[0] > 200);
            lit.expect("the ball is in the picture") as i32
        })
        .collect();
    assert!(
        edges.windows(2).all(|pair| pair[1] - pair[0] == 2),
        "{edges:?}"
    );
}
