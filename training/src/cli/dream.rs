//! `genie dream`: a folder of films in, a playable world and a report about it out.

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use genie_training::dream::{DreamError, DreamOptions, Stage, Status, dream};
use genie_training::ingest::{IngestError, IngestOptions, PaceChoice, parse_pace};
use genie_training::train::ActionSource;
use indicatif::{ProgressBar, ProgressStyle};

use super::CliResult;
use super::device_args::DeviceArgs;
use super::dream_guard::Guard;
use super::footage_args::FootageArgs;
use super::hours::parse_hours;
use super::interruption::Interruption;
use super::outputs::check_output_of;

/// What is said when it was asked to stop.
const STOPPED: &str = "stopped and saved; the same command goes on where it was";
/// Remarks on the footage that are printed; the report has all.
const SHOWN_REMARKS: usize = 10;

/// Arguments of `genie dream`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Films, animations, folders of pictures, archives of these, and folders of all that (see `genie import`); or one dataset, whose
    /// frames are taken as they are.
    #[arg(required_unless_present = "video")]
    paths: Vec<PathBuf>,
    /// The same as a path.
    #[arg(long, value_name = "PATH")]
    video: Vec<PathBuf>,
    /// File of the world; its report and a folder of prompts are written beside it.
    #[arg(long, default_value = "my.genie.safetensors")]
    out: PathBuf,
    /// Hours from now to the report: 1.5, 1h30m, 90m. A dream that is over goes on from its end when it is given more.
    #[arg(long, default_value = "1", value_parser = parse_hours)]
    hours: f64,
    /// Where the world's actions come from.
    #[arg(long, value_enum, default_value = "learned")]
    actions: Actions,
    /// Number of latent actions; as many as the footage shows unless given.
    #[arg(long, value_name = "A")]
    latent_actions: Option<usize>,
    /// Which of the things that move by themselves is the player, from 1, the likeliest: `genie actions DATA --pictures FOLDER` shows those of
    /// a dataset, with the seed of the dream.
    #[arg(long, default_value_t = 1)]
    player: usize,
    /// Frames a second of the world; if not given, as many as the footage's motion asks for.
    #[arg(long, value_parser = parse_pace)]
    fps: Option<f64>,
    #[command(flatten)]
    footage: FootageArgs,
    /// The same seed, footage and steps give the same world.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Actions {
    /// Learned from the footage alone.
    Learned,
    /// Those of `actions.csv` beside all of the footage.
    Given,
    /// Those of `actions.csv` beside a part of the footage, a hundredth or more; the rest is read from the pictures of the player.
    Labelled,
}

/// Dreams, and says what came out.
pub(crate) fn run(args: Args) -> CliResult {
    let paths: Vec<PathBuf> = args.video.iter().chain(&args.paths).cloned().collect();
    let inputs: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    check_output_of("safetensors", "--out", &args.out, &inputs)?;
    let device = args.device.open()?;
    let options = DreamOptions {
        hours: args.hours,
        actions: match args.actions {
            Actions::Learned => ActionSource::Learned,
            Actions::Given => ActionSource::Given,
            Actions::Labelled => ActionSource::Labelled,
        },
        latent_actions: args.latent_actions,
        player: args.player,
        footage: IngestOptions {
            pace: args
                .fps
                .map_or(PaceChoice::FromFootage, PaceChoice::FramesPerSecond),
            ..args.footage.options()
        },
        seed: args.seed,
    };
    let interruption = Interruption::listen()?;
    let display = Display::new()?;
    let guard = Guard::default();
    let dreamt = thread::scope(|scope| {
        scope.spawn(|| guard.watch(&interruption, &|| end_now(&display, &interruption)));
        let _over = guard.until_dropped();
        dream(
            &paths,
            &args.out,
            &options,
            &device,
            &|status| {
                guard.note(status);
                display.show(status);
            },
            interruption.flag(),
        )
    });
    display.bar.finish_and_clear();
    let dreamt = match dreamt {
        Err(DreamError::Stopped | DreamError::Ingest(IngestError::Stopped)) => {
            return Err(interruption.ended(STOPPED).into());
        }
        dreamt => dreamt?,
    };
    println!(
        "the world is {}, after {:.1} minutes",
        dreamt.world.display(),
        dreamt.seconds / 60.0
    );
    println!("the report is {}", dreamt.report.display());
    if let Some(folder) = dreamt.prompts.first().and_then(|path| path.parent()) {
        println!(
            "{} prompts are in {}",
            dreamt.prompts.len(),
            folder.display()
        );
    }
    for file in &dreamt.unreadable {
        println!("unreadable: {file}");
    }
    for remark in dreamt.remarks.iter().take(SHOWN_REMARKS) {
        println!("{remark}");
    }
    if dreamt.remarks.len() > SHOWN_REMARKS {
        let more = dreamt.remarks.len() - SHOWN_REMARKS;
        println!("and {more} remarks more on the footage, in the report");
    }
    for finding in &dreamt.findings {
        println!("- {}; what helps: {}", finding.what, finding.remedy);
    }
    if dreamt.damaged {
        return Err(format!(
            "some of the footage could not be read; the world {} was made of the rest",
            dreamt.world.display()
        )
        .into());
    }
    Ok(())
}

/// Ends the process in the middle of a stage, as a signal would.
fn end_now(display: &Display, interruption: &Interruption) {
    display.bar.finish_and_clear();
    let ended = interruption.ended(STOPPED);
    eprintln!("genie: {ended}");
    std::process::exit(i32::from(ended.status));
}

/// One bar over all stages.
struct Display {
    bar: ProgressBar,
    begun: Instant,
    logged: std::sync::Mutex<Option<(Stage, Instant)>>,
}

impl Display {
    fn new() -> Result<Self, indicatif::style::TemplateError> {
        let style = ProgressStyle::with_template("{bar:30} {msg}")?;
        Ok(Self {
            bar: ProgressBar::new(1000).with_style(style),
            begun: Instant::now(),
            logged: std::sync::Mutex::new(None),
        })
    }

    fn show(&self, status: &Status) {
        let gone = self.begun.elapsed().as_secs_f64();
        let left = status.left.as_secs_f64();
        let number = Stage::ALL
            .iter()
            .position(|stage| *stage == status.stage)
            .unwrap_or(0)
            + 1;
        let text = format!(
            "{number}/{}: {}, {:.0} %; {} left",
            Stage::ALL.len(),
            status.stage,
            100.0 * status.done,
            clock(left)
        );
        self.bar
            .set_position((1000.0 * gone / (gone + left).max(1e-3)) as u64);
        self.bar.set_message(text.clone());
        if !self.bar.is_hidden() {
            return;
        }
        // Without a terminal: a line for each stage, and one a minute.
        let Ok(mut logged) = self.logged.lock() else {
            return;
        };
        let due = logged
            .is_none_or(|(stage, when)| stage != status.stage || when.elapsed().as_secs() >= 60);
        if due {
            *logged = Some((status.stage, Instant::now()));
            eprintln!("{text}");
        }
    }
}

/// A time as it is told: to the minute while it is long, to ten seconds while it is short.
fn clock(seconds: f64) -> String {
    let tens = 10 * (seconds / 10.0).round() as u64;
    let minutes = (seconds / 60.0).round() as u64;
    if minutes >= 120 {
        format!("{}:{:02} hours", minutes / 60, minutes % 60)
    } else if minutes >= 10 {
        format!("{minutes} minutes")
    } else if seconds >= 90.0 {
        format!("{}:{:02} minutes", tens / 60, tens % 60)
    } else {
        format!("{seconds:.0} seconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_minute_or_to_ten_seconds() {
        for (seconds, told) in [
            (7300.0, "2:02 hours"),
            (631.0, "11 minutes"),
            (244.0, "4:00 minutes"),
            (95.0, "1:40 minutes"),
            (89.6, "90 seconds"),
        ] {
            assert_eq!(clock(seconds), told, "{seconds}");
        }
    }
}
