//! The steps of a phase, one after the other, with all that goes on around them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::error::TrainError;
use super::metrics::MetricsLog;
use super::phase::{Phase, step_rng};
use super::phase_config::PhaseConfig;
use super::ranks::current_ranks;
use super::run_folder::RunFolder;
use super::saved_state::Progress;
use super::skipped_steps::SkippedSteps;

/// Called after each step with the name of its phase; true ends the run.
pub(super) type Stop<'a> = &'a dyn Fn(&str, u64) -> bool;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Both phases are complete.
    Complete,
    /// It was asked to stop, and saved its state.
    Stopped,
}

/// Steps after which all ranks take up what the first one has.
const FOLLOW_EVERY: u64 = 100;

/// Which steps of a phase to take.
pub(super) struct Steps<'a> {
    pub(super) phase: &'a PhaseConfig,
    pub(super) start: Progress,
    pub(super) stop: Stop<'a>,
    /// Whether a bar shows how far it is.
    pub(super) show: bool,
    /// Pause between saved states.
    pub(super) save_every: Duration,
}

/// Takes the steps, writes their metrics, and saves the state now and then, at the end and when it is asked to stop.
pub(super) fn run_phase<P: Phase>(
    phase: &mut P,
    steps: Steps,
    seed: u64,
    folder: &RunFolder,
) -> Result<Ended, TrainError> {
    let (config, start) = (steps.phase, steps.start.step);
    if start >= config.steps {
        return Ok(Ended::Complete);
    }
    let metrics_path = folder.metrics(P::NAME);
    let io = |error| TrainError::io(&metrics_path, error);
    let ranks = current_ranks();
    let writes = ranks.writes();
    let mut metrics = (writes.then(|| MetricsLog::open(&metrics_path, start)))
        .transpose()
        .map_err(io)?;
    let bar = if steps.show {
        ProgressBar::new(config.steps)
    } else {
        ProgressBar::hidden()
    };
    let bar = bar.with_style(
        ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {per_sec} eta {eta} {msg}")
            .expect("the template is well formed"),
    );
    bar.set_prefix(P::NAME);
    bar.set_position(start);
    bar.reset_eta();
    let mut saved = Instant::now();
    let mut logged = Instant::now();
    let mut sums: BTreeMap<String, (f64, u32)> = BTreeMap::new();
    let mut skipped = SkippedSteps::new(P::NAME, steps.start.skipped);
    phase.read_ahead(Box::new(start..config.steps));
    for step in start..config.steps {
        if writes && step % config.pictures_every.max(1) == 0 {
            phase.pictures(folder, step)?;
        }
        let mut rng = step_rng::<P>(seed, step);
        let began = Instant::now();
        let figures = phase.step(step, &mut rng)?;
        let seconds = began.elapsed().as_secs_f64();
        if skipped.count(step, &figures)? {
            for (name, value) in figures.into_iter().chain([("seconds".to_owned(), seconds)]) {
                let sum = sums.entry(name).or_default();
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
        if ranks.count() > 1 && step % FOLLOW_EVERY == FOLLOW_EVERY - 1 {
            phase.follow_first()?;
        }
        let progress = Progress {
            step: step + 1,
            skipped: skipped.total(),
        };
        bar.inc(1);
        if step % 20 == 19 || step + 1 == config.steps {
            let mut line = serde_json::Map::new();
            line.insert("step".to_owned(), step.into());
            let mut message = String::new();
            for (name, (sum, count)) in std::mem::take(&mut sums) {
                let mean = sum / f64::from(count.max(1));
                // Writing to a string cannot fail.
                let _ = write!(message, "{name} {mean:.4} ");
                line.insert(name, mean.into());
            }
            line.insert("skipped_steps".to_owned(), skipped.total().into());
            if skipped.total() > 0 {
                let _ = write!(message, "skipped_steps {} ", skipped.total());
            }
            bar.set_message(message.clone());
            if let Some(metrics) = &mut metrics {
                metrics.write(&line.into()).map_err(io)?;
            }
            if steps.show && bar.is_hidden() && logged.elapsed() > Duration::from_secs(20) {
                tracing::info!("{} step {step}: {message}", P::NAME);
                logged = Instant::now();
            }
        }
        if step + 1 < config.steps && ranks.any((steps.stop)(P::NAME, step + 1)) {
            if writes {
                phase.save(folder, progress)?;
            }
            bar.abandon();
            return Ok(Ended::Stopped);
        }
        if writes && saved.elapsed() > steps.save_every {
            phase.save(folder, progress)?;
            saved = Instant::now();
        }
    }
    if writes {
        phase.pictures(folder, config.steps)?;
        let progress = Progress {
            step: config.steps,
            skipped: skipped.total(),
        };
        phase.save(folder, progress)?;
    }
    bar.finish();
    Ok(Ended::Complete)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::rc::Rc;

    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::train::TrainConfig;
    use crate::train::optimiser::{Optimiser, OptimiserConfig};
    use crate::train::ranks::{Alone, OneOfTwo, Ranks, with_ranks};

    /// A phase whose loss is not finite in some of its steps.
    struct Shaky {
        spoiled: Vec<u64>,
        optimiser: Optimiser,
        /// How often it took up what the first rank has.
        followed: u32,
    }

    impl Phase for Shaky {
        const NAME: &'static str = "tokenizer";

        fn step(
            &mut self,
            step: u64,
            _: &mut ChaCha8Rng,
        ) -> Result<BTreeMap<String, f64>, TrainError> {
            let loss = if self.spoiled.contains(&step) {
                f64::NAN
            } else {
                2.0
            };
            let figures = [("loss", loss), ("gradient_norm", 1.0)];
            Ok(figures.map(|(name, value)| (name.to_owned(), value)).into())
        }

        fn follow_first(&mut self) -> Result<(), TrainError> {
            self.followed += 1;
            Ok(())
        }

        fn read_ahead(&mut self, _: Box<dyn Iterator<Item = u64> + Send>) {}

        fn waited_for_data(&self) -> Duration {
            Duration::ZERO
        }

        fn optimiser(&mut self) -> &mut Optimiser {
            &mut self.optimiser
        }

        fn save(&self, folder: &RunFolder, progress: Progress) -> Result<(), TrainError> {
            folder.save_state(Self::NAME, progress, [])
        }

        fn pictures(&mut self, _: &RunFolder, _: u64) -> Result<(), TrainError> {
            Ok(())
        }
    }

    #[test]
    fn ranks_take_up_what_the_first_one_has_every_hundred_steps() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = TrainConfig::platformer();
        config.tokenizer.steps = 250;
        let run = RunFolder::open(folder.path(), &config, false).unwrap();
        let followed = |ranks: Rc<dyn Ranks>| {
            let mut phase = Shaky {
                spoiled: Vec::new(),
                optimiser: Optimiser::new(Vec::new(), OptimiserConfig::default()).unwrap(),
                followed: 0,
            };
            let steps = Steps {
                phase: &config.tokenizer,
                start: Progress::default(),
                stop: &|_, _| false,
                show: false,
                save_every: Duration::from_mins(2),
            };
            let ended = with_ranks(ranks, || run_phase(&mut phase, steps, 1, &run));
            assert_eq!(ended.unwrap(), Ended::Complete);
            phase.followed
        };
        let second = OneOfTwo::new(1, |_: &mut [f32]| ());
        assert_eq!(followed(Rc::new(second)), 2);
        assert_eq!(followed(Rc::new(Alone)), 0);
    }

    #[test]
    fn skipped_steps_are_saved_shown_and_end_a_run_after_a_few_in_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = TrainConfig::platformer();
        config.tokenizer.steps = 60;
        let run = RunFolder::open(folder.path(), &config, false).unwrap();
        let mut phase = Shaky {
            spoiled: vec![3, 4, 12, 40, 41, 42, 43, 44],
            optimiser: Optimiser::new(Vec::new(), OptimiserConfig::default()).unwrap(),
            followed: 0,
        };
        let mut go_on = |start: Progress, end: u64| {
            let stop = |_: &str, steps: u64| steps == end;
            let steps = Steps {
                phase: &config.tokenizer,
                start,
                stop: &stop,
                show: false,
                save_every: Duration::from_mins(2),
            };
            run_phase(&mut phase, steps, 1, &run)
        };
        assert_eq!(go_on(Progress::default(), 10).unwrap(), Ended::Stopped);
        let progress = || run.saved_state("tokenizer").unwrap().unwrap().progress;
        let (step, skipped) = (10, 2);
        assert_eq!(progress(), Progress { step, skipped });
        assert_eq!(go_on(progress(), 30).unwrap(), Ended::Stopped);
        let (step, skipped) = (30, 3);
        assert_eq!(progress(), Progress { step, skipped });
        let text = std::fs::read_to_string(run.metrics("tokenizer")).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&line["step"], &line["skipped_steps"]),
            (&19.into(), &3.into())
        );
        // Means are of the steps that were taken.
        assert_eq!(line["loss"].as_f64(), Some(2.0));

        let error = go_on(progress(), 60).unwrap_err();
        let TrainError::Diverged {
            step: 44,
            in_a_row: 5,
            ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(progress(), Progress { step, skipped });
    }
}
