//! What is left out on purpose: when that is too much, and when it is an error.

use std::path::Path;

use genie_training::ingest::{CropChoice, IngestError, IngestOptions, RemarkKind};
use image::{ImageFormat, Rgb, RgbImage};

use super::footage::{encoded, import, keeping, plain, said, save, textured};

/// Pictures at ten frames a second.
fn footage(folder: &Path, pictures: impl Iterator<Item = RgbImage>) {
    for (number, picture) in pictures.enumerate() {
        let bytes = encoded(&picture, ImageFormat::Png);
        save(folder, &format!("{number:03}.png"), &bytes);
    }
    save(folder, "frames_per_second", b"10");
}

/// A picture of one of three scenes, which have other colours.
fn scene(number: u32, x: u32) -> RgbImage {
    let base = [[20, 90, 180], [180, 60, 20], [30, 180, 60]][number as usize % 3];
    RgbImage::from_fn(64, 64, |px, y| {
        let block = ((px + x) / 8 * 7 + y / 8 * 13 + number * 5) % 11;
        Rgb(base.map(|colour: u8| colour + block as u8 * 5))
    })
}

fn cutting() -> IngestOptions {
    IngestOptions {
        keep_all: false,
        ..keeping(64, 64)
    }
}

#[test]
fn much_that_is_lost_between_cuts_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    // A scene of 40 pictures, then one of five after the other.
    let many = (0..60).map(|n| scene(1 + n / 5, 2 * n));
    footage(&clip, (0..40).map(|n| scene(0, 2 * n)).chain(many));
    let summary = import(&clip, &folder.path().join("out"), &cutting()).unwrap();
    assert_eq!(summary.frames, 40);
    let said = said(&summary);
    for part in ["60 %", "every 0.5 seconds", "--keep-all"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Where nothing is left of it, too.
    let only = folder.path().join("only");
    footage(&only, (0..60).map(|n| scene(1 + n / 5, 2 * n)));
    let longer = IngestOptions {
        shortest_piece: 6,
        ..cutting()
    };
    let error = import(&only, &folder.path().join("none"), &longer).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("too fast"), "{error}");
}

#[test]
fn strict_counts_what_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    let pictures = (0..60).map(|n| match n {
        20..30 => plain(64, 64, 0),
        _ => textured(64, 64, 2 * n),
    });
    footage(&clip, pictures);
    let out = folder.path().join("out");
    let strict = IngestOptions {
        strict: true,
        ..cutting()
    };
    let error = import(&clip, &out, &strict).unwrap_err();
    assert!(
        matches!(error, IngestError::Strict { count: 1, .. }),
        "{error}"
    );
    let error = error.to_string();
    assert!(
        error.contains("10 frames") && error.contains("blank"),
        "{error}"
    );
    assert!(!out.exists());
    let all = IngestOptions {
        keep_all: true,
        ..strict
    };
    assert_eq!(import(&clip, &out, &all).unwrap().frames, 60);
}

#[test]
fn strict_takes_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    let barred = |n: u32| {
        let mut picture = plain(64, 64, 0);
        picture.pixels_mut().for_each(|pixel| *pixel = Rgb([0; 3]));
        image::imageops::replace(&mut picture, &textured(64, 40, 2 * n), 0, 12);
        picture
    };
    footage(&clip, (0..30).map(barred));
    let strict = IngestOptions {
        strict: true,
        crop: CropChoice::Auto,
        ..cutting()
    };
    let summary = import(&clip, &folder.path().join("out"), &strict).unwrap();
    assert_eq!(summary.remarks.len(), 1, "{}", said(&summary));
    assert_eq!(summary.remarks[0].1.kind, RemarkKind::Noted);
    assert!(said(&summary).contains("0,12,64,40"), "{}", said(&summary));
}
