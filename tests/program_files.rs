//! Files that the programs among the examples are given: pictures that are none, that are too large or cut off, damaged
//! settings, folders that cannot be written.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use genie_examples::assets;
use genie_examples::json_file::{self, JsonFileError};
use genie_examples::picture::{self, LONGEST_EDGE, PictureError};
use genie_examples::script::Script;
use genie_model::{ActionLabel, Frame};
use image::{ImageEncoder, RgbImage};

#[test]
fn what_is_no_picture_is_refused_with_its_name_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.png");
    fs::write(&path, "only words").unwrap();
    let error = picture::read(&path).unwrap_err();
    assert!(matches!(error, PictureError::NoPicture { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("notes.png") && text.contains("not a picture"),
        "{text}"
    );
    let nowhere = picture::read(&folder.path().join("nowhere.png")).unwrap_err();
    assert!(matches!(nowhere, PictureError::Io { .. }), "{nowhere:?}");
    assert!(
        picture::read(folder.path()).is_err(),
        "a folder is no picture"
    );
    fs::write(&path, "").unwrap();
    assert!(picture::read(&path).is_err(), "nor is an empty file");
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let error = picture::read(&pipe).unwrap_err().to_string();
    assert!(error.contains("pipe.png: not an ordinary file"), "{error}");
}

#[test]
fn a_picture_cut_off_anywhere_is_an_error_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 99]));
    for ending in ["png", "bmp", "jpg", "webp", "gif"] {
        let whole = folder.path().join("whole").with_extension(ending);
        picture.save(&whole).unwrap();
        assert_eq!(picture::read(&whole).unwrap().width(), 40, "{ending}");
        let bytes = fs::read(&whole).unwrap();
        let cut = folder.path().join("cut").with_extension(ending);
        for length in [1, 10, 30, bytes.len() / 2] {
            fs::write(&cut, &bytes[..length]).unwrap();
            // Some formats can be read as far as they go; what matters is that nothing breaks.
            if let Err(error) = picture::read(&cut) {
                assert!(error.to_string().contains("cut."), "{error}");
            }
        }
    }
}

/// A PNG file of any size of which the pixels are missing.
fn hollow_png(path: &Path, width: u32, height: u32) {
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    encoder
        .write_image(&[0; 3], 1, 1, image::ExtendedColorType::Rgb8)
        .unwrap();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    fs::write(path, bytes).unwrap();
}

/// The checksum of PNG chunks.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn a_picture_of_twenty_thousand_pixels_a_side_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.png");
    hollow_png(&path, 20_000, 20_000);
    let error = picture::read(&path).unwrap_err();
    assert!(
        matches!(error, PictureError::TooLarge { width: 20_000, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("20000 x 20000"), "{error}");
    // One that is long and narrow is read, and made smaller.
    let long = folder.path().join("long.png");
    RgbImage::new(20_000, 8).save(&long).unwrap();
    assert_eq!(picture::read(&long).unwrap().width(), LONGEST_EDGE as usize);
}

#[test]
fn a_damaged_settings_file_is_put_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/settings.json");
    let (nothing, problem): (BTreeMap<String, u32>, _) = json_file::read(&path);
    assert!(nothing.is_empty() && problem.is_none(), "a first start");
    let settings = BTreeMap::from([("scale".to_owned(), 3)]);
    json_file::write(&path, &settings).unwrap();
    let (again, problem): (BTreeMap<String, u32>, _) = json_file::read(&path);
    assert!(again == settings && problem.is_none());
    fs::write(&path, "{\"scale\": ").unwrap();
    let (default, problem): (BTreeMap<String, u32>, _) = json_file::read(&path);
    assert!(default.is_empty());
    let Some(JsonFileError::Damaged { kept, .. }) = &problem else {
        panic!("{problem:?}");
    };
    assert_eq!(fs::read_to_string(kept).unwrap(), "{\"scale\": ");
    assert!(!path.exists(), "the next write takes nothing's place");
}

#[test]
fn where_nothing_can_be_written_the_file_is_named_and_the_old_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    // A file in place of a folder cannot be written into, by an administrator either.
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "a file").unwrap();
    let settings = BTreeMap::from([("scale", 3)]);
    let error = json_file::write(&blocked.join("settings.json"), &settings).unwrap_err();
    assert!(error.to_string().contains("settings.json"), "{error}");
    let picture = Frame::filled(4, 4, [1, 2, 3]);
    let error = picture::write_png(&blocked.join("drawing.png"), &picture).unwrap_err();
    assert!(error.to_string().contains("drawing.png"), "{error}");
    assert_eq!(fs::read_to_string(&blocked).unwrap(), "a file");
    // A full disk, where Linux has one to try.
    let full = Path::new("/dev/full");
    if full.exists() {
        let link = folder.path().join("full.json.part");
        std::os::unix::fs::symlink(full, &link).unwrap();
        let path = folder.path().join("full.json");
        fs::write(&path, "old").unwrap();
        let many: Vec<u32> = (0..100_000).collect();
        let error = json_file::write(&path, &many).unwrap_err();
        assert!(error.to_string().contains("full.json"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }
}

#[test]
fn a_picture_that_is_written_is_read_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = (0..32 * 16 * 3).map(|at| (at % 251) as u8).collect();
    let picture = Frame::from_rgb(32, 16, pixels).unwrap();
    let path = folder.path().join("new/folder/drawing.png");
    picture::write_png(&path, &picture).unwrap();
    assert_eq!(picture::read(&path).unwrap().pixels(), picture.pixels());
}

#[test]
fn scripts_are_read_as_they_are_written() {
    let labels = ["idle", "left", "right"].map(|name| ActionLabel {
        name: name.to_owned(),
        keys: Vec::new(),
        ..ActionLabel::default()
    });
    let script: Script = "right:2, left ,0:3".parse().unwrap();
    let played: Vec<_> = (0..8).map(|tick| script.action_at(tick, &labels)).collect();
    assert_eq!(
        played,
        ["right", "right", "left", "0", "0", "0", "right", "right"]
    );
    assert_eq!(script.unknown(&labels).count(), 0);
    let other: Script = "fly:3".parse().unwrap();
    assert_eq!(other.unknown(&labels).collect::<Vec<_>>(), ["fly"]);
    assert_eq!(
        Script::default().unknown(&labels).count(),
        0,
        "the walk takes what there is"
    );
    for wrong in ["", ",", "right:0", "right:many", "right:-1"] {
        assert!(wrong.parse::<Script>().is_err(), "{wrong:?}");
    }
}

/// What `genie dream` writes beside a world is what the programs begin with.
#[test]
fn the_prompts_beside_a_world_are_found_and_else_the_shipped_ones() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("my.prompts");
    fs::create_dir(&own).unwrap();
    for name in ["prompt-2.png", "prompt-1.png", "notes.txt"] {
        fs::write(own.join(name), "").unwrap();
    }
    let found = |name: &str| {
        let world = folder.path().join(name);
        fs::write(&world, "").unwrap();
        assets::prompts_of(&world)
    };
    for name in ["my.genie.safetensors", "my.safetensors"] {
        let expected = ["prompt-1.png", "prompt-2.png"].map(|name| own.join(name));
        assert_eq!(found(name), expected, "{name}");
    }
    // A world without a folder of prompts begins with those that are shipped.
    let shipped = found("other.genie.safetensors");
    assert!(!shipped.is_empty());
    assert_eq!(shipped, assets::prompts(&assets::root()));
}
