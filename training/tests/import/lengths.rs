//! Films that do not say how long they are, and films that are shorter than they say.

use std::path::{Path, PathBuf};

use genie_training::ingest::{CropChoice, DecoderChoice, IngestOptions, PaceChoice, Summary};
use image::{ImageFormat, Rgb, RgbImage};

use super::footage::{clips, encoded, ffmpeg, import, said, save};

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
        eprintln!("no program ffmpeg to make a film with");
        return;
    };
    let live = folder.path().join("live.mkv");
    let (from, to) = (film.display().to_string(), live.display().to_string());
    ffmpeg(&["-i", &from, "-c", "copy", "-live", "1", &to]);
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
        eprintln!("no program ffmpeg to make a film with");
        return;
    };
    let live = folder.path().join("live.mkv");
    let (from, to) = (film.display().to_string(), live.display().to_string());
    ffmpeg(&["-i", &from, "-c", "copy", "-live", "1", &to]);
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
}

#[test]
fn pace_and_bars_are_those_of_the_part_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = scrolling(folder.path()) else {
        eprintln!("no program ffmpeg to make a film with");
        return;
    };
    let barred = folder.path().join("barred.mkv");
    let (from, to) = (film.display().to_string(), barred.display().to_string());
    // A title of 20 seconds that fills the picture, and a game between bars, whose movement seems half as fast with them.
    let filters = "scale=32:64,pad=64:64:16:0,drawbox=0:0:64:64:blue:fill:enable='lt(t,20)'";
    ffmpeg(&["-i", &from, "-vf", filters, "-preset", "ultrafast", &to]);
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
