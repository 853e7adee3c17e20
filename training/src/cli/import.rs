//! `genie import`: ordinary video into a dataset.

use std::path::PathBuf;

use genie_training::dataset::import_video;
use indicatif::{ProgressBar, ProgressStyle};

use super::CliResult;

/// Arguments of `genie import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder whose sub-folders of PNG or JPEG frames and whose animated GIFs become clips.
    #[arg(long)]
    video: PathBuf,
    /// Folder of the new dataset.
    #[arg(long)]
    out: PathBuf,
    /// Width and height of the dataset's frames: scaled to cover them, then cropped around the centre.
    #[arg(long, default_value = "64x64", value_parser = parse_size)]
    size: Size,
}

/// Frame size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    width: usize,
    height: usize,
}

fn parse_size(text: &str) -> Result<Size, String> {
    text.split_once('x')
        .and_then(|(width, height)| {
            Some(Size {
                width: width.parse().ok()?,
                height: height.parse().ok()?,
            })
        })
        .ok_or_else(|| "expected WIDTHxHEIGHT in pixels, such as 64x64".to_owned())
}

/// Imports the video and prints a summary.
pub(crate) fn run(args: Args) -> CliResult {
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template(
        "{spinner} {human_pos} frames, {per_sec}",
    )?);
    let size = (args.size.height, args.size.width);
    let dataset = import_video(&args.video, &args.out, size, &|frames| bar.inc(frames))?;
    bar.finish_and_clear();
    println!(
        "{} clips, {} frames in {}",
        dataset.clip_count(),
        dataset.total_frames(),
        args.out.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_width_by_height() {
        let wide = Size {
            width: 160,
            height: 90,
        };
        assert_eq!(parse_size("160x90"), Ok(wide));
        for wrong in ["", "64", "64x", "x", "axb", "-1x3"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
