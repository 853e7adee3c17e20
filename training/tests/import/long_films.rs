//! Films that are read in parts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use genie_training::dataset::{Dataset, TrueActions};
use genie_training::ingest::{DecoderChoice, IngestOptions, PaceChoice};
use image::{ImageFormat, Rgb, RgbImage};

use super::footage::{clips, encoded, ffmpeg, files, genie, import, keeping, said, save};

/// Frames of the films.
const FRAMES: usize = 2500;
/// Frames of the first part.
const FIRST: usize = 1200;

/// A film of nearly 21 minutes, two frames a second, whose frames show their numbers as three columns of grey. `None` without the
/// program that makes it.
fn numbered(folder: &Path, name: &str, codec: &[&str]) -> Option<PathBuf> {
    let film = folder.join(name);
    let digit = "mod(floor(N/pow(20\\,floor(X/16)))\\,20)";
    let source = format!(
        "color=gray:size=48x48:rate=2:duration=1250,format=yuv420p,geq=lum='30+10*{digit}':cb=128:cr=128"
    );
    let path = film.display().to_string();
    ffmpeg(&[&["-f", "lavfi", "-i", &source], codec, &[&path]].concat())?;
    Some(film)
}

/// The number that a frame shows.
fn number(frame: &[u8]) -> usize {
    let digit = |column: usize| {
        let value = f64::from(frame[(24 * 48 + column * 16 + 8) * 3 + 1]);
        ((value * 219.0 / 255.0 - 14.0) / 10.0).round() as usize
    };
    digit(0) + 20 * digit(1) + 400 * digit(2)
}

/// Which key was held in each of some frames, as a file of actions.
fn pressed(frames: usize) -> String {
    let row = |frame| format!("{frame},{}\n", KEYS[frame % KEYS.len()]);
    (0..frames).map(row).collect()
}

/// Writes down beside a film which key was held in each of its frames.
fn press_keys(film: &Path) {
    std::fs::write(film.with_extension("actions.csv"), pressed(FRAMES)).unwrap();
}

/// Each transition of a dataset has the key of the frame that it leaves, whose number is seen in it.
fn assert_keys_are_those_of_frames(out: &Path, number: impl Fn(&[u8]) -> usize) {
    let truth = TrueActions::of(&Dataset::open(out).unwrap())
        .unwrap()
        .unwrap();
    let names = std::fs::read(out.join("true_actions.json")).unwrap();
    let names: serde_json::Value = serde_json::from_slice(&names).unwrap();
    for (clip, frames) in clips(out).iter().enumerate() {
        let keys = truth.clip(clip).unwrap();
        assert_eq!(keys.len(), frames.len() - 1);
        for (frame, &key) in frames.iter().zip(keys) {
            let held = KEYS[number(frame) % KEYS.len()];
            assert_eq!(names["keys"][usize::from(key)], held, "{}", out.display());
        }
    }
}

/// A number of them that does not divide that of the frames of a part.
const KEYS: [&str; 7] = ["left", "right", "up", "down", "space", "a", "b"];

fn options(decoder: DecoderChoice) -> IngestOptions {
    IngestOptions {
        decoder,
        pace: PaceChoice::FramesPerSecond(2.0),
        longest_clip: 100_000,
        ..keeping(48, 48)
    }
}

/// Key frames far apart, pictures in another order than they are decoded in, and some that refer to pictures before the key frame.
const H264: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-crf",
    "12",
    "-bf",
    "3",
    "-x264-params",
    "open-gop=1:keyint=137:b-adapt=0:scenecut=0",
];

#[test]
fn each_frame_of_a_film_that_is_read_in_parts_is_taken_once_and_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let both = &[DecoderChoice::BuiltIn, DecoderChoice::Ffmpeg][..];
    let program = &both[1..];
    // The last two have no index by which a second could be found. In the very last one the program finds another second.
    let transport = [H264, &["-f", "mpegts"]].concat();
    let live = [H264, &["-f", "matroska", "-live", "1"]].concat();
    let cases: [(&str, &[&str], &[DecoderChoice]); 6] = [
        ("film.mp4", H264, both),
        ("film.mkv", H264, both),
        (
            "film.webm",
            &[
                "-c:v",
                "libvpx",
                "-deadline",
                "realtime",
                "-crf",
                "4",
                "-b:v",
                "2M",
            ],
            program,
        ),
        (
            "film.avi",
            &["-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "100"],
            program,
        ),
        ("live.mkv", &live, program),
        ("transport.mkv", &transport, program),
    ];
    for (name, codec, decoders) in cases {
        let Some(film) = numbered(folder.path(), name, codec) else {
            eprintln!("no program ffmpeg to make a film with");
            return;
        };
        for decoder in decoders {
            let out = folder.path().join(format!("{name}-{decoder:?}"));
            let summary = import(&film, &out, &options(*decoder))
                .unwrap_or_else(|error| panic!("{name}, {decoder:?}: {error}"));
            let clips = clips(&out);
            if name == "transport.mkv" {
                // Its parts do not meet: it is read again as a whole.
                assert_eq!(clips.len(), 1, "{name}");
                assert!(summary.source_frames > FRAMES as u64, "{summary:?}");
            } else {
                let parted = clips.len() == 2 || name == "live.mkv";
                assert!(parted, "{name} was not parted");
            }
            let numbers: Vec<usize> = clips.iter().flatten().map(|frame| number(frame)).collect();
            let expected: Vec<usize> = (0..FRAMES).collect();
            let wrong = numbers
                .iter()
                .zip(&expected)
                .find(|(is, should)| is != should);
            assert_eq!(
                (numbers.len(), wrong),
                (FRAMES, None),
                "{name}, {decoder:?}"
            );
            assert_eq!(
                summary.remarks,
                [],
                "{name}, {decoder:?}: {}",
                said(&summary)
            );
        }
    }
}

#[test]
fn keys_of_a_film_that_is_read_in_parts_are_those_of_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = numbered(folder.path(), "film.mp4", H264) else {
        eprintln!("no program ffmpeg to make a film with");
        return;
    };
    press_keys(&film);
    for decoder in [DecoderChoice::BuiltIn, DecoderChoice::Ffmpeg] {
        for start in [0, 11] {
            let out = folder.path().join(format!("{decoder:?}-{start}"));
            let options = IngestOptions {
                start: f64::from(start),
                ..options(decoder)
            };
            let summary = import(&film, &out, &options).unwrap();
            assert_eq!(summary.remarks, [], "{}", said(&summary));
            assert_eq!(clips(&out).len(), 2, "{decoder:?}: it was not parted");
            assert_keys_are_those_of_frames(&out, number);
        }
    }
}

#[test]
fn keys_of_many_pictures_are_those_of_their_frames_wherever_one_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = 1300;
    // Before the border of the two parts, and at the beginning.
    for damaged in [597..600, 0..60] {
        let own = folder.path().join(format!("{}", damaged.start));
        for number in 0..pictures {
            let pixel = Rgb([(number % 200) as u8, (number / 200 * 30) as u8, 90]);
            let picture = RgbImage::from_pixel(4, 4, pixel);
            let mut bytes = encoded(&picture, ImageFormat::Png);
            if damaged.contains(&number) {
                bytes.truncate(30);
            }
            save(&own, &format!("{number:04}.png"), &bytes);
        }
        save(&own, "frames_per_second", b"1");
        save(&own, "actions.csv", pressed(pictures).as_bytes());
        let out = folder.path().join(format!("{}-out", damaged.start));
        let options = IngestOptions {
            pace: PaceChoice::FramesPerSecond(1.0),
            longest_clip: 100_000,
            ..keeping(4, 4)
        };
        let summary = import(&own, &out, &options).unwrap();
        let told = said(&summary);
        assert!(told.contains("left out"), "{told}");
        assert!(!told.contains("behind the last frame"), "{told}");
        let frames: usize = clips(&out).iter().map(Vec::len).sum();
        // A frame may stand in for the damaged ones after it.
        assert!(frames >= pictures - damaged.len(), "{told}");
        assert_keys_are_those_of_frames(&out, |frame| {
            usize::from(frame[0]) + 200 * (usize::from(frame[1]) / 30)
        });
    }
}

#[test]
fn a_long_film_that_is_interrupted_goes_on_with_its_next_part() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = numbered(folder.path(), "film.mp4", H264) else {
        eprintln!("no program ffmpeg to make a film with");
        return;
    };
    press_keys(&film);
    let film = film.display().to_string();
    let arguments = |out: &Path| {
        let out = out.display().to_string();
        let json = format!("{out}.json");
        [
            "import",
            &film,
            "--out",
            &out,
            "--size",
            "48x48",
            "--fps",
            "2",
            "--keep-all",
            "--threads",
            "1",
            "--json",
            &json,
        ]
        .map(str::to_owned)
    };
    let run = |out: &Path| -> serde_json::Value {
        let arguments = arguments(out);
        let done = genie(&arguments.each_ref().map(String::as_str));
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let figures = std::fs::read(out.with_extension("json")).unwrap();
        serde_json::from_slice(&figures).unwrap()
    };
    let whole = folder.path().join("whole");
    assert_eq!(run(&whole)["source_frames"], FRAMES);

    let killed = folder.path().join("killed");
    let first_is_done = || {
        let units = std::fs::read_dir(killed.join(".import"));
        let mut units = units.into_iter().flatten().flatten();
        units.any(|unit| unit.path().join("1-of-2/part.json").exists())
    };
    // It may be quicker than the signal.
    let was_killed = (0..10).any(|_| {
        let _ = std::fs::remove_dir_all(&killed);
        let mut child = Command::new(env!("CARGO_BIN_EXE_genie"))
            .args(arguments(&killed))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !first_is_done() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // On Unix that is `kill -9`.
        child.kill().unwrap();
        !child.wait().unwrap().success()
    });
    assert!(was_killed, "it was always quicker than the signal");
    assert_eq!(run(&killed)["source_frames"], FRAMES - FIRST);
    assert!(files(&killed) == files(&whole), "the bytes differ");
}

#[test]
fn a_film_that_says_that_it_lasts_for_centuries_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let film = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/footage/moving_box.mkv");
    let mut bytes = std::fs::read(film).unwrap();
    // The element of the duration, a number of eight bytes in milliseconds.
    let element = [0x44, 0x89, 0x88];
    let at = bytes.windows(3).position(|it| it == element).unwrap() + 3;
    bytes[at..at + 8].copy_from_slice(&1e13_f64.to_be_bytes());
    let film = folder.path().join("film.mkv");
    std::fs::write(&film, bytes).unwrap();
    for decoder in [DecoderChoice::Auto, DecoderChoice::BuiltIn] {
        let out = folder.path().join(format!("{decoder:?}"));
        let summary = import(&film, &out, &options(decoder)).unwrap();
        assert!(summary.source_frames > 10, "{decoder:?}: {summary:?}");
        assert_eq!(clips(&out).len(), 1);
    }
}
