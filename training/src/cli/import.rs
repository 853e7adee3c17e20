//! `genie import`: any video into a dataset.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use genie_training::evaluate::write_json;
use genie_training::ingest::{
    DecoderChoice, IngestError, IngestOptions, PaceChoice, Progress, Summary, ingest, parse_pace,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::CliResult;
use super::bench::memory::peak_memory;
use super::footage_args::FootageArgs;
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
    /// Frames a second, by the times of the footage: 10, 29.97, 30000/1001. If not given, as many as its motion asks for.
    #[arg(long, value_parser = parse_pace, conflicts_with = "every")]
    fps: Option<f64>,
    /// Take each n-th frame, whatever its time.
    #[arg(long, value_name = "N")]
    every: Option<u32>,
    /// What lies under transparent pixels and beside contained pictures, as RRGGBB.
    #[arg(long, default_value = "000000", value_parser = parse_colour)]
    background: Colour,
    #[command(flatten)]
    footage: FootageArgs,
    /// Split clips after that many frames.
    #[arg(long, value_name = "FRAMES", default_value_t = 2000)]
    longest: u64,
    /// Drop pieces between cuts that have fewer frames.
    #[arg(long, value_name = "FRAMES", default_value_t = 16)]
    shortest: u64,
    /// Add the footage to the dataset that is in the folder.
    #[arg(long)]
    append: bool,
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
enum Decoder {
    /// The program ffmpeg where there is one, else the built-in decoder.
    Auto,
    /// The program ffmpeg.
    Ffmpeg,
    /// The built-in decoder: H.264 in mp4, mov, m4v and mkv.
    BuiltIn,
}

/// A colour of three bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour([u8; 3]);

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
            background: self.background.0,
            pace: match (self.fps, self.every) {
                (Some(fps), _) => PaceChoice::FramesPerSecond(fps),
                (None, Some(every)) => PaceChoice::Every(every),
                (None, None) => PaceChoice::FromFootage,
            },
            longest_clip: self.longest,
            shortest_piece: self.shortest,
            decoder: match self.decoder {
                Decoder::Auto => DecoderChoice::Auto,
                Decoder::Ffmpeg => DecoderChoice::Ffmpeg,
                Decoder::BuiltIn => DecoderChoice::BuiltIn,
            },
            append: self.append,
            threads: self.threads,
            ..self.footage.options()
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
    resumed_parts: usize,
    /// Most memory of this process, without that of the program ffmpeg, where the system reports it.
    peak_memory_bytes: Option<u64>,
}

/// Imports the footage and prints what was done with it.
pub(crate) fn run(args: Args) -> CliResult {
    let paths: Vec<PathBuf> = args.video.iter().chain(&args.paths).cloned().collect();
    let options = args.options();
    let mut made = Vec::new();
    if let Some(path) = &args.json {
        let inputs: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        made = missing_folders(path);
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
    let summary = ended.inspect_err(|_| {
        // As long as nothing is in them.
        for folder in &made {
            let _ = std::fs::remove_dir(folder);
        }
    })?;
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
            resumed_parts: summary.resumed,
            peak_memory_bytes: peak_memory(),
        };
        write_json(path, &figures)?;
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

/// Folders that have to be made for a file, the innermost first.
fn missing_folders(file: &Path) -> Vec<PathBuf> {
    let folders = file.ancestors().skip(1);
    let missing = folders.take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    missing.map(Path::to_path_buf).collect()
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
            "{} sources, or parts of long ones, were finished before an interruption",
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
    fn colours_are_read() {
        assert_eq!(parse_colour("#87ceeb"), Ok(Colour([0x87, 0xCE, 0xEB])));
        assert!(parse_colour("blue").is_err());
    }
}
