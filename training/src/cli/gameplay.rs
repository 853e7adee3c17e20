//! `genie gameplay`: footage of the built-in platformer.

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use genie_training::gameplay::{
    GameplayOptions, GameplayRules, TrueAction, VideoKind, generate_dataset,
};
use indicatif::{ProgressBar, ProgressStyle};

use super::CliResult;

/// Arguments of `genie gameplay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the new dataset.
    #[arg(long)]
    out: PathBuf,
    /// Number of clips; each plays a world of its own.
    #[arg(long, default_value_t = 500)]
    clips: usize,
    /// Frames in a clip, at ten frames a second.
    #[arg(long, default_value_t = 200)]
    frames: usize,
    /// The same seed gives the same footage.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How the hero moves and the camera follows.
    #[arg(long, default_value = "free")]
    rules: Rules,
    /// Also write every clip as ordinary video, in the folder `video` of the dataset.
    #[arg(long)]
    video: Option<Video>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rules {
    /// Like any platformer: scroll steps of one to three pixels, a hero that moves on the screen, jumps in an arc.
    Free,
    /// All movement lines up with the patches of a tokenizer, and the jump button shows in every frame.
    Aligned,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Video {
    /// A folder of PNG files per clip.
    Png,
    /// An animated GIF per clip.
    Gif,
}

/// Generates the footage and prints a summary.
pub(crate) fn run(args: Args) -> CliResult {
    let total = (args.clips as u64).saturating_mul(args.frames as u64);
    let bar = ProgressBar::new(total).with_style(ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} frames, {per_sec}, {eta} left",
    )?);
    let options = GameplayOptions {
        rules: match args.rules {
            Rules::Free => GameplayRules::FREE,
            Rules::Aligned => GameplayRules::ALIGNED,
        },
        video: args.video.map(|video| match video {
            Video::Png => VideoKind::Png,
            Video::Gif => VideoKind::Gif,
        }),
    };
    let begun = Instant::now();
    let summary = generate_dataset(
        &args.out,
        args.clips,
        args.frames,
        args.seed,
        options,
        &|frames| bar.inc(frames),
    )?;
    bar.finish_and_clear();

    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} clips, {} frames in {} ({:.0} frames a second)",
        summary.dataset.clip_count(),
        summary.dataset.total_frames(),
        args.out.display(),
        total as f64 / seconds.max(1e-9)
    );
    let played: u64 = summary.action_counts.iter().sum();
    let shares: Vec<String> = TrueAction::ALL
        .iter()
        .zip(summary.action_counts)
        .map(|(action, count)| {
            let percent = 100.0 * count as f64 / played.max(1) as f64;
            format!("{} {percent:.1} %", action.name())
        })
        .collect();
    println!("true actions (for evaluation only): {}", shares.join(", "));
    Ok(())
}
