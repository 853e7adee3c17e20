//! Damaged and hostile files: each is reported, none stops the import, crashes it or makes it wait.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use genie_training::ingest::DecoderChoice;
use image::ImageFormat;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::footage::{chunk, clips, encoded, import, keeping, save, textured};

/// No file takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

fn film(ending: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/footage/moving_box.{ending}"));
    fs::read(path).unwrap()
}

/// A PNG that claims a size.
fn claiming_png(width: u32, height: u32) -> Vec<u8> {
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(chunk(*b"IHDR", &header));
    out.extend(chunk(
        *b"IDAT",
        &[0x78, 0x9C, 0xED, 0xC1, 1, 1, 0, 0, 0, 0x80, 0x90],
    ));
    out.extend(chunk(*b"IEND", &[]));
    out
}

/// A GIF of a canvas of a size, with many frames of one pixel.
fn claiming_gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let mut out = b"GIF89a".to_vec();
    out.extend(width.to_le_bytes());
    out.extend(height.to_le_bytes());
    out.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    for _ in 0..frames {
        out.extend([0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
    }
    out.push(0x3B);
    out
}

/// A damaged or hostile file, by its seed.
fn made(seed: u64) -> (String, Vec<u8>) {
    let mut random = StdRng::seed_from_u64(seed);
    let png = encoded(&textured(32, 32, 3), ImageFormat::Png);
    let jpeg = encoded(&textured(32, 32, 3), ImageFormat::Jpeg);
    let gif = encoded(&textured(32, 32, 3), ImageFormat::Gif);
    let webp = encoded(&textured(32, 32, 3), ImageFormat::WebP);
    let bmp = encoded(&textured(32, 32, 3), ImageFormat::Bmp);
    let whole = [
        ("mp4", film("mp4")),
        ("mkv", film("mkv")),
        ("png", png),
        ("jpg", jpeg),
        ("gif", gif),
        ("webp", webp),
        ("bmp", bmp),
    ];
    let (ending, bytes) = whole[seed as usize % whole.len()].clone();
    let endings = [
        "mp4", "mkv", "webm", "avi", "mov", "gif", "png", "jpg", "webp", "bmp", "tar", "ts", "apng",
    ];
    let other = endings[random.random_range(0..endings.len())];
    match seed / 7 % 10 {
        // Cut off near its beginning: none of its pictures is whole.
        0 => {
            let most = if matches!(ending, "mp4" | "mkv") {
                200
            } else {
                bytes.len() / 2
            };
            (
                ending.into(),
                bytes[..random.random_range(0..most)].to_vec(),
            )
        }
        // Another ending than it has.
        1 => (other.into(), format!("not footage {seed}").into_bytes()),
        2 => (other.into(), Vec::new()),
        3 => (
            other.into(),
            (0..random.random_range(1..4000))
                .map(|_| random.random())
                .collect(),
        ),
        // A beginning like footage, then anything.
        4 => {
            let mut start = bytes[..bytes.len().min(12)].to_vec();
            start.extend((0..3000).map(|_| random.random::<u8>()));
            (ending.into(), start)
        }
        5 => (
            "png".into(),
            claiming_png(
                random.random_range(20_000..u32::MAX),
                random.random_range(20_000..u32::MAX),
            ),
        ),
        6 => ("png".into(), claiming_png(30_000, 30_000)),
        7 => (
            "gif".into(),
            claiming_gif(random.random_range(20_000..u16::MAX), u16::MAX, 100_000),
        ),
        // Holes full of zeros, and counts full of ones.
        8 => {
            let mut bytes = bytes;
            let fill = if random.random() { 0 } else { 0xFF };
            for _ in 0..6 {
                let at = random.random_range(0..bytes.len());
                let end = (at + bytes.len() / 5).min(bytes.len());
                bytes[at..end].fill(fill);
            }
            bytes[4..12].fill(fill);
            (ending.into(), bytes)
        }
        _ => (
            other.into(),
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n".to_vec(),
        ),
    }
}

#[test]
fn two_hundred_bad_files_are_each_reported_and_the_good_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let footage = folder.path().join("footage");
    for seed in 0..200 {
        let (ending, bytes) = made(seed);
        // Each in a folder of its own: none is a frame beside others.
        save(
            &footage.join(format!("{seed:03}")),
            &format!("bad{seed:03}.{ending}"),
            &bytes,
        );
    }
    for number in 0..4 {
        save(
            &footage.join("good"),
            &format!("{number}.png"),
            &encoded(&textured(32, 32, number), ImageFormat::Png),
        );
    }
    for decoder in [DecoderChoice::BuiltIn, DecoderChoice::Auto] {
        let out = folder.path().join(format!("{decoder:?}"));
        let options = genie_training::ingest::IngestOptions {
            decoder,
            ..keeping(32, 32)
        };
        let summary = import(&footage, &out, &options).unwrap();
        let told: Vec<String> = summary
            .unreadable
            .iter()
            .map(|file| format!("{}: {}", file.source, file.reason))
            .chain(
                summary
                    .remarks
                    .iter()
                    .map(|(source, remark)| format!("{source}: {}", remark.text)),
            )
            .collect();
        for seed in 0..200 {
            let folder = format!("{seed:03}");
            assert!(
                told.iter()
                    .any(|text| text.contains(&format!("bad{folder}"))
                        || text.contains(&format!("/{folder}"))),
                "nothing is said of {folder} by {decoder:?}: {:?}",
                made(seed).0
            );
        }
        assert!(summary.has_damage());
        let good = clips(&out)
            .into_iter()
            .filter(|clip| clip.len() == 4)
            .count();
        assert!(good >= 1);
        assert!(!out.join(".import").exists());
    }
}

#[test]
fn no_bad_file_makes_anyone_wait() {
    let folder = tempfile::tempdir().unwrap();
    let is_film = |ending: &str| matches!(ending, "mp4" | "mkv" | "webm" | "avi" | "mov" | "ts");
    let small = (0..200).map(made);
    // What looks like pictures to decoders again and again.
    let mut random = StdRng::seed_from_u64(7);
    let large = ["ts", "mpg", "h264"].map(|ending| {
        let bytes = (0..4 << 20).map(|_| random.random()).collect();
        (ending.to_owned(), bytes)
    });
    let all = small.chain(large).enumerate();
    let all = all.flat_map(|(seed, (ending, bytes))| {
        // Other files do not come to the program.
        let both = is_film(&ending) || seed >= 200;
        let built_in = (seed, ending.clone(), bytes.clone(), DecoderChoice::BuiltIn);
        let program = both.then_some((seed, ending, bytes, DecoderChoice::Auto));
        std::iter::once(built_in).chain(program)
    });
    for (seed, ending, bytes, decoder) in all {
        let path = save(folder.path(), &format!("bad{seed}.{ending}"), &bytes);
        let out = folder.path().join("out");
        let begun = Instant::now();
        let options = genie_training::ingest::IngestOptions {
            decoder,
            ..keeping(32, 32)
        };
        let ended = import(&path, &out, &options);
        assert!(
            begun.elapsed() < PATIENCE,
            "{seed} by {decoder:?}: {:?}",
            begun.elapsed()
        );
        match ended {
            // What is left of it is a picture or two.
            Ok(summary) => {
                assert!(summary.frames < 200);
                fs::remove_dir_all(&out).unwrap();
            }
            Err(_) => assert!(!out.exists(), "{seed} left something behind"),
        }
    }
}

/// A GIF of a large canvas with a hundred thousand frames of one pixel, and one that never ends by its file's length.
#[test]
fn animations_that_decode_to_too_much_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(folder.path(), "bomb.gif", &claiming_gif(2800, 2800, 3000));
    let out = folder.path().join("out");
    let error = import(&path, &out, &keeping(8, 8)).unwrap_err().to_string();
    assert!(error.contains("bomb.gif"), "{error}");
    assert!(!out.exists());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_footage() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("endless.mp4");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    for path in [pipe.as_path(), folder.path()] {
        let out = folder.path().join("out");
        let error = import(path, &out, &keeping(8, 8)).unwrap_err().to_string();
        assert!(error.contains("endless.mp4"), "{error}");
    }
}
