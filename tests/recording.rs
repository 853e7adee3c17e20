//! The example `generative_level` without a screen: it plays by itself and leaves a GIF.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::fs::File;
use std::io::BufReader;
use std::process::Command;

use bevy_genie::genie_model::checkpoint::WeightFormat;
use genie_tests::{example, tiny_checkpoint};
use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;

#[test]
fn without_a_screen_the_example_records_a_walk() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("tiny.genie.safetensors");
    tiny_checkpoint(1).write(&model, WeightFormat::F32).unwrap();
    let output = Command::new(example("generative_level"))
        .args(["--frames", "12", "--model"])
        .arg(&model)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    // Elsewhere than on Linux a window may open whatever the environment says; CI has none there.
    assert!(said.contains("generative_level.gif"), "{said}{complained}");
    let gif = File::open(folder.path().join("generative_level.gif")).unwrap();
    let frames = GifDecoder::new(BufReader::new(gif)).unwrap().into_frames();
    let frames = frames.collect_frames().unwrap();
    assert_eq!(frames.len(), 12);
    let first = frames[0].buffer();
    assert_eq!(
        first.dimensions(),
        (64, 64),
        "16x16 frames, four times as large"
    );
    assert!(
        frames.iter().any(|frame| frame.buffer() != first),
        "something moves"
    );
}

#[test]
fn a_bad_checkpoint_is_an_error_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("broken.genie.safetensors");
    std::fs::write(&model, b"no").unwrap();
    let output = Command::new(example("generative_level"))
        .args(["--record", "out.gif", "--model"])
        .arg(&model)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        complained.contains("broken.genie.safetensors"),
        "{complained}"
    );
    assert!(!folder.path().join("out.gif").exists());
}
