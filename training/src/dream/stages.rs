//! The stages of a dream, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use candle_core::{DType, Device};
use genie_model::checkpoint::Checkpoint;
use genie_model::{WorldModel, atomic_file};

use super::health;
use super::metrics;
use super::pacer::Pacer;
use super::page::{Told, page};
use super::pictures::pictures;
use super::plan::{TOKENIZER_SHARE, configuration, set_steps, without_player};
use super::prompts;
use super::split::split;
use super::status::{Stage, Status};
use super::workshop::{Imported, Workshop, beside};
use super::{DreamError, DreamOptions};
use crate::actions::AgentError;
use crate::dataset::{Dataset, TrueActions};
use crate::evaluate::{EvaluateOptions, Evaluation, KnownActions, evaluate, write_json};
use crate::ingest::{
    Finding, IngestError, Inspection, Progress, ingest, not_imported, without_actions,
};
use crate::label::{LabelOptions, label};
use crate::train::{
    ActionSource, Ended, RunFolder, TrainConfig, TrainError, TrainingPhase, train_quietly,
};

/// Share of the time that labels, evaluation and report get, within bounds in seconds.
const AFTER_SHARE: f64 = 0.12;
const AFTER_SECONDS: (f64, f64) = (12.0, 900.0);
/// From that much time on the evaluation is thorough.
const THOROUGH_SECONDS: f64 = 180.0;

/// What a dream made.
#[derive(Debug, Clone, PartialEq)]
pub struct Dreamt {
    /// The world.
    pub world: PathBuf,
    /// The report.
    pub report: PathBuf,
    /// Pictures to begin from.
    pub prompts: Vec<PathBuf>,
    /// What stands against the world, each with its remedy.
    pub findings: Vec<Finding>,
    /// Seconds that it took, those of stopped calls included.
    pub seconds: f64,
    /// Footage that could not be read, and why.
    pub unreadable: Vec<String>,
    /// What of the footage was skipped, changed or assumed.
    pub remarks: Vec<String>,
}

/// Makes a world of the footage under `paths`, with a report and prompts beside it, within the time that the options give.
///
/// A dream that was stopped goes on where it was when it is called again with the same; with more hours it goes on from its end.
/// `show` is told from any thread how far it is.
///
/// # Errors
/// Whatever stops a stage; [`DreamError::Stopped`] when `stop` was raised.
pub fn dream(
    paths: &[PathBuf],
    out: &Path,
    options: &DreamOptions,
    device: &Device,
    show: &(dyn Fn(&Status) + Sync),
    stop: &AtomicBool,
) -> Result<Dreamt, DreamError> {
    options.check()?;
    let begun = Instant::now();
    let workshop = Workshop::open(out, paths, options)?;
    let spent = workshop.spent();
    let total = Duration::from_secs_f64(options.hours * 3600.0);
    let mut dreamer = Dreamer {
        options,
        device,
        show,
        stop,
        begun,
        spent,
        until: begun + total.saturating_sub(Duration::from_secs_f64(spent)),
        workshop,
    };
    let made = dreamer.all(paths, out);
    dreamer.note_spent()?;
    made
}

struct Dreamer<'a> {
    options: &'a DreamOptions,
    device: &'a Device,
    show: &'a (dyn Fn(&Status) + Sync),
    stop: &'a AtomicBool,
    begun: Instant,
    /// Seconds of earlier calls.
    spent: f64,
    /// When it should be over.
    until: Instant,
    workshop: Workshop,
}

impl Dreamer<'_> {
    fn all(&mut self, paths: &[PathBuf], out: &Path) -> Result<Dreamt, DreamError> {
        self.import(paths)?;
        self.note_spent()?;
        let mut config = self.plan()?;
        self.note_spent()?;
        self.train(&mut config)?;
        self.note_spent()?;
        self.label()?;
        let evaluation = self.evaluate()?;
        self.note_spent()?;
        self.report(out, &config, &evaluation)
    }

    fn note_spent(&mut self) -> Result<(), DreamError> {
        let seconds = self.spent + self.begun.elapsed().as_secs_f64();
        self.workshop.note_spent(seconds)
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn status(&self, stage: Stage, done: f64) {
        (self.show)(&Status {
            stage,
            done: done.clamp(0.0, 1.0),
            left: self.left(),
        });
    }

    fn go_on(&self) -> Result<(), DreamError> {
        if self.stop.load(Ordering::Relaxed) {
            Err(DreamError::Stopped)
        } else {
            Ok(())
        }
    }

    fn import(&self, paths: &[PathBuf]) -> Result<(), DreamError> {
        self.status(Stage::Import, 0.0);
        let folder = self.workshop.footage();
        if folder.join("dataset.json").exists() {
            let unreadable = self.workshop.imported().unreadable;
            let mut new = not_imported(paths, &folder, &self.options.footage);
            new.retain(|name| !unreadable.iter().any(|known| known.starts_with(name)));
            if let Some(first) = new.first() {
                tracing::warn!(
                    "{} of the files are not in this dream, as they came or changed after it began ({first}): for a world of them too, \
                     give another --out",
                    new.len()
                );
            }
            return Ok(());
        }
        if self.options.actions == ActionSource::Given
            && let Some(first) = without_actions(paths).first()
        {
            return Err(DreamError::Request(format!(
                "--actions given: nothing says what was pressed in {first} (a file actions.csv beside pictures, film.actions.csv beside \
                 film.mp4)"
            )));
        }
        let progress = Progress::default();
        let over = AtomicBool::new(false);
        let imported = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let share = progress.seconds() / progress.total_seconds().max(1e-9);
                    self.status(Stage::Import, share);
                    thread::sleep(Duration::from_millis(200));
                }
            });
            let imported = ingest(paths, &folder, &self.options.footage, &progress, self.stop);
            over.store(true, Ordering::Relaxed);
            imported
        });
        let summary = match imported {
            Err(IngestError::Stopped) => return Err(DreamError::Stopped),
            imported => imported?,
        };
        self.workshop.note_imported(&Imported {
            clips: summary.clips,
            frames: summary.frames,
            frames_per_second: summary.frames_per_second,
            pace: summary.pace.clone(),
            unreadable: summary
                .unreadable
                .iter()
                .map(|file| format!("{}: {}", file.source, file.reason))
                .collect(),
            left_out: summary
                .left_out
                .iter()
                .map(|(reason, frames)| format!("{frames} frames: {reason}"))
                .collect(),
            remarks: summary
                .remarks
                .iter()
                .map(|(source, remark)| {
                    let about = if source.is_empty() {
                        String::new()
                    } else {
                        format!("{source}: ")
                    };
                    format!("{}: {about}{}", remark.kind.name(), remark.text)
                })
                .collect(),
        })
    }

    /// The training, chosen for the footage.
    fn plan(&self) -> Result<TrainConfig, DreamError> {
        self.go_on()?;
        self.status(Stage::Plan, 0.0);
        if let Some(mut config) = self.workshop.config()? {
            if let Some(times) = self.workshop.longer() {
                let steps = config.dynamics.steps as f64 * times;
                config.dynamics.steps = steps.round().max(1.0) as u64;
                for old in [self.workshop.labelled(), self.workshop.evaluation()] {
                    let _ = fs::remove_file(old);
                }
                self.workshop.note_config(&config)?;
            }
            return Ok(config);
        }
        let dataset = Dataset::open(&self.workshop.footage())?;
        split(
            &dataset,
            &self.workshop.training(),
            &self.workshop.held_out(),
        )?;
        let training = Dataset::open(&self.workshop.training())?;
        for finding in Inspection::of(&training)?.findings() {
            tracing::warn!("{}: {}", finding.what, finding.remedy);
        }
        let config = configuration(&training, self.options)?;
        self.workshop.note_config(&config)?;
        Ok(config)
    }

    /// Time for what comes after the training.
    fn time_after(&self) -> Duration {
        let seconds = self.options.hours * 3600.0 * AFTER_SHARE;
        Duration::from_secs_f64(seconds.clamp(AFTER_SECONDS.0, AFTER_SECONDS.1))
    }

    /// Trains both phases; each gets other numbers of steps when it turns out that steps take longer than they were timed at.
    fn train(&self, config: &mut TrainConfig) -> Result<(), DreamError> {
        let run = self.workshop.run();
        let time = self.left().saturating_sub(self.time_after());
        let now = Instant::now();
        let share = if run.join("dynamics/state.safetensors").exists() {
            0.0
        } else {
            TOKENIZER_SHARE
        };
        let ends = [now + time.mul_f64(share), now + time];
        loop {
            let phases = [&config.tokenizer, &config.dynamics];
            let pacers =
                [0, 1].map(|phase| Pacer::new(phases[phase].steps, Instant::now(), ends[phase]));
            let stages = [Stage::Tokenizer, Stage::Dynamics];
            let stop = |name: &str, step: u64| {
                let phase = usize::from(name == TrainingPhase::Dynamics.name());
                self.status(stages[phase], step as f64 / phases[phase].steps as f64);
                self.stop.load(Ordering::Relaxed) || pacers[phase].step(step, Instant::now())
            };
            let resume = run.join("config.toml").exists();
            let data = self.workshop.training();
            let ended = match train_quietly(config, &data, &run, resume, self.device, &stop) {
                Err(TrainError::Agent(AgentError::NotFound(why))) => {
                    tracing::warn!(
                        "no player is found in the footage ({why}): actions are distinguished by what moves"
                    );
                    *config = without_player(config);
                    self.workshop.note_config(config)?;
                    continue;
                }
                ended => ended?,
            };
            self.go_on()?;
            if ended == Ended::Complete {
                break;
            }
            let [tokenizer, dynamics] = pacers.map(|pacer| pacer.replanned());
            let usual = TrainConfig::game();
            for (phase, usual, replanned) in [
                (&mut config.tokenizer, &usual.tokenizer, tokenizer),
                (&mut config.dynamics, &usual.dynamics, dynamics),
            ] {
                if let Some(replanned) = replanned {
                    tracing::debug!("{} steps in place of {}", replanned.steps, phase.steps);
                    set_steps(phase, usual, replanned.steps);
                }
            }
            self.workshop.note_config(config)?;
        }
        for finding in self.training_findings(config) {
            tracing::warn!("{}: {}", finding.what, finding.remedy);
        }
        Ok(())
    }

    fn training_findings(&self, config: &TrainConfig) -> Vec<Finding> {
        let run = self.workshop.run();
        let mut findings = health::of_tokenizer(&metrics::read(&run, "tokenizer"), config);
        findings.extend(health::of_dynamics(&metrics::read(&run, "dynamics")));
        findings
    }

    fn thorough(&self) -> bool {
        self.time_after().as_secs_f64() >= THOROUGH_SECONDS
    }

    fn label(&self) -> Result<(), DreamError> {
        self.go_on()?;
        self.status(Stage::Label, 0.0);
        let out = self.workshop.labelled();
        if out.exists() {
            return Ok(());
        }
        let mut checkpoint = Checkpoint::read(RunFolder::world_of(&self.workshop.run()))?;
        let world = WorldModel::new(checkpoint.clone(), self.device)?;
        let dataset = Dataset::open(&self.workshop.training())?;
        let (clips, prompts) = if self.thorough() { (64, 24) } else { (16, 6) };
        let options = LabelOptions {
            clips,
            prompts,
            seed: self.options.seed,
            ..LabelOptions::default()
        };
        if self.options.actions == ActionSource::Learned {
            checkpoint.actions = label(&world, &dataset, &options)?.labels;
        }
        Ok(checkpoint.write(&out, DType::F16)?)
    }

    /// Held-out footage, or that of the training where too little is held out to compare with.
    fn footage_to_compare(&self) -> Result<Dataset, DreamError> {
        let held = Dataset::open(&self.workshop.held_out())?;
        Ok(if held.longest_clip() < 12 {
            Dataset::open(&self.workshop.training())?
        } else {
            held
        })
    }

    fn evaluate(&self) -> Result<Evaluation, DreamError> {
        self.go_on()?;
        self.status(Stage::Evaluate, 0.0);
        let path = self.workshop.evaluation();
        if let Some(known) = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
        {
            return Ok(known);
        }
        let world = WorldModel::new(Checkpoint::read(self.workshop.labelled())?, self.device)?;
        let dataset = self.footage_to_compare()?;
        let training = Dataset::open(&self.workshop.training())?;
        let known = |dataset: &Dataset| {
            let truth = TrueActions::open(dataset.folder()).ok();
            truth.filter(|truth| truth.check(dataset).is_ok())
        };
        let truth = known(&dataset);
        // What was pressed is unknown to the world, so that the judge may learn it where there is most of it.
        let learn = (dataset.folder() != training.folder()).then(|| known(&training));
        let learn = learn.flatten();
        let known = truth.as_ref().map(|actions| KnownActions {
            actions,
            learn: learn.as_ref().map(|truth| (&training, truth)),
        });
        let (clips, horizon, survival, judged_transitions) = if self.thorough() {
            (48, 64, 100, 6_000)
        } else {
            (8, 16, 20, 0)
        };
        let options = EvaluateOptions {
            clips,
            horizon,
            survival,
            judged_transitions,
            seed: self.options.seed,
            ..EvaluateOptions::default()
        };
        let evaluation = evaluate(&world, &dataset, known, &options, &|share| {
            self.status(Stage::Evaluate, share);
        })?;
        write_json(&path, &evaluation)?;
        Ok(evaluation)
    }

    fn report(
        &self,
        out: &Path,
        config: &TrainConfig,
        evaluation: &Evaluation,
    ) -> Result<Dreamt, DreamError> {
        self.go_on()?;
        self.status(Stage::Report, 0.0);
        let training = Dataset::open(&self.workshop.training())?;
        let inspection = Inspection::of(&training)?;
        let mut findings = inspection.findings();
        findings.extend(self.training_findings(config));
        findings.extend(health::of_world(evaluation));
        let labelled = self.workshop.labelled();
        let world = WorldModel::new(Checkpoint::read(&labelled)?, self.device)?;
        let pictures = pictures(&world, &self.footage_to_compare()?, self.options.seed)?;
        let prompts = prompts::write(&training, &beside(out, "prompts"))?;
        let seconds = self.spent + self.begun.elapsed().as_secs_f64();
        let run = self.workshop.run();
        let name = out
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let page = page(&Told {
            name: &name,
            imported: &self.workshop.imported(),
            inspection: &inspection,
            config,
            tokenizer: &metrics::read(&run, "tokenizer"),
            dynamics: &metrics::read(&run, "dynamics"),
            evaluation,
            findings: &findings,
            pictures: &pictures,
            seconds,
        });
        let report = beside(out, "report.html");
        atomic_file::write(&report, page.as_bytes()).map_err(DreamError::io("write", &report))?;
        let copy = || -> std::io::Result<()> {
            atomic_file::write_with(out, |file| {
                std::io::copy(&mut fs::File::open(&labelled)?, file).map(drop)
            })
        };
        copy().map_err(DreamError::io("write", out))?;
        self.status(Stage::Report, 1.0);
        let imported = self.workshop.imported();
        Ok(Dreamt {
            unreadable: imported.unreadable,
            remarks: imported.remarks,
            world: out.to_path_buf(),
            report,
            prompts,
            findings,
            seconds,
        })
    }
}
