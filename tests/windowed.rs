//! The example `generative_level` in a real window. Needs a display and a graphics adapter (a virtual one will do), so it
//! runs only when `GENIE_WINDOWED_TESTS` is set; `.ci/windowed` sets all of it up.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use genie_tests::{example, untrained_checkpoint};
use image::RgbImage;

fn screenshot(folder: &Path, model: &Path, hold: &str) -> RgbImage {
    let path = folder.join(format!("{hold}.png"));
    let output = Command::new(example("generative_level"))
        .args(["--frames", "12", "--hold", hold, "--model"])
        .arg(model)
        .arg("--screenshot")
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    assert!(!said.contains("instead of opening a window"), "{said}");
    image::open(&path).unwrap().into_rgb8()
}

#[test]
fn the_window_shows_the_level_and_obeys_the_keys() {
    if std::env::var_os("GENIE_WINDOWED_TESTS").is_none() {
        println!("skipped: GENIE_WINDOWED_TESTS is not set");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("untrained.genie.safetensors");
    let checkpoint = untrained_checkpoint(&genie_model::GenieConfig::platformer(), 1);
    checkpoint.write(&model, candle_core::DType::F16).unwrap();
    let right = screenshot(folder.path(), &model, "ArrowRight");
    let left = screenshot(folder.path(), &model, "ArrowLeft");
    // The level is in the upper part of the window, in the middle of its width; the text is below.
    let level = |shot: &RgbImage| -> Vec<[u8; 3]> {
        let (width, height) = shot.dimensions();
        let (x, y) = (width / 4, height / 8);
        let part = image::imageops::crop_imm(shot, x, y, width / 2, height / 2).to_image();
        part.pixels().map(|pixel| pixel.0).collect()
    };
    let colours: HashSet<_> = level(&right).into_iter().collect();
    assert!(
        colours.len() > 8,
        "only {} colours where the level should be",
        colours.len()
    );
    assert_ne!(level(&right), level(&left), "the keys make no difference");
    let (width, height) = right.dimensions();
    let caption = image::imageops::crop_imm(&right, 0, height - 70, width, 70).to_image();
    let bright = caption.pixels().filter(|pixel| pixel.0[0] > 150).count();
    assert!(bright > 100, "no text below the level");
}
