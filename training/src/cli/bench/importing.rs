//! The speed of the import: frames a second that each decoder reads of a film and turns into a dataset.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use genie_model::median;
use genie_training::gameplay::{FRAME_SIZE, GameplayRules, generate_clip};
use genie_training::ingest::{DecoderChoice, IngestOptions, Progress, ingest};
use serde::Serialize;

use super::error::BenchError;
use super::memory::peak_memory;

/// The film that is made where none is given: its frames, frames a second, width and height.
const FRAMES: usize = 3000;
const PACE: usize = 60;
const SIZE: (usize, usize) = (854, 480);
/// Each decoder reads the film that often; the median counts.
const ROUNDS: usize = 3;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Importing {
    film: String,
    processors: usize,
    decoders: Vec<Decoder>,
}

/// How fast a decoder is.
#[derive(Debug, Serialize)]
struct Decoder {
    name: &'static str,
    source_frames: u64,
    /// Of each round.
    seconds: Vec<f64>,
    source_frames_per_second: f64,
    /// Most memory of this process so far, without that of the program ffmpeg, where the system reports it.
    peak_memory_bytes: Option<u64>,
}

/// Imports a film by both decoders; without one a film of the built-in game is made.
pub(super) fn measure(film: Option<&Path>) -> Result<Importing, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::Folder)?;
    let (path, named) = if let Some(film) = film {
        (film.to_path_buf(), film.display().to_string())
    } else {
        let path = make_film(folder.path())?;
        let size = format!("{}x{}", SIZE.0, SIZE.1);
        let named = format!("the built-in game, {FRAMES} frames of {size}, H.264");
        (path, named)
    };
    let mut decoders = Vec::new();
    for (name, decoder) in [
        ("ffmpeg", DecoderChoice::Ffmpeg),
        ("built-in", DecoderChoice::BuiltIn),
    ] {
        let options = IngestOptions {
            decoder,
            ..IngestOptions::default()
        };
        let mut seconds = Vec::new();
        let mut source_frames = 0;
        for round in 0..ROUNDS {
            tracing::info!("importing by {name}, {} of {ROUNDS}", round + 1);
            let out = folder.path().join(format!("{name}-{round}"));
            let begun = Instant::now();
            let read = ingest(
                std::slice::from_ref(&path),
                &out,
                &options,
                &Progress::default(),
                &AtomicBool::new(false),
            );
            match read {
                Ok(summary) => source_frames = summary.source_frames,
                Err(error) => {
                    tracing::warn!("{name}: {error}");
                    break;
                }
            }
            seconds.push(begun.elapsed().as_secs_f64());
        }
        let Some(usual) = median(seconds.iter().copied()) else {
            continue;
        };
        decoders.push(Decoder {
            name,
            source_frames,
            source_frames_per_second: source_frames as f64 / usual,
            seconds,
            peak_memory_bytes: peak_memory(),
        });
    }
    if decoders.is_empty() {
        return Err(BenchError::Film("no decoder reads it".to_owned()));
    }
    Ok(Importing {
        film: named,
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        decoders,
    })
}

/// A film of the built-in game, encoded by the program ffmpeg.
fn make_film(folder: &Path) -> Result<PathBuf, BenchError> {
    let path = folder.join("film.mp4");
    let made = |reason: String| {
        BenchError::Film(format!(
            "no film can be made ({reason}): give one, as in --import film.mp4"
        ))
    };
    let size = format!("{FRAME_SIZE}x{FRAME_SIZE}");
    let mut encoder = Command::new("ffmpeg")
        .args([
            "-loglevel",
            "error",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            &size,
        ])
        .args(["-r", &PACE.to_string(), "-i", "-", "-vf"])
        .arg(format!("scale={}:{}:flags=neighbor", SIZE.0, SIZE.1))
        .args([
            "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
        ])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| made(format!("ffmpeg: {error}")))?;
    let (frames, _) = generate_clip(GameplayRules::default(), 0, 0, FRAMES);
    let written = encoder.stdin.take().map(|mut pipe| pipe.write_all(&frames));
    let ended = encoder.wait().map_err(|error| made(error.to_string()))?;
    match written {
        Some(Ok(())) if ended.success() => Ok(path),
        _ => Err(made(format!("ffmpeg ended with {ended}"))),
    }
}

pub(super) fn print_table(found: &Importing) {
    println!("{}, {} processors", found.film, found.processors);
    for it in &found.decoders {
        let seconds: Vec<String> = it.seconds.iter().map(|it| format!("{it:.2}")).collect();
        println!(
            "{:<9} {:6.0} frames a second ({} frames in {} s)",
            it.name,
            it.source_frames_per_second,
            it.source_frames,
            seconds.join(", ")
        );
    }
}
