//! GIF, APNG and WebP with their delays, and tar archives.

use std::fs::File;
use std::path::Path;

use genie_training::dataset::TrueActions;
use genie_training::ingest::{IngestOptions, PaceChoice};
use image::codecs::gif::GifEncoder;
use image::{Delay, DynamicImage, Frame, ImageFormat};

use super::footage::{clips, encoded, first_bytes, import, keeping, plain, said};

/// A GIF whose frames have a value and a delay in milliseconds each.
fn gif(path: &Path, frames: &[(u8, u32)]) {
    let mut encoder = GifEncoder::new(File::create(path).unwrap());
    for &(value, delay) in frames {
        let picture = DynamicImage::ImageRgb8(plain(8, 8, value)).into_rgba8();
        let delay = Delay::from_numer_denom_ms(delay, 1);
        encoder
            .encode_frame(Frame::from_parts(picture, 0, 0, delay))
            .unwrap();
    }
}

fn at(pace: f64) -> IngestOptions {
    IngestOptions {
        pace: PaceChoice::FramesPerSecond(pace),
        ..keeping(8, 8)
    }
}

#[test]
fn each_delay_counts() {
    let folder = tempfile::tempdir().unwrap();
    let delays = [100, 100, 100, 1000, 100, 100, 500, 100];
    let frames: Vec<(u8, u32)> = (0..8).map(|n| (10 * n as u8, delays[n])).collect();
    gif(&folder.path().join("clip.gif"), &frames);
    let out = folder.path().join("out");
    let summary = import(folder.path(), &out, &at(10.0)).unwrap();
    let expected: Vec<u8> = [
        0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 6, 6, 6, 6, 7,
    ]
    .map(|n| 10 * n)
    .into();
    assert_eq!(first_bytes(&out), [expected]);
    assert!(
        said(&summary).contains("13 frames show the one before"),
        "{}",
        said(&summary)
    );
}

#[test]
fn animations_of_several_paces_become_one() {
    let folder = tempfile::tempdir().unwrap();
    gif(
        &folder.path().join("a.gif"),
        &(0..10).map(|n| (n, 100)).collect::<Vec<_>>(),
    );
    gif(
        &folder.path().join("b.gif"),
        &(0..50).map(|n| (n, 20)).collect::<Vec<_>>(),
    );
    let out = folder.path().join("out");
    import(folder.path(), &out, &keeping(8, 8)).unwrap();
    let clips = first_bytes(&out);
    assert_eq!(clips[0], (0..10).collect::<Vec<u8>>());
    assert_eq!(clips[1], (0..10).map(|n| 5 * n).collect::<Vec<u8>>());
}

#[test]
fn parts_by_time_and_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gif");
    gif(&path, &(0..40).map(|n| (n, 50)).collect::<Vec<_>>());
    let part = IngestOptions {
        start: 0.5,
        end: Some(1.0),
        ..at(20.0)
    };
    let out = folder.path().join("part");
    import(&path, &out, &part).unwrap();
    assert_eq!(first_bytes(&out), [(10..20).collect::<Vec<u8>>()]);
    let every = IngestOptions {
        pace: PaceChoice::Every(4),
        ..keeping(8, 8)
    };
    let out = folder.path().join("every");
    let summary = import(&path, &out, &every).unwrap();
    assert_eq!(
        first_bytes(&out),
        [(0..10).map(|n| 4 * n).collect::<Vec<u8>>()]
    );
    assert!((summary.frames_per_second - 5.0).abs() < 0.01);
}

#[test]
fn a_canvas_without_pixels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.gif");
    gif(&path, &[(1, 100), (2, 100)]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[6..10].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let out = folder.path().join("out");
    let error = import(folder.path(), &out, &keeping(8, 8))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("clip.gif") && error.contains("0x0"),
        "{error}"
    );
    assert!(!out.exists());
}

#[test]
fn archives_hold_clips_by_folder_or_by_sample() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shard.tar");
    let mut archive = tar::Builder::new(File::create(&path).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes).unwrap();
    };
    for number in [2, 10, 1, 3] {
        let png = encoded(&plain(8, 8, number), ImageFormat::Png);
        add(&format!("walk.{number}.png"), &png);
        add(&format!("jump.{number}.png"), &png);
    }
    add("walk.json", b"{}");
    let gif_path = folder.path().join("clip.gif");
    gif(&gif_path, &[(7, 100), (8, 100)]);
    add("spin.gif", &std::fs::read(&gif_path).unwrap());
    archive.finish().unwrap();
    drop(archive);
    let out = folder.path().join("out");
    import(&path, &out, &at(10.0)).unwrap();
    let mut clips = clips(&out)
        .iter()
        .map(|clip| clip.iter().map(|frame| frame[0]).collect::<Vec<u8>>())
        .collect::<Vec<_>>();
    clips.sort();
    // Numbers that follow each other belong together; a gap parts.
    assert_eq!(
        clips,
        [vec![1, 2, 3], vec![1, 2, 3], vec![7, 8], vec![10], vec![10]]
    );
}

#[test]
fn what_an_archive_holds_besides_footage_is_counted_and_actions_in_it_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shard.tar");
    let mut archive = tar::Builder::new(File::create(&path).unwrap());
    let header = |length: usize| {
        let mut header = tar::Header::new_gnu();
        header.set_size(length as u64);
        header.set_mode(0o644);
        header.set_cksum();
        header
    };
    let gif_path = folder.path().join("clip.gif");
    gif(&gif_path, &[(7, 100), (8, 100)]);
    let spin = std::fs::read(&gif_path).unwrap();
    let png = encoded(&plain(8, 8, 1), ImageFormat::Png);
    for (name, bytes) in [
        ("spin.gif", &spin[..]),
        ("spin.actions.csv", b"frame,keys\n0,jump\n"),
        // An animation without its ending.
        ("turn", &spin[..]),
        ("turn.actions.csv", b"frame,keys\n0,jump\n"),
        ("walk/1.png", &png),
        ("walk/2.png", &png),
        ("walk/actions.csv", b"frame,keys\n0,left\n"),
        ("spin.json", b"{}"),
        ("weights.pth", b"no footage"),
        ("inner.tar", b"none either"),
        ("gone.actions.csv", b"frame,keys\n0,jump\n"),
    ] {
        archive
            .append_data(&mut header(bytes.len()), name, bytes)
            .unwrap();
    }
    let mut link = header(0);
    link.set_entry_type(tar::EntryType::Symlink);
    archive
        .append_link(&mut link, "again.gif", "spin.gif")
        .unwrap();
    archive.finish().unwrap();
    drop(archive);
    let out = folder.path().join("out");
    let summary = import(&path, &out, &at(10.0)).unwrap();
    let told: Vec<&str> = (summary.remarks.iter())
        .map(|(_, remark)| remark.text.as_str())
        .collect();
    for part in [
        "2 files are passed over (no footage): inner.tar, weights.pth",
        "1 file is passed over (a link in the archive, which is not followed): again.gif",
        "1 file is passed over (there is nothing that the actions belong to): gone.actions.csv",
    ] {
        assert!(told.iter().any(|text| text.contains(part)), "{told:#?}");
    }
    let actions = TrueActions::open(&out).unwrap();
    let all: Vec<&[u8]> = (0..actions.clip_count())
        .filter_map(|clip| actions.clip(clip))
        .collect();
    // Of two films with a jump, and of pictures with a step to the left.
    assert_eq!(all, [[0], [0], [1]]);
    let strict = IngestOptions {
        strict: true,
        ..at(10.0)
    };
    let error = import(&path, &folder.path().join("strict"), &strict).unwrap_err();
    assert!(error.to_string().contains("passed over"), "{error}");
}
