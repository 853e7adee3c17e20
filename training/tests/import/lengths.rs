//! Films that do not say how long they are, and films that are shorter than they say.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use genie_training::ingest::{
    CropChoice, DecoderChoice, IngestOptions, PaceChoice, Progress, Summary, ingest,
};
use image::codecs::gif::GifEncoder;
use image::{Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage};

use super::footage::{clips, encoded, ffmpeg, import, said, save, textured};

/// A film of a minute and a half: a title that stands for 20 seconds, then a world that scrolls by 80 pixels a second, with a pause
/// from second 50 to 56 in which only a cursor blinks. `None` without the program that makes it.
fn scrolling(folder: &Path) -> Option<PathBuf> {
    let texture = RgbImage::from_fn(149, 64, |x, y| {
        let block = (x / 5 * 7 + y / 5 * 13) % 17;
        Rgb([14 * block as u8, 13 * block as u8, 40 + 3 * block as u8])
    });
    let texture = encoded(&texture, ImageFormat::Png);
    let texture = save(folder, "texture.png", &texture).display().to_string();
    let film = folder.join("whole.mkv");
    // The texture repeats after 85 pixels.
    let filters = "crop=64:64:mod(80*(max(min(t\\,50)-20\\,0)+max(t-56\\,0))\\,85):0,\
                   drawbox=4:4:56:56:white:fill:enable='between(t,50,56)',\
                   drawbox=30:30:6:6:black:fill:enable='between(t,50,56)*mod(floor(t*5),2)'";
    ffmpeg(&[
        "-loop",
        "1",
        "-framerate",
        "30",
        "-i",
        &texture,
        "-t",
        "90",
        "-vf",
        filters,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "60",
        &film.display().to_string(),
    ])?;
    Some(film)
}

/// Another film beside one, made of it by such options of the program.
fn changed(film: &Path, name: &str, how: &[&str]) -> PathBuf {
    let other = film.with_file_name(name);
    let (from, to) = (film.display().to_string(), other.display().to_string());
    ffmpeg(&[&["-i", &from], how, &[&to]].concat()).expect("the program made the first film");
    other
}

fn options(decoder: DecoderChoice) -> IngestOptions {
    IngestOptions {
        decoder,
        ..IngestOptions::default()
    }
}

const DECODERS: [DecoderChoice; 2] = [DecoderChoice::BuiltIn, DecoderChoice::Ffmpeg];

#[test]
fn a_film_that_does_not_say_its_length_becomes_the_same_as_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = scrolling(folder.path()) else {
        return;
    };
    let live = changed(&film, "live.mkv", &["-c", "copy", "-live", "1"]);
    for decoder in DECODERS {
        let read = |film: &Path, name: &str| -> (Summary, PathBuf) {
            let out = folder.path().join(format!("{name}-{decoder:?}"));
            (import(film, &out, &options(decoder)).unwrap(), out)
        };
        let (whole, whole_out) = read(&film, "whole");
        let (live, live_out) = read(&live, "live");
        for summary in [&whole, &live] {
            assert!(
                (summary.frames_per_second - 15.0).abs() < 0.1,
                "{decoder:?}: {}",
                summary.pace
            );
            assert!(
                summary.left_out.get("menu or pause") > Some(&60),
                "{decoder:?}: {:?}",
                summary.left_out
            );
            assert!(summary.frames > 900, "{decoder:?}: {}", summary.frames);
        }
        assert_eq!(live.left_out, whole.left_out, "{decoder:?}");
        assert!(clips(&live_out) == clips(&whole_out), "{decoder:?}");
    }
}

#[test]
fn a_film_that_is_cut_off_has_the_pace_of_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = scrolling(folder.path()) else {
        return;
    };
    let live = changed(&film, "live.mkv", &["-c", "copy", "-live", "1"]);
    // The title is nearly nothing of it. What the program opens says a length that the file does not have.
    for (decoder, film) in [
        (DecoderChoice::Ffmpeg, &film),
        (DecoderChoice::Ffmpeg, &live),
        (DecoderChoice::BuiltIn, &live),
    ] {
        let bytes = std::fs::read(film).unwrap();
        let cut = save(folder.path(), "cut.mkv", &bytes[..bytes.len() / 4]);
        let out = folder.path().join(format!("{decoder:?}"));
        let summary = import(&cut, &out, &options(decoder)).unwrap();
        assert!(
            (summary.frames_per_second - 15.0).abs() < 0.1,
            "{decoder:?}: {}",
            summary.pace
        );
        assert!(summary.frames > 100, "{decoder:?}: {}", summary.frames);
        std::fs::remove_dir_all(&out).unwrap();
    }
    // The built-in decoder cannot open a film whose index is gone, and says what can.
    let bytes = std::fs::read(&film).unwrap();
    let cut = save(folder.path(), "cut.mkv", &bytes[..bytes.len() / 4]);
    let built_in = options(DecoderChoice::BuiltIn);
    let error = import(&cut, &folder.path().join("no"), &built_in).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("cut off") && error.contains("ffmpeg"),
        "{error}"
    );
}

#[test]
fn pace_and_bars_are_those_of_the_part_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = scrolling(folder.path()) else {
        return;
    };
    // A title of 20 seconds that fills the picture, and a game between bars, whose movement seems half as fast with them.
    let filters = "scale=32:64,pad=64:64:16:0,drawbox=0:0:64:64:blue:fill:enable='lt(t,20)'";
    let how = ["-vf", filters, "-preset", "ultrafast"];
    let barred = changed(&film, "barred.mkv", &how);
    let title = IngestOptions {
        end: Some(19.0),
        keep_all: true,
        ..options(DecoderChoice::Auto)
    };
    let summary = import(&barred, &folder.path().join("title"), &title).unwrap();
    assert!(
        (summary.frames_per_second - 10.0).abs() < 0.1,
        "{}",
        summary.pace
    );
    let game = IngestOptions {
        start: 21.0,
        crop: CropChoice::Auto,
        pace: PaceChoice::FromFootage,
        ..options(DecoderChoice::Auto)
    };
    let summary = import(&barred, &folder.path().join("game"), &game).unwrap();
    assert!(said(&summary).contains("16,0,32,64"), "{}", said(&summary));
    assert!(
        (summary.frames_per_second - 15.0).abs() < 0.1,
        "{}",
        summary.pace
    );
}

#[test]
fn the_time_left_is_known_of_what_does_not_say_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let expected = |path: &Path, decoder| {
        let (out, progress) = (folder.path().join("out"), Progress::default());
        let paths = [path.to_path_buf()];
        ingest(
            &paths,
            &out,
            &options(decoder),
            &progress,
            &AtomicBool::new(false),
        )
        .unwrap();
        std::fs::remove_dir_all(&out).unwrap();
        (progress.total_seconds(), progress.seconds())
    };
    let path = folder.path().join("animation.gif");
    let mut gif = GifEncoder::new(File::create(&path).unwrap());
    for number in 0..20 {
        let picture = DynamicImage::ImageRgb8(textured(16, 16, 2 * number)).into_rgba8();
        let delay = Delay::from_numer_denom_ms(150, 1);
        gif.encode_frame(Frame::from_parts(picture, 0, 0, delay))
            .unwrap();
    }
    drop(gif);
    let (total, done) = expected(&path, DecoderChoice::Auto);
    assert!((total - 3.0).abs() < 0.01, "{total}");
    assert!((done - total).abs() < 0.05, "{done} of {total}");
    let live = folder.path().join("live.mkv").display().to_string();
    let source = "testsrc2=s=64x64:r=10:d=6";
    let encoded = [
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-live", "1", &live,
    ];
    if ffmpeg(&[&["-f", "lavfi", "-i", source], &encoded[..]].concat()).is_none() {
        return;
    }
    for decoder in DECODERS {
        let (total, done) = expected(Path::new(&live), decoder);
        // Up to the pictures that are decoded before those that they come after.
        assert!((total - 6.0).abs() < 0.5, "{decoder:?}: {total}");
        assert!((done - total).abs() < 0.5, "{decoder:?}: {done} of {total}");
    }
}
