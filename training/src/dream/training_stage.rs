//! The stages of a dream in which the training is chosen and done.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use super::DreamError;
use super::acted::Acted;
use super::dreamer::Dreamer;
use super::effort::expected_after;
use super::forecast::After;
use super::health;
use super::pacer::Pacer;
use super::plan::{TOKENIZER_SHARE, configuration, set_steps, without_player};
use super::preset_choice::{choose_preset, of_size};
use super::split::split;
use super::status::Stage;
use crate::actions::AgentError;
use crate::dataset::Dataset;
use crate::ingest::{Finding, Inspection};
use crate::train::{Ended, TrainConfig, TrainError, TrainingPhase, time_tokens, train_quietly};

/// Share of a phase after which its health is looked at while it goes on.
const CHECKED_AT: f64 = 0.6;

/// The training, chosen for the footage.
pub(super) fn plan(dreamer: &Dreamer<'_>) -> Result<TrainConfig, DreamError> {
    dreamer.go_on()?;
    dreamer.status(Stage::Plan, 0.0);
    let workshop = &dreamer.workshop;
    if let Some(mut config) = workshop.config()? {
        if let Some(times) = workshop.longer() {
            let steps = config.dynamics.steps as f64 * times;
            config.dynamics.steps = steps.round().max(1.0) as u64;
            for old in [workshop.labelled(), workshop.evaluation()] {
                let _ = fs::remove_file(old);
            }
            workshop.note_config(&config)?;
        }
        workshop.note_chosen()?;
        return Ok(config);
    }
    let dataset = Dataset::open(&workshop.footage())?;
    split(&dataset, &workshop.training(), &workshop.held_out())?;
    let training = Dataset::open(&workshop.training())?;
    // Whether somebody acts is known better once a player was looked for.
    warn(&Inspection::of(&training)?.findings_with(true));
    let usual = configuration(&training, dreamer.options)?;
    let ends = dreamer.training_ends(dreamer.usual_after());
    let time = ends.saturating_duration_since(Instant::now());
    let time = time.mul_f64(1.0 - TOKENIZER_SHARE);
    let preset = choose_preset(&usual, time, dreamer.device)?;
    tracing::debug!("preset {preset}");
    let config = of_size(&usual, preset);
    warn(&health::of_windows(&training, &config));
    workshop.note_config(&config)?;
    workshop.note_chosen()?;
    Ok(config)
}

/// Trains both phases; each gets other numbers of steps when it turns out that steps take longer than they were timed at.
pub(super) fn train(dreamer: &Dreamer<'_>, config: &mut TrainConfig) -> Result<(), DreamError> {
    let workshop = &dreamer.workshop;
    let run = workshop.run();
    let began = Instant::now();
    let share = if run.join("dynamics/state.safetensors").exists() {
        0.0
    } else {
        TOKENIZER_SHARE
    };
    let mut after: Option<After> = None;
    let mut tokens = Duration::ZERO;
    let checked = [Cell::new(false), Cell::new(false)];
    let looked = Cell::new(false);
    let training = Dataset::open(&workshop.training())?;
    loop {
        if after.is_none() {
            after = expected_after(dreamer)?;
            if let Some(after) = after {
                // Only before the second phase: it keeps them.
                if share > 0.0 {
                    let begun = workshop.run_config()?.unwrap_or_else(|| config.clone());
                    tokens = time_tokens(&begun, &workshop.training(), dreamer.device)?;
                }
                tracing::debug!("after the training: {after:.1?}; tokens: {tokens:.1?}");
                dreamer.expect(after, tokens.as_secs_f64());
            }
        }
        let end = dreamer.training_ends(after.unwrap_or_else(|| dreamer.usual_after()));
        let time = end.saturating_duration_since(began);
        // The tokens of the footage are made between the phases.
        let ends = [began + time.saturating_sub(tokens).mul_f64(share), end];
        let phases = [&config.tokenizer, &config.dynamics];
        let pacers = [0, 1].map(|phase| {
            let decay = phases[phase].decay;
            Pacer::new(phases[phase].steps, decay, Instant::now(), ends[phase])
        });
        let stages = [Stage::Tokenizer, Stage::Dynamics];
        let stop = |name: &str, step: u64| {
            let phase = usize::from(name == TrainingPhase::Dynamics.name());
            let done = step as f64 / phases[phase].steps as f64;
            dreamer.status(stages[phase], done);
            if !looked.replace(true) {
                // What is done in the footage was found or given before the first step.
                let acted = Acted::of(&run, &training, config);
                warn(&acted.map_or_else(Vec::new, |acted| health::of_acted(&acted)));
            }
            if done >= CHECKED_AT && !checked[phase].replace(true) {
                warn(&health::on_the_way(&run, config));
            }
            dreamer.stopped() || pacers[phase].step(step, Instant::now())
        };
        let resume = run.join("config.toml").exists();
        let data = workshop.training();
        let ended = match train_quietly(config, &data, &run, resume, dreamer.device, &stop) {
            Err(TrainError::Agent(AgentError::NotFound(why))) => {
                tracing::warn!(
                    "no player is found in the footage ({why}): actions are distinguished by what moves"
                );
                *config = without_player(config);
                workshop.note_config(config)?;
                continue;
            }
            ended => ended?,
        };
        dreamer.go_on()?;
        if ended == Ended::Complete {
            break;
        }
        let [tokenizer, dynamics] = pacers.map(|pacer| pacer.replanned());
        let usual = TrainConfig::game();
        for (stage, phase, usual, replanned) in [
            (
                Stage::Tokenizer,
                &mut config.tokenizer,
                &usual.tokenizer,
                tokenizer,
            ),
            (
                Stage::Dynamics,
                &mut config.dynamics,
                &usual.dynamics,
                dynamics,
            ),
        ] {
            if let Some(replanned) = replanned {
                tracing::debug!("{} steps in place of {}", replanned.steps, phase.steps);
                set_steps(phase, usual, replanned.steps);
                dreamer.replanned(stage, replanned.after as f64 / phase.steps as f64);
            }
        }
        workshop.note_config(config)?;
    }
    warn(&health::of_training(&run, config));
    Ok(())
}

fn warn(findings: &[Finding]) {
    for finding in findings {
        tracing::warn!("{}: {}", finding.what, finding.remedy);
    }
}
