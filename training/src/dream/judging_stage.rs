//! The stages of a dream after the training: actions get their names, the world is evaluated, and the report is written.

use std::fs;

use genie_model::checkpoint::{Checkpoint, WeightFormat};
use genie_model::{WorldModel, atomic_file};

use super::acted::Acted;
use super::dreamer::Dreamer;
use super::effort::{evaluate_options, known_actions, label_options, share_of_choice};
use super::health;
use super::import_watch::took_too_long;
use super::metrics;
use super::outputs::Outputs;
use super::page::{Told, page};
use super::pictures::pictures;
use super::prompts;
use super::status::Stage;
use super::{DreamError, Dreamt};
use crate::dataset::Dataset;
use crate::evaluate::{
    Evaluation, KnownActions, WorldParts, choose_sampling, evaluate as evaluate_world, write_json,
};
use crate::ingest::Inspection;
use crate::label::label as label_world;
use crate::train::{ActionSource, RunFolder, TrainConfig};

/// Chooses how the world is sampled, and names its actions.
pub(super) fn label(dreamer: &Dreamer<'_>) -> Result<(), DreamError> {
    dreamer.go_on()?;
    dreamer.status(Stage::Label, 0.0);
    let workshop = &dreamer.workshop;
    let out = workshop.labelled();
    if out.exists() {
        return Ok(());
    }
    let mut checkpoint = Checkpoint::read(RunFolder::world_of(&workshop.run()))?;
    let world = WorldModel::new(checkpoint.clone(), dreamer.device)?;
    let dataset = Dataset::open(&workshop.training())?;
    let advance = dreamer.advance(Stage::Label);
    let choosing = share_of_choice(dreamer, world.action_count());
    // By the footage of the training: what is held out is for the evaluation alone.
    let options = label_options(dreamer);
    let choice = choose_sampling(&world, &dataset, options.prompts, options.seed, &|done| {
        advance(choosing * done)
    })?;
    choice.apply(&mut checkpoint.config);
    let config = workshop.config()?;
    if config.is_none_or(|config| config.action_source == ActionSource::Learned) {
        let world = WorldModel::new(checkpoint.clone(), dreamer.device)?;
        let advance = |done: f64| advance(choosing + (1.0 - choosing) * done);
        checkpoint.actions = label_world(&world, &dataset, &options, &advance)?.labels;
    }
    Ok(checkpoint.write(&out, WeightFormat::F16)?)
}

/// Held-out footage, or that of the training where too little is held out to compare with.
fn footage_to_compare(dreamer: &Dreamer<'_>) -> Result<Dataset, DreamError> {
    let held = Dataset::open(&dreamer.workshop.held_out())?;
    Ok(if held.longest_clip() < 12 {
        Dataset::open(&dreamer.workshop.training())?
    } else {
        held
    })
}

/// Compares the world with footage that it never saw.
pub(super) fn evaluate(dreamer: &Dreamer<'_>) -> Result<Evaluation, DreamError> {
    dreamer.go_on()?;
    dreamer.status(Stage::Evaluate, 0.0);
    let workshop = &dreamer.workshop;
    let path = workshop.evaluation();
    if let Some(known) = fs::read(&path)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
    {
        return Ok(known);
    }
    let world = WorldModel::new(Checkpoint::read(workshop.labelled())?, dreamer.device)?;
    let dataset = footage_to_compare(dreamer)?;
    let training = Dataset::open(&workshop.training())?;
    let truth = known_actions(&dataset);
    // What was pressed is unknown to the world, so that the judge may learn it where there is most of it.
    let learn = (dataset.folder() != training.folder()).then(|| known_actions(&training));
    let learn = learn.flatten();
    let known = truth.as_ref().map(|actions| KnownActions {
        actions,
        learn: learn.as_ref().map(|truth| (&training, truth)),
    });
    let options = evaluate_options(dreamer);
    let advance = dreamer.advance(Stage::Evaluate);
    let evaluation = evaluate_world(&world, &dataset, known, &options, &advance)?;
    write_json(&path, &evaluation)?;
    Ok(evaluation)
}

/// Writes the world, its prompts and the report, in this order: whatever is in the way of the others, the world is there.
pub(super) fn report(
    dreamer: &Dreamer<'_>,
    outputs: &Outputs,
    config: &TrainConfig,
    evaluation: &Evaluation,
) -> Result<Dreamt, DreamError> {
    dreamer.go_on()?;
    dreamer.status(Stage::Report, 0.0);
    let workshop = &dreamer.workshop;
    let run = workshop.run();
    let training = Dataset::open(&workshop.training())?;
    let inspection = Inspection::of(&training)?;
    let imported = workshop.imported();
    let acted = Acted::of(&run, &training, config);
    let nobody_acts = acted.as_ref().and_then(health::nobody_acts);
    let acts = acted.is_some() && nobody_acts.is_none();
    let mut findings = inspection.findings_with(acts);
    findings.extend(took_too_long(imported.seconds, dreamer.time()));
    findings.extend(health::of_windows(&training, config));
    findings.extend(nobody_acts);
    findings.extend(health::of_training(&run, config));
    findings.extend(health::of_world(evaluation));
    let labelled = workshop.labelled();
    let world = WorldModel::new(Checkpoint::read(&labelled)?, dreamer.device)?;
    let footage = footage_to_compare(dreamer)?;
    let advance = dreamer.advance(Stage::Report);
    let pictures = pictures(&world, &footage, dreamer.options.seed, &advance)?;
    let out = &outputs.world;
    let copy = || -> std::io::Result<()> {
        atomic_file::write_with(out, |file| {
            std::io::copy(&mut fs::File::open(&labelled)?, file).map(drop)
        })
    };
    copy().map_err(DreamError::io("write", out))?;
    let prompts = prompts::write(&WorldParts::new(&world)?, &training, &outputs.prompts)?;
    let seconds = dreamer.seconds();
    let name = out
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let page = page(&Told {
        name: &name,
        imported: &imported,
        inspection: &inspection,
        config,
        tokenizer: &metrics::read(&run, "tokenizer"),
        dynamics: &metrics::read(&run, "dynamics"),
        evaluation,
        findings: &findings,
        pictures: &pictures,
        played: &world.config().dynamics,
        seconds,
    });
    let report = outputs.report.clone();
    atomic_file::write(&report, page.as_bytes()).map_err(DreamError::io("write", &report))?;
    dreamer.status(Stage::Report, 1.0);
    Ok(Dreamt {
        damaged: imported.damaged || !imported.unreadable.is_empty(),
        unreadable: imported.unreadable,
        remarks: imported.remarks,
        world: out.clone(),
        report,
        prompts,
        findings,
        seconds,
    })
}
