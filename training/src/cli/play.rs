//! `genie play`: plays a world without a screen, into a GIF.

mod action_script;

use std::path::{Path, PathBuf};
use std::time::Instant;

use genie_model::checkpoint::Checkpoint;
use genie_model::{Fit, Frame, WorldModel, percentile};
use genie_training::evaluate::write_json;
use genie_training::pictures::{RgbFrame, read_image, write_gif, write_png};
use serde::Serialize;

use self::action_script::ActionScript;
use super::CliResult;
use super::device_args::DeviceArgs;
use super::outputs::{check_output, check_output_of};
use super::sampler_args::SamplerArgs;

/// Arguments of `genie play`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint.
    #[arg(long)]
    checkpoint: PathBuf,
    /// The first frame: a picture of any size, scaled and cut to the world's.
    #[arg(long)]
    prompt: PathBuf,
    /// What to do, by label or number, and for how many frames: `right:20,jump:6,left`.
    #[arg(long)]
    actions: ActionScript,
    /// The same seed gives the same frames.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// GIF file for the animation: the prompt as the world sees it, then every generated frame.
    #[arg(long)]
    out: PathBuf,
    /// Folder for every frame as a PNG file.
    #[arg(long)]
    frames: Option<PathBuf>,
    /// File for the speed as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Size of a pixel in the pictures.
    #[arg(long, default_value_t = 4, value_parser = scale)]
    scale: usize,
    #[command(flatten)]
    sampler: SamplerArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

fn scale(text: &str) -> Result<usize, String> {
    let scale = text.trim().parse().ok();
    scale
        .filter(|scale| (1..=64).contains(scale))
        .ok_or_else(|| "expected 1 to 64 pixels of the picture for a pixel of the world".to_owned())
}

/// Speed of frame generation; pictures and files are not counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Speed {
    /// Frames generated.
    frames: usize,
    /// Seconds that took.
    seconds: f64,
    frames_per_second: f64,
    /// Median latency of a frame in milliseconds.
    latency_p50_ms: f64,
    /// 99 of 100 frames took no longer than this, in milliseconds.
    latency_p99_ms: f64,
}

impl Speed {
    fn of(mut seconds: Vec<f64>) -> Self {
        let total: f64 = seconds.iter().sum();
        seconds.sort_by(f64::total_cmp);
        let milliseconds = |share| 1e3 * percentile(&seconds, share).unwrap_or(0.0);
        Self {
            frames: seconds.len(),
            seconds: total,
            frames_per_second: seconds.len() as f64 / total.max(1e-9),
            latency_p50_ms: milliseconds(0.50),
            latency_p99_ms: milliseconds(0.99),
        }
    }
}

/// Plays the script, writes the pictures and prints the speed.
pub(crate) fn run(args: Args) -> CliResult {
    let inputs = [args.checkpoint.as_path(), args.prompt.as_path()];
    check_output_of("gif", "--out", &args.out, &inputs)?;
    if let Some(path) = &args.json {
        check_output("--json", path, &inputs)?;
    }
    if let Some(folder) = &args.frames {
        check_output("--frames", &folder.join(frame_name(0)), &inputs)?;
    }
    let settings = args.sampler.settings()?;
    let checkpoint = Checkpoint::read(&args.checkpoint)?;
    let world = WorldModel::new(checkpoint, &args.device.open()?)?;
    let actions = args.actions.resolve(&world)?;
    let picture = read_image(&args.prompt)?;
    let prompt = Frame::from_rgb(picture.width, picture.height, picture.pixels)?;
    let mut rollout = world.prompt_with(&prompt, args.seed, Fit::default(), settings)?;
    // The first step of a process sets up threads and buffers: a copy of the world takes it.
    if let Some(&action) = actions.first() {
        rollout.clone().step(action)?;
    }
    let mut frames = vec![rollout.frame().clone()];
    let mut seconds = Vec::with_capacity(actions.len());
    for &action in &actions {
        let begun = Instant::now();
        let frame = rollout.step(action)?;
        seconds.push(begun.elapsed().as_secs_f64());
        frames.push(frame.clone());
    }
    let speed = Speed::of(seconds);

    let pictures = frames
        .iter()
        .map(|frame| RgbFrame::new(frame.height(), frame.width(), frame.pixels()))
        .collect::<Result<Vec<_>, _>>()?;
    // More than a GIF can have is shown at its fastest.
    let pace = f64::from(world.config().frames_per_second).min(100.0);
    write_gif(&args.out, &pictures, pace, args.scale)?;
    if let Some(folder) = &args.frames {
        for (index, picture) in pictures.iter().enumerate() {
            let path = folder.join(frame_name(index));
            write_png(&path, *picture, args.scale)?;
        }
        remove_frames_from(folder, pictures.len());
    }
    if let Some(path) = &args.json {
        write_json(path, &speed)?;
    }
    println!(
        "{} frames in {:.2} s: {:.1} frames per second, latency {:.1} ms (p50), {:.1} ms (p99); {}",
        speed.frames,
        speed.seconds,
        speed.frames_per_second,
        speed.latency_p50_ms,
        speed.latency_p99_ms,
        args.out.display()
    );
    Ok(())
}

fn frame_name(index: usize) -> String {
    format!("frame-{index:05}.png")
}

/// Removes the frames of a longer play before this one, which would look like part of it.
fn remove_frames_from(folder: &Path, count: usize) {
    for index in count.. {
        if std::fs::remove_file(folder.join(frame_name(index))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genie_model::GenieConfig;
    use genie_model::checkpoint::WeightFormat;
    use genie_training::evaluate::untrained_checkpoint;
    use image::AnimationDecoder;

    #[test]
    fn a_script_becomes_an_animation() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut checkpoint = untrained_checkpoint(&GenieConfig::tiny(), 1).unwrap();
        "right".clone_into(&mut checkpoint.actions[4].name);
        checkpoint
            .write(at("w.genie.safetensors"), WeightFormat::F16)
            .unwrap();
        // A prompt of another size and with transparency.
        image::RgbaImage::from_pixel(90, 40, image::Rgba([10, 200, 30, 128]))
            .save(at("prompt.png"))
            .unwrap();
        let args = |script: &str| Args {
            checkpoint: at("w.genie.safetensors"),
            prompt: at("prompt.png"),
            actions: script.parse().unwrap(),
            seed: 7,
            out: at("clip.gif"),
            frames: Some(at("frames")),
            json: Some(at("speed.json")),
            scale: 2,
            sampler: SamplerArgs::default(),
            device: DeviceArgs::default(),
        };
        run(args("right:5, 0:2, 4")).unwrap();

        let file = std::io::BufReader::new(std::fs::File::open(at("clip.gif")).unwrap());
        let decoder = image::codecs::gif::GifDecoder::new(file).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 1 + 8);
        assert_eq!(frames[0].buffer().dimensions(), (128, 128));
        assert_eq!(std::fs::read_dir(at("frames")).unwrap().count(), 9);
        let speed: serde_json::Value =
            serde_json::from_slice(&std::fs::read(at("speed.json")).unwrap()).unwrap();
        assert_eq!(speed["frames"], 8);
        assert!(speed["frames_per_second"].as_f64().unwrap() > 0.0);
        assert!(speed["latency_p99_ms"].as_f64() >= speed["latency_p50_ms"].as_f64());

        let first = std::fs::read(at("clip.gif")).unwrap();
        run(args("Right:5, 0:2, 4,")).unwrap();
        assert_eq!(std::fs::read(at("clip.gif")).unwrap(), first);
        // A shorter play leaves no frames of the longer one.
        run(args("right:2")).unwrap();
        assert_eq!(std::fs::read_dir(at("frames")).unwrap().count(), 3);
        let mut other = args("right");
        other.out = at("clip.png");
        assert!(run(other).unwrap_err().to_string().contains(".gif"));
        let mut other = args("right");
        other.json = Some(at("w.genie.safetensors"));
        assert!(run(other).unwrap_err().to_string().contains("--json"));
        let error = run(args("fly:2")).unwrap_err().to_string();
        assert!(error.contains("fly") && error.contains("right"), "{error}");
    }
}
