//! The report: one page with everything in it.

use std::fmt::Write as _;

use genie_model::DynamicsConfig;

use super::curves::curves;
use super::data_uri;
use super::imported::Imported;
use super::metrics::{Metrics, Series};
use super::pictures::Pictures;
use super::preset_choice::preset_of;
use crate::evaluate::Evaluation;
use crate::ingest::{Finding, Inspection, pace_in_words};
use crate::train::TrainConfig;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1a202c;background:#fff}h1,h2{line-height:1.2}img{image-rendering:pixelated;max-width:100%;background:#18181c}\
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}\
td.figure{white-space:nowrap;font-variant-numeric:tabular-nums}figure{display:inline-block;margin:.5rem 1rem .5rem 0;width:26rem;\
max-width:100%}figcaption{font-size:.9rem;color:#555}svg{width:100%;font-size:9px}svg .grid{stroke:#ddd}svg text{fill:currentColor}\
.findings li{margin-bottom:.6rem}.remedy{color:#555}@media(prefers-color-scheme:dark){body{color:#e2e8f0;background:#16181d}\
td,th{border-color:#333}figcaption,.remedy{color:#a0aec0}svg .grid{stroke:#333}}";

/// Everything that the page shows.
pub(super) struct Told<'a> {
    pub(super) name: &'a str,
    pub(super) imported: &'a Imported,
    pub(super) inspection: &'a Inspection,
    pub(super) config: &'a TrainConfig,
    pub(super) tokenizer: &'a Metrics,
    pub(super) dynamics: &'a Metrics,
    pub(super) evaluation: &'a Evaluation,
    pub(super) findings: &'a [Finding],
    pub(super) pictures: &'a Pictures,
    /// How the world is played.
    pub(super) played: &'a DynamicsConfig,
    pub(super) seconds: f64,
}

/// Text as it stands in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The page.
pub(super) fn page(told: &Told) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}</title><style>{STYLE}</style><h1>{name}</h1><p>{}</p>",
        summary(told),
        name = escaped(told.name),
    );
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<h2>What to do about it</h2>{}",
        findings(told.findings)
    );
    let image = |bytes: &[u8], what: &str| {
        format!(
            "<img alt=\"{}\" src=\"{}\">",
            escaped(what),
            data_uri::png(bytes)
        )
    };
    let _ = write!(
        page,
        "<h2>What each action does</h2><p>From one frame, which shows the player where one was found, each action is held for the length of a strip. Strips that look \
         alike are actions that do the same here.</p><table>"
    );
    for (number, (name, strip)) in told.pictures.actions.iter().enumerate() {
        let usage = told.evaluation.usage.get(number).map_or(0.0, |a| a.usage);
        let _ = write!(
            page,
            "<tr><td class=\"figure\">{number} {}<br>{:.0} % of the footage</td><td>{}</td></tr>",
            escaped(name),
            100.0 * usage,
            image(strip, name)
        );
    }
    let _ = write!(
        page,
        "</table><h2>Beside the real thing</h2><p>Real frames, and below them what the world makes of the first one under the \
         actions that it sees in the real ones. This footage was held out of the training.</p>{}",
        image(&told.pictures.rollouts, "real clips above generated ones")
    );
    let _ = write!(
        page,
        "<h2>Reconstructions</h2><p>Real frames, and below them what is left of them when they become tokens: the world cannot \
         look better than that.</p>{}",
        image(
            &told.pictures.reconstructions,
            "real frames above rebuilt ones"
        )
    );
    let _ = write!(
        page,
        "<h2>Figures</h2><p>Played at a temperature of {:.2} and an action guidance of {:.1}, under which it stays near the \
         footage of the training and obeys.</p>{}",
        told.played.temperature,
        told.played.action_guidance,
        figures(told.evaluation)
    );
    let _ = write!(page, "<h2>Training</h2>{}", training(told));
    let _ = write!(page, "<h2>Footage</h2>{}</html>", footage(told));
    page
}

fn summary(told: &Told) -> String {
    let minutes = told.inspection.seconds / 60.0;
    let worst = if told.findings.is_empty() {
        "Nothing stands against it.".to_owned()
    } else {
        let things = match told.findings.len() {
            1 => "One thing stands".to_owned(),
            several => format!("{several} things stand"),
        };
        format!("{things} against it; what helps is below.")
    };
    format!(
        "A world of {} actions at {} frames a second, learned from {minutes:.1} minutes of footage in {:.1} minutes. {worst}",
        told.evaluation.usage.len(),
        pace_in_words(f64::from(told.config.model.frames_per_second)),
        told.seconds / 60.0,
    )
}

fn findings(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "<p>None of the checks found anything.</p>".to_owned();
    }
    let mut list = "<ul class=\"findings\">".to_owned();
    for finding in findings {
        let _ = write!(
            list,
            "<li>{}.<br><span class=\"remedy\">What helps: {}.</span></li>",
            escaped(&finding.what),
            escaped(&finding.remedy)
        );
    }
    list + "</ul>"
}

fn figures(evaluation: &Evaluation) -> String {
    let mut table = "<table>".to_owned();
    let mut row = |name: &str, figure: String, means: &str| {
        let _ = write!(
            table,
            "<tr><td>{name}</td><td class=\"figure\">{figure}</td><td>{means}</td></tr>"
        );
    };
    let control = &evaluation.controllability;
    row(
        "Reconstruction",
        format!("{:.1} dB", evaluation.tokenizer_psnr),
        "PSNR of frames that went through the tokenizer. From 30 dB on they can hardly be distinguished from the real ones; below 24 dB \
         small things are lost.",
    );
    row(
        "Controllability",
        format!(
            "{:+.2} ± {:.2} dB",
            control.one_prompt_frame.delta_psnr, control.one_prompt_frame.delta_standard_error
        ),
        "How much nearer to the real frames a rollout is under the actions seen in them than under random ones, after four \
         frames. Above 0: actions matter.",
    );
    row(
        "Prediction",
        format!(
            "{:.1} dB, standing still {:.1} dB",
            control.one_prompt_frame.inferred_psnr, control.copy_psnr
        ),
        "PSNR against the real frame four frames on, of the world and of a picture that never moves.",
    );
    for horizon in &evaluation.faithfulness.horizons {
        row(
            &format!("Faithfulness after {} frames", horizon.horizon),
            format!(
                "{:.2} (chance {:.2})",
                horizon.faithfulness, evaluation.faithfulness.chance
            ),
            "How often the model, shown what it generated, names the action that was commanded. It judges itself: useful, no \
             proof.",
        );
    }
    for at in evaluation.obedience.iter().flat_map(|it| &it.horizons) {
        if let (Some(score), Some(error)) = (at.score, at.score_standard_error) {
            row(
                &format!("Obedience after {} frames", at.horizon),
                format!("{score:.2} ± {error:.2}"),
                "Whether dreams show what was commanded, by a judge that has learnt from real footage alone: 1 as in the game, 0 not \
                 at all.",
            );
        }
    }
    if let Some(actions) = &evaluation.actions {
        row(
            "Information about what was pressed",
            format!(
                "{:.2} of {:.2} visible nats",
                actions.information, actions.visible_information
            ),
            "Information of the learned actions about the true ones, and what a classifier that was trained on the true ones can see.",
        );
    }
    if let Some(truth) = &evaluation.true_actions {
        row(
            "Agreement with what was pressed",
            format!("{:.2}", truth.all.normalised),
            "Mutual information of learned and true actions, from 0 (none) to 1 (the same). The training did not see the true ones.",
        );
    }
    table + "</table>"
}

fn training(told: &Told) -> String {
    let series = |metrics: &Metrics, name: &str| -> Series {
        metrics.get(name).cloned().unwrap_or_default()
    };
    let psnr = series(told.tokenizer, "psnr");
    let used = series(told.tokenizer, "codes_used");
    let entropy = series(told.dynamics, "cross_entropy");
    let own = series(told.dynamics, "changed_right");
    let random = series(told.dynamics, "changed_right_random");
    let transformer = &told.config.model.dynamics.transformer;
    let mut text = format!(
        "<p>{}{} layers of width {} in the dynamics; {} steps of the tokenizer, {} of actions and dynamics.</p>",
        preset_of(told.config).map_or_else(String::new, |preset| format!("The preset {preset}: ")),
        transformer.layers,
        transformer.width,
        told.config.tokenizer.steps,
        told.config.dynamics.steps
    );
    text += &curves(
        "Tokenizer: PSNR of training frames in dB",
        &[("PSNR", &psnr)],
    );
    text += &curves("Tokenizer: codes in use", &[("codes", &used)]);
    text += &curves(
        "Dynamics: cross-entropy of masked tokens",
        &[("cross-entropy", &entropy)],
    );
    text += &curves(
        "Dynamics: share of what changes that is right",
        &[
            ("with the own action", &own),
            ("with a random one", &random),
        ],
    );
    text
}

fn footage(told: &Told) -> String {
    let Imported {
        clips,
        frames,
        frames_per_second,
        pace,
        unreadable,
        left_out,
        remarks,
        ..
    } = told.imported;
    let mut text = format!(
        "<p>{frames} frames in {clips} clips at {} frames a second: {}.</p>",
        pace_in_words(*frames_per_second),
        escaped(pace)
    );
    let look = told.inspection;
    let moved = look.pixels_per_frame.map_or_else(
        || "nothing moves as a whole".to_owned(),
        |pixels| format!("what moves fast goes {pixels:.1} pixels (of 64) a frame"),
    );
    let _ = write!(
        text,
        "<p>Something moves in {:.0} % of its frames; {moved}.</p>",
        100.0 * look.moving
    );
    for (title, list) in [
        ("Left out", left_out),
        ("Could not be read", unreadable),
        ("Skipped, changed or assumed", remarks),
    ] {
        if !list.is_empty() {
            let _ = write!(text, "<p>{title}:</p><ul>");
            for line in list {
                let _ = write!(text, "<li>{}</li>", escaped(line));
            }
            text += "</ul>";
        }
    }
    text
}
