//! `genie import`: any video into a dataset.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use genie_training::ingest::{
    CropChoice, DecoderChoice, FitChoice, IngestError, IngestOptions, PaceChoice, Progress,
    Summary, ingest, parse_pace,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::CliResult;
use super::bench::memory::peak_memory;
use super::interruption::Interruption;
use super::outputs::check_output;

/// Remarks of one kind that are printed; all of them are in the report.
const SHOWN_REMARKS: usize = 12;

/// Arguments of `genie import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Films (mp4, mov, mkv, webm, avi, …), animations (GIF, APNG, WebP), folders of PNG, JPEG, WebP or BMP frames, tar archives
    /// of these, and folders of all that; `*` and `?` stand for any characters.
    #[arg(required_unless_present = "video")]
    paths: Vec<PathBuf>,
    /// The same as a path.
    #[arg(long, value_name = "PATH")]
    video: Vec<PathBuf>,
    /// Folder of the dataset.
    #[arg(long)]
    out: PathBuf,
    /// Width and height of the dataset's frames in pixels.
    #[arg(long, default_value = "64x64", value_parser = parse_size)]
    size: Size,
    /// Frames a second, by the times of the footage: 10, 29.97, 30000/1001. If not given, as many as its motion asks for.
    #[arg(long, value_parser = parse_pace, conflicts_with = "every")]
    fps: Option<f64>,
    /// Take each n-th frame, whatever its time.
    #[arg(long, value_name = "N")]
    every: Option<u32>,
    /// Frames a second of folders of pictures that do not say.
    #[arg(long, value_name = "FPS", value_parser = parse_pace)]
    pictures_fps: Option<f64>,
    /// Use a part of the picture: X,Y,WIDTH,HEIGHT in pixels, or `auto` to cut off black bars.
    #[arg(long, value_parser = parse_crop)]
    crop: Option<CropChoice>,
    /// How pictures of another shape are fitted.
    #[arg(long, value_enum, default_value = "cover")]
    fit: Fit,
    /// What lies under transparent pixels and beside contained pictures, as RRGGBB.
    #[arg(long, default_value = "000000", value_parser = parse_colour)]
    background: Colour,
    /// Begin at this second of each film, animation or folder.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    start: f64,
    /// End at this second.
    #[arg(long, value_name = "SECONDS")]
    end: Option<f64>,
    /// Keep what is blank, frozen or a menu, and do not part clips where scenes cut.
    #[arg(long)]
    keep_all: bool,
    /// Part clips after that many frames.
    #[arg(long, value_name = "FRAMES", default_value_t = 2000)]
    longest: u64,
    /// Drop pieces between cuts that have fewer frames.
    #[arg(long, value_name = "FRAMES", default_value_t = 16)]
    shortest: u64,
    /// Add the footage to the dataset that is in the folder.
    #[arg(long)]
    append: bool,
    /// Whatever would be skipped, changed or assumed is an error.
    #[arg(long)]
    strict: bool,
    /// What reads films: the program ffmpeg where there is one, else the built-in decoder of H.264.
    #[arg(long, value_enum, default_value = "auto")]
    decoder: Decoder,
    /// Sources that are read at a time; 0 for one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Also write the figures of this run as JSON: frames read and kept, seconds, frames a second, memory.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Fit {
    /// Scale until the frame is covered, and cut off what sticks out.
    Cover,
    /// Scale until all of it is inside, with background beside it.
    Contain,
    /// Scale to the frame, proportions not kept.
    Stretch,
}

impl Fit {
    pub(super) fn choice(self) -> FitChoice {
        match self {
            Self::Cover => FitChoice::Cover,
            Self::Contain => FitChoice::Contain,
            Self::Stretch => FitChoice::Stretch,
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Decoder {
    /// The program ffmpeg where there is one, else the built-in decoder.
    Auto,
    /// The program ffmpeg.
    Ffmpeg,
    /// The built-in decoder: H.264 in mp4, mov, m4v and mkv.
    BuiltIn,
}

/// Frame size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A colour of three bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour([u8; 3]);

pub(super) fn parse_size(text: &str) -> Result<Size, String> {
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| {
            Some(Size {
                width: width.trim().parse().ok()?,
                height: height.trim().parse().ok()?,
            })
        })
        .filter(|size| size.width > 0 && size.height > 0)
        .ok_or_else(|| "expected WIDTHxHEIGHT in pixels, such as 64x64".to_owned())
}

pub(super) fn parse_crop(text: &str) -> Result<CropChoice, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(CropChoice::Auto);
    }
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x, y, width, height]) => Ok(CropChoice::Area {
            x,
            y,
            width,
            height,
        }),
        _ => Err("expected X,Y,WIDTH,HEIGHT in pixels, or auto".to_owned()),
    }
}

fn parse_colour(text: &str) -> Result<Colour, String> {
    let digits = text.trim_start_matches('#');
    let value = u32::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() == 6);
    let value = value.ok_or("expected a colour as RRGGBB, such as 87ceeb")?;
    Ok(Colour([
        (value >> 16) as u8,
        (value >> 8) as u8,
        value as u8,
    ]))
}

impl Args {
    fn options(&self) -> IngestOptions {
        IngestOptions {
            width: self.size.width,
            height: self.size.height,
            fit: self.fit.choice(),
            crop: self.crop.unwrap_or_default(),
            background: self.background.0,
            pace: match (self.fps, self.every) {
                (Some(fps), _) => PaceChoice::FramesPerSecond(fps),
                (None, Some(every)) => PaceChoice::Every(every),
                (None, None) => PaceChoice::FromFootage,
            },
            pictures_pace: self.pictures_fps,
            start: self.start,
            end: self.end,
            keep_all: self.keep_all,
            longest_clip: self.longest,
            shortest_piece: self.shortest,
            decoder: match self.decoder {
                Decoder::Auto => DecoderChoice::Auto,
                Decoder::Ffmpeg => DecoderChoice::Ffmpeg,
                Decoder::BuiltIn => DecoderChoice::BuiltIn,
            },
            append: self.append,
            strict: self.strict,
            threads: self.threads,
        }
    }
}

/// Figures of one run.
#[derive(Serialize)]
struct Figures {
    source_frames: u64,
    frames: u64,
    clips: u64,
    seconds: f64,
    source_frames_per_second: f64,
    remarks: usize,
    unreadable: usize,
    resumed_sources: usize,
    /// Most memory of this process, without that of the program ffmpeg, where the system reports it.
    peak_memory_bytes: Option<u64>,
}

/// Imports the footage and prints what was done with it.
pub(crate) fn run(args: Args) -> CliResult {
    let paths: Vec<PathBuf> = args.video.iter().chain(&args.paths).cloned().collect();
    let options = args.options();
    if let Some(path) = &args.json {
        let inputs: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        check_output("--json", path, &inputs)?;
    }
    let interruption = Interruption::listen()?;
    let progress = Progress::default();
    let begun = Instant::now();
    let done = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| show(&progress, begun, &done));
        let ended = ingest(&paths, &args.out, &options, &progress, interruption.flag());
        done.store(true, Ordering::Relaxed);
        ended
    });
    if matches!(ended, Err(IngestError::Stopped)) {
        let what = format!(
            "stopped; the same command goes on where it was, and {} can be removed to give up",
            args.out.display()
        );
        return Err(interruption.ended(what).into());
    }
    let summary = ended?;
    let seconds = begun.elapsed().as_secs_f64();
    print(&summary, &args, seconds);
    if let Some(path) = &args.json {
        let figures = Figures {
            source_frames: summary.source_frames,
            frames: summary.frames,
            clips: summary.clips,
            seconds,
            source_frames_per_second: summary.source_frames as f64 / seconds.max(1e-9),
            remarks: summary.remarks.len(),
            unreadable: summary.unreadable.len(),
            resumed_sources: summary.resumed,
            peak_memory_bytes: peak_memory(),
        };
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    if summary.has_damage() {
        return Err(format!(
            "some of the footage could not be read; the dataset in {} holds the rest",
            args.out.display()
        )
        .into());
    }
    Ok(())
}

/// A bar with the time left, until `done`.
fn show(progress: &Progress, begun: Instant, done: &AtomicBool) {
    let style = "{bar:30} {pos}/{len} s of footage, {msg}";
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    while !done.load(Ordering::Relaxed) {
        let (seconds, total) = (progress.seconds(), progress.total_seconds());
        let elapsed = begun.elapsed().as_secs_f64();
        bar.set_length(total.max(seconds) as u64);
        bar.set_position(seconds as u64);
        let left = (total - seconds).max(0.0) / (seconds / elapsed.max(1e-3)).max(1e-9);
        let left = if seconds > 1.0 && left < 1e7 {
            let left = left.round() as u64;
            format!(", {}:{:02} left", left / 60, left % 60)
        } else {
            String::new()
        };
        bar.set_message(format!(
            "{} frames, {:.0} a second{left}",
            progress.frames(),
            progress.frames() as f64 / elapsed.max(1e-3)
        ));
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}

fn print(summary: &Summary, args: &Args, seconds: f64) {
    println!(
        "{} clips, {} frames in {}, at {:.4} frames a second ({})",
        summary.clips,
        summary.frames,
        args.out.display(),
        summary.frames_per_second,
        summary.pace
    );
    println!(
        "read {} frames, {:.0} a second",
        summary.source_frames,
        summary.source_frames as f64 / seconds.max(1e-9)
    );
    if summary.resumed > 0 {
        println!(
            "{} sources were finished before an interruption",
            summary.resumed
        );
    }
    for (reason, frames) in &summary.left_out {
        println!("left out: {frames} frames, {reason} (--keep-all keeps them)");
    }
    for (source, remark) in summary.remarks.iter().take(SHOWN_REMARKS) {
        let about = if source.is_empty() {
            String::new()
        } else {
            format!("{source}: ")
        };
        println!("{}: {about}{}", remark.kind.name(), remark.text);
    }
    if let Some(more) = summary.remarks.len().checked_sub(SHOWN_REMARKS + 1) {
        println!("and {} remarks more", more + 1);
    }
    for file in &summary.unreadable {
        println!("unreadable: {}: {}", file.source, file.reason);
    }
    if !summary.remarks.is_empty() || !summary.unreadable.is_empty() {
        println!(
            "{} remarks, {} unreadable",
            summary.remarks.len(),
            summary.unreadable.len()
        );
    }
    println!("each decision, with pictures: {}", summary.report.display());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_width_by_height() {
        let wide = Size {
            width: 160,
            height: 90,
        };
        assert_eq!(parse_size("160x90"), Ok(wide));
        assert_eq!(parse_size("160X90"), Ok(wide));
        for wrong in ["", "64", "64x", "x", "axb", "-1x3", "0x4"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn crops_and_colours_are_read() {
        let area = CropChoice::Area {
            x: 1,
            y: 2,
            width: 30,
            height: 40,
        };
        assert_eq!(parse_crop("1,2,30,40"), Ok(area));
        assert_eq!(parse_crop("auto"), Ok(CropChoice::Auto));
        assert!(parse_crop("1,2,3").is_err());
        assert_eq!(parse_colour("#87ceeb"), Ok(Colour([0x87, 0xCE, 0xEB])));
        assert!(parse_colour("blue").is_err());
    }
}
