//! A run as a whole: both phases one after the other, and what they share.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use candle_core::Device;
use genie_model::ops::{MatmulPrecision, with_matmul_precision};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::dynamics_phase::DynamicsPhase;
use super::run_folder::RunFolder;
use super::saved_state::SavedState;
use super::tokenizer_phase::TokenizerPhase;
use super::{InitialWeights, PhaseConfig, TrainConfig};
use crate::dataset::{Dataset, DatasetError};

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file of the run cannot be read or written.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The configuration cannot be used.
    #[error("{path}: {reason}", path = .path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The run's folder holds a run already.
    #[error("{path} holds a run already: resume it or choose another folder", path = .path.display())]
    RunExists {
        /// Which folder.
        path: PathBuf,
    },
    /// The run was started with another configuration.
    #[error("{path} differs from the configuration given in more than the number of steps", path = .path.display())]
    OtherConfig {
        /// The run's configuration.
        path: PathBuf,
    },
    /// A saved state is damaged.
    #[error("{path}: not a whole training state: {reason}", path = .path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The loss is not finite any more.
    #[error("{phase}: the loss is not finite at step {step}; lower the learning rate")]
    Diverged {
        /// Which phase.
        phase: &'static str,
        /// At which step.
        step: u64,
    },
    /// The footage does not fit the configuration.
    #[error("the footage is {found}, the configuration wants {wanted}")]
    Footage {
        /// What the dataset has.
        found: String,
        /// What the configuration says.
        wanted: String,
    },
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] genie_model::Error),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A picture cannot be written.
    #[error(transparent)]
    Picture(#[from] crate::pictures::PictureError),
}

impl TrainError {
    pub(super) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            error,
        }
    }
}

/// One of the two phases, driven by [`run_phase`].
pub(super) trait Phase {
    const NAME: &'static str;
    /// One optimiser step; named figures for the metrics, `loss` among them.
    fn step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError>;
    fn save(&self, folder: &RunFolder, step: u64) -> Result<(), TrainError>;
    fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<(), TrainError>;
}

/// What a phase begins with.
pub(super) enum Start {
    /// A state that was saved.
    Saved(SavedState),
    /// The first step.
    New(InitialWeights),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Both phases are complete.
    Complete,
    /// It was asked to stop, and saved its state to go on from.
    Stopped,
}

/// Trains a world on a dataset, or goes on where the run in `run` stopped.
///
/// `stop` is asked after every step, with the phase's name and the number of steps it has taken; when it says so, the run
/// saves its state and ends.
///
/// # Errors
/// [`TrainError`] says which file or setting is to blame.
pub fn train(
    config: &TrainConfig,
    data: &Path,
    run: &Path,
    resume: bool,
    device: &Device,
    stop: &dyn Fn(&str, u64) -> bool,
) -> Result<Ended, TrainError> {
    let dataset = open_footage(config, &run.join("config.toml"), data)?;
    let folder = RunFolder::open(run, config, resume)?;
    with_matmul_precision(precision(config), || {
        train_phases(config, &dataset, &folder, device, stop)
    })
}

fn train_phases(
    config: &TrainConfig,
    dataset: &Dataset,
    folder: &RunFolder,
    device: &Device,
    stop: &dyn Fn(&str, u64) -> bool,
) -> Result<Ended, TrainError> {
    let start = phase_start(config, folder, TokenizerPhase::NAME)?;
    let (mut tokenizer, at) = TokenizerPhase::open(config, dataset, start, device)?;
    let steps = Steps {
        phase: &config.tokenizer,
        start: at,
        stop,
    };
    if run_phase(&mut tokenizer, steps, config.seed, folder)? == Ended::Stopped {
        return Ok(Ended::Stopped);
    }
    let (mut dynamics, at) = DynamicsPhase::open(
        config,
        dataset,
        phase_start(config, folder, DynamicsPhase::NAME)?,
        tokenizer.into_variables(),
        device,
    )?;
    let steps = Steps {
        phase: &config.dynamics,
        start: at,
        stop,
    };
    run_phase(&mut dynamics, steps, config.seed, folder)
}

/// What a phase of a run begins with.
fn phase_start(config: &TrainConfig, folder: &RunFolder, phase: &str) -> Result<Start, TrainError> {
    let saved = folder.saved_state(phase)?;
    Ok(saved.map_or(Start::New(config.initial_weights), Start::Saved))
}

/// Opens the footage that a valid configuration, to be found at `path`, is to be trained on.
pub(super) fn open_footage(
    config: &TrainConfig,
    path: &Path,
    data: &Path,
) -> Result<Dataset, TrainError> {
    config.model.validate()?;
    check_phase(path, "tokenizer", &config.tokenizer)?;
    check_phase(path, "dynamics", &config.dynamics)?;
    check_shares(path, config)?;
    let dataset = Dataset::open(data)?;
    let wanted = (config.model.frame_height, config.model.frame_width);
    let found = (dataset.format().height, dataset.format().width);
    if found != wanted {
        return Err(TrainError::Footage {
            found: format!("{}x{}", found.1, found.0),
            wanted: format!("{}x{}", wanted.1, wanted.0),
        });
    }
    Ok(dataset)
}

/// How a configuration wants matrix products to be computed.
pub(super) fn precision(config: &TrainConfig) -> MatmulPrecision {
    if config.bf16 {
        MatmulPrecision::Bf16
    } else {
        MatmulPrecision::F32
    }
}

/// A random stream of its own for each step, so that a resumed run draws the same numbers.
pub(super) fn step_rng<P: Phase>(seed: u64, step: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((step << 1) | u64::from(P::NAME == "dynamics"));
    rng
}

fn check_phase(path: &Path, name: &str, phase: &PhaseConfig) -> Result<(), TrainError> {
    let wrong = if phase.batch == 0 {
        "batch must be at least 1"
    } else if phase.clip_frames < 2 {
        "clip_frames must be at least 2"
    } else if !(phase.learning_rate > 0.0 && phase.learning_rate.is_finite()) {
        "learning_rate must be above 0"
    } else if !(0.0..=1.0).contains(&phase.decay) {
        "decay must be 0 to 1"
    } else {
        return Ok(());
    };
    Err(TrainError::Config {
        path: path.to_owned(),
        reason: format!("{name}.{wrong}"),
    })
}

fn check_shares(path: &Path, config: &TrainConfig) -> Result<(), TrainError> {
    let corruption = &config.corruption;
    let shares = [
        ("corruption.tokens", corruption.tokens),
        ("corruption.actions", corruption.actions),
        ("corruption.unseen_actions", corruption.unseen_actions),
        ("corruption.own_mistakes", corruption.own_mistakes),
        ("fully_masked", config.fully_masked),
    ];
    match shares
        .iter()
        .find(|(_, share)| !(0.0..=1.0).contains(share))
    {
        None => Ok(()),
        Some((name, _)) => Err(TrainError::Config {
            path: path.to_owned(),
            reason: format!("{name} must be 0 to 1"),
        }),
    }
}

/// Which steps of a phase to take.
struct Steps<'a> {
    phase: &'a PhaseConfig,
    start: u64,
    stop: &'a dyn Fn(&str, u64) -> bool,
}

fn run_phase<P: Phase>(
    phase: &mut P,
    steps: Steps,
    seed: u64,
    folder: &RunFolder,
) -> Result<Ended, TrainError> {
    let (config, start) = (steps.phase, steps.start);
    if start >= config.steps {
        return Ok(Ended::Complete);
    }
    let metrics_path = folder.metrics(P::NAME);
    let io = |error| TrainError::io(&metrics_path, error);
    let mut metrics = super::MetricsLog::open(&metrics_path, start).map_err(io)?;
    let bar = ProgressBar::new(config.steps).with_style(
        ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {per_sec} eta {eta} {msg}")
            .expect("the template is well formed"),
    );
    bar.set_prefix(P::NAME);
    bar.set_position(start);
    bar.reset_eta();
    let mut saved = Instant::now();
    let mut logged = Instant::now();
    let mut sums: BTreeMap<String, (f64, u32)> = BTreeMap::new();
    for step in start..config.steps {
        if step % config.pictures_every.max(1) == 0 {
            phase.pictures(folder, step)?;
        }
        let mut rng = step_rng::<P>(seed, step);
        let began = Instant::now();
        let figures = phase.step(step, &mut rng)?;
        let seconds = began.elapsed().as_secs_f64();
        if !figures.get("loss").is_some_and(|loss| loss.is_finite()) {
            return Err(TrainError::Diverged {
                phase: P::NAME,
                step,
            });
        }
        for (name, value) in figures.into_iter().chain([("seconds".to_owned(), seconds)]) {
            let sum = sums.entry(name).or_default();
            *sum = (sum.0 + value, sum.1 + 1);
        }
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
            bar.set_message(message.clone());
            metrics.write(&line.into()).map_err(io)?;
            if bar.is_hidden() && logged.elapsed() > Duration::from_secs(20) {
                tracing::info!("{} step {step}: {message}", P::NAME);
                logged = Instant::now();
            }
        }
        if step + 1 < config.steps && (steps.stop)(P::NAME, step + 1) {
            phase.save(folder, step + 1)?;
            bar.abandon();
            return Ok(Ended::Stopped);
        }
        if saved.elapsed() > Duration::from_mins(2) {
            phase.save(folder, step + 1)?;
            saved = Instant::now();
        }
    }
    phase.pictures(folder, config.steps)?;
    phase.save(folder, config.steps)?;
    bar.finish();
    Ok(Ended::Complete)
}
