//! Films, by both decoders.

use std::path::{Path, PathBuf};

use genie_training::dataset::TrueActions;
use genie_training::ingest::{CropChoice, DecoderChoice, FitChoice, IngestOptions, PaceChoice};

use super::footage::{clips, ffmpeg, import, keeping, said};

/// Films of 2 KB: a bright box of 12x16 pixels goes two pixels to the right from frame to frame, out of the order of decoding
/// (B-frames), at 25 frames a second and, from the thirteenth frame on, at a third of that.
fn moving_box(ending: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/footage/moving_box.{ending}"))
}

fn with(decoder: DecoderChoice, width: usize, height: usize) -> IngestOptions {
    IngestOptions {
        decoder,
        pace: PaceChoice::FramesPerSecond(25.0),
        ..keeping(width, height)
    }
}

/// Films of 2 KB in high dynamic range and the colours of BT.2020: patches of known colours.
fn patches(transfer: &str) -> PathBuf {
    let name = format!("tests/footage/patches_{transfer}.mkv");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn has_ffmpeg() -> bool {
    std::process::Command::new("ffmpeg")
        .arg("-version")
        .output()
        .is_ok()
}

fn decoders() -> Vec<DecoderChoice> {
    let mut decoders = vec![DecoderChoice::BuiltIn];
    if has_ffmpeg() {
        decoders.push(DecoderChoice::Ffmpeg);
    }
    decoders
}

/// Column of the box's left edge.
fn left_edge(frame: &[u8], width: usize) -> Option<usize> {
    (0..width).find(|x| frame[(24 * width + x) * 3 + 1] > 120)
}

#[test]
fn frames_come_in_the_order_of_their_times() {
    for ending in ["mp4", "mkv"] {
        for decoder in decoders() {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("out");
            let summary = import(&moving_box(ending), &out, &with(decoder, 64, 48)).unwrap();
            let clips = clips(&out);
            let edges: Vec<usize> = clips[0]
                .iter()
                .filter_map(|frame| left_edge(frame, 64))
                .collect();
            let mut expected: Vec<usize> = (0..12).map(|n| 2 * n).collect();
            expected.extend((12..24).flat_map(|n| [2 * n; 3]));
            assert_eq!(edges, expected, "{ending} by {decoder:?}");
            assert_eq!(summary.source_frames, 24);
            assert!(!summary.has_damage(), "{}", said(&summary));
        }
    }
}

#[test]
fn a_part_of_a_film_begins_and_ends_by_time() {
    for ending in ["mp4", "mkv"] {
        for decoder in decoders() {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("out");
            let options = IngestOptions {
                start: 0.2,
                end: Some(0.6),
                ..with(decoder, 64, 48)
            };
            import(&moving_box(ending), &out, &options).unwrap();
            let edges: Vec<usize> = clips(&out)[0]
                .iter()
                .filter_map(|frame| left_edge(frame, 64))
                .collect();
            assert_eq!(
                edges,
                [10, 12, 14, 16, 18, 20, 22, 24, 24, 24],
                "{ending} by {decoder:?}"
            );
        }
    }
}

#[test]
fn actions_of_a_part_are_those_of_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    let path = film.display().to_string();
    // A key frame every second, so that a decoder could jump over the first ten.
    let made = ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=64x64:r=10:d=20",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "10",
        &path,
    ]);
    if made.is_none() {
        eprintln!("no program ffmpeg to make a film with");
        return;
    }
    let rows: Vec<String> = (0..20).map(|n| format!("{},k{n}", 10 * n)).collect();
    std::fs::write(
        folder.path().join("film.actions.csv"),
        format!("frame,keys\n{}\n", rows.join("\n")),
    )
    .unwrap();
    for decoder in decoders() {
        let out = folder.path().join(format!("{decoder:?}"));
        let options = IngestOptions {
            start: 10.0,
            end: Some(14.0),
            pace: PaceChoice::FramesPerSecond(10.0),
            ..with(decoder, 64, 64)
        };
        import(&film, &out, &options).unwrap();
        let names = std::fs::read_to_string(out.join("true_actions.json")).unwrap();
        let names: serde_json::Value = serde_json::from_str(&names).unwrap();
        assert_eq!(
            names["keys"],
            serde_json::json!(["k10", "k11", "k12", "k13"]),
            "{decoder:?}"
        );
        let actions = TrueActions::open(&out).unwrap();
        let actions = actions.clip(0).unwrap();
        let expected: Vec<u8> = (0..39).map(|n| n / 10).collect();
        assert_eq!(actions, expected, "{decoder:?}");
    }
}

#[test]
fn a_crop_counts_pixels_of_the_picture() {
    for decoder in decoders() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let options = IngestOptions {
            crop: CropChoice::Area {
                x: 8,
                y: 0,
                width: 32,
                height: 48,
            },
            fit: FitChoice::Stretch,
            end: Some(0.5),
            ..with(decoder, 32, 48)
        };
        import(&moving_box("mp4"), &out, &options).unwrap();
        let frames = &clips(&out)[0];
        assert_eq!(left_edge(&frames[6], 32), Some(4), "{decoder:?}");
        let outside = IngestOptions {
            crop: CropChoice::Area {
                x: 60,
                y: 0,
                width: 32,
                height: 48,
            },
            ..options
        };
        let error = import(&moving_box("mp4"), &folder.path().join("no"), &outside).unwrap_err();
        assert!(error.to_string().contains("64x48"), "{error}");
    }
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2))
        .sum();
    10.0 * (255.0_f64.powi(2) * a.len() as f64 / squares.max(1e-9)).log10()
}

/// Imports a film by both decoders; the frames must be the same.
fn assert_alike(path: &Path, options: &IngestOptions) {
    let folder = tempfile::tempdir().unwrap();
    let read = |decoder, name: &str| {
        let out = folder.path().join(name);
        let options = IngestOptions {
            decoder,
            ..options.clone()
        };
        let summary = import(path, &out, &options)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (summary.source_frames, clips(&out))
    };
    let (frames, ours) = read(DecoderChoice::BuiltIn, "built-in");
    let (theirs_frames, theirs) = read(DecoderChoice::Ffmpeg, "ffmpeg");
    assert_eq!(frames, theirs_frames, "{}", path.display());
    let lengths = |clips: &[Vec<Vec<u8>>]| clips.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&ours), lengths(&theirs), "{}", path.display());
    for (number, (a, b)) in ours
        .iter()
        .flatten()
        .zip(theirs.iter().flatten())
        .enumerate()
    {
        let psnr = psnr(a, b);
        assert!(
            psnr >= 40.0,
            "{}: frame {number}: {psnr:.1} dB",
            path.display()
        );
    }
}

#[test]
fn both_decoders_give_the_same_frames() {
    if !has_ffmpeg() {
        eprintln!("no program ffmpeg to compare with");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let source = "testsrc2=s=160x120:r=30:d=2";
    let encode = |name: &str, more: &[&str]| {
        let out = path(name);
        let mut arguments = vec![
            "-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p",
        ];
        arguments.extend(more);
        arguments.push(&out);
        ffmpeg(&arguments);
        PathBuf::from(out)
    };
    let copy = |from: &Path, name: &str, before: &[&str], after: &[&str]| {
        let (from, out) = (from.display().to_string(), path(name));
        let mut arguments = before.to_vec();
        arguments.extend(["-i", &from, "-c", "copy"]);
        arguments.extend(after);
        arguments.push(&out);
        ffmpeg(&arguments);
        PathBuf::from(out)
    };
    let plain = encode(
        "b.mp4",
        &["-x264-params", "bframes=5:b-pyramid=2:keyint=20:ref=4"],
    );
    let options = with(DecoderChoice::Auto, 64, 64);
    let contained = IngestOptions {
        fit: FitChoice::Contain,
        ..with(DecoderChoice::Auto, 64, 64)
    };
    for options in [&options, &contained] {
        assert_alike(&plain, options);
    }
    // Not scaled, and scaled by little or up.
    for (width, height) in [(160, 120), (120, 100), (200, 200)] {
        assert_alike(&plain, &with(DecoderChoice::Auto, width, height));
    }
    for film in [
        // Cut without encoding it anew: an edit list says from where on it is shown.
        copy(&plain, "cut.mp4", &["-ss", "0.9"], &[]),
        copy(&plain, "b.mkv", &[], &[]),
        copy(&plain, "b.mov", &[], &[]),
        copy(&plain, "turned.mp4", &[], &["-metadata:s:v", "rotate=90"]),
        copy(
            &plain,
            "fragments.mp4",
            &[],
            &["-movflags", "frag_keyframe+empty_moov"],
        ),
        encode("slices.mp4", &["-x264-params", "slices=4:keyint=15"]),
        encode(
            "open.mkv",
            &["-x264-params", "open-gop=1:keyint=15:bframes=3"],
        ),
        encode("baseline.mp4", &["-profile:v", "baseline"]),
        encode(
            "variable.mkv",
            &["-vf", "select='not(mod(n,7)*mod(n,3))'", "-vsync", "vfr"],
        ),
        encode("odd.mp4", &["-vf", "scale=162:122"]),
        encode("wide.mkv", &["-aspect", "16:9"]),
        encode(
            "full.mp4",
            &[
                "-vf",
                "scale=out_range=full",
                "-color_range",
                "pc",
                "-colorspace",
                "bt709",
            ],
        ),
    ] {
        assert_alike(&film, &options);
    }
}

#[test]
fn what_the_built_in_decoder_cannot_read_says_what_to_install() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments, said) in [
        (
            "deep.mp4",
            vec!["-c:v", "libx264", "-pix_fmt", "yuv444p"],
            "4:4:4",
        ),
        (
            "interlaced.mp4",
            vec![
                "-c:v",
                "libx264",
                "-pix_fmt",
                "yuv420p",
                "-x264-params",
                "interlaced=1",
            ],
            "interlaced",
        ),
        ("old.mkv", vec!["-c:v", "mpeg4"], "V_MPEG4"),
        ("old.mp4", vec!["-c:v", "mpeg4"], "mp4v"),
        ("old.avi", vec!["-c:v", "mpeg4"], "container"),
    ] {
        let path = folder.path().join(name);
        let out = path.display().to_string();
        let mut all = vec!["-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=1"];
        all.extend(arguments);
        all.push(&out);
        ffmpeg(&all);
        let error = import(
            &path,
            &folder.path().join("out"),
            &with(DecoderChoice::BuiltIn, 64, 64),
        )
        .unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains(name) && error.contains(said) && error.contains("ffmpeg"),
            "{error}"
        );
        // The program reads all of them.
        let read = import(
            &path,
            &folder.path().join(format!("{name}-read")),
            &with(DecoderChoice::Ffmpeg, 64, 64),
        );
        assert!(read.unwrap().frames > 20, "{name}");
    }
}

#[test]
fn bars_are_found_and_cut_off() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bars.mp4");
    let text = path.display().to_string();
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=160x80:r=10:d=2",
        "-vf",
        "pad=160:120:0:20",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        &text,
    ]);
    for decoder in decoders() {
        let out = folder.path().join(format!("{decoder:?}"));
        let options = IngestOptions {
            crop: CropChoice::Auto,
            ..with(decoder, 80, 40)
        };
        let summary = import(&path, &out, &options).unwrap();
        assert!(said(&summary).contains("0,20,160,80"), "{}", said(&summary));
    }
}

#[test]
fn films_in_high_dynamic_range_come_out_in_the_colours_that_they_show() {
    // What the patches are in sRGB, where white is that of paper.
    const COLOURS: [[u8; 3]; 12] = [
        [0, 0, 0],
        [40, 40, 40],
        [90, 90, 90],
        [150, 150, 150],
        [200, 200, 200],
        [220, 220, 220],
        [200, 40, 40],
        [40, 180, 60],
        [50, 60, 200],
        [200, 180, 40],
        [40, 160, 180],
        [150, 60, 160],
    ];
    if !has_ffmpeg() {
        return;
    }
    for transfer in ["pq", "hlg"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let options = IngestOptions {
            pace: PaceChoice::FramesPerSecond(10.0),
            ..with(DecoderChoice::Ffmpeg, 64, 48)
        };
        let summary = import(&patches(transfer), &out, &options).unwrap();
        assert!(
            said(&summary).contains("high dynamic range"),
            "{}",
            said(&summary)
        );
        let frame = &clips(&out)[0][0];
        for (number, colour) in COLOURS.iter().enumerate() {
            let (x, y) = (number % 4 * 16 + 8, number / 4 * 16 + 8);
            let seen = &frame[(y * 64 + x) * 3..][..3];
            let off = seen.iter().zip(colour).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off <= Some(5), "{transfer} {colour:?}: {seen:?}");
        }
    }
}
