//! What stands against a good world, each with its remedy.

use std::path::Path;

use genie_model::QuantizerConfig;

use super::metrics::{self, Metrics};
use crate::dataset::{Dataset, ShortClips};
use crate::evaluate::Evaluation;
use crate::ingest::Finding;
use crate::train::TrainConfig;

/// Share of the tokenizer's codes below which most of them are dead.
const LEAST_CODES: f64 = 0.05;
/// PSNR of reconstructions below which small things are lost, in dB.
const LEAST_PSNR: f64 = 24.0;
/// Share of transitions from which one action takes nearly all.
const MOST_USAGE: f64 = 0.85;
/// How much better the dynamics do with the own action than with a random one, as a share of changed tokens.
const LEAST_EFFECT: f64 = 0.01;
/// By how much the error must still fall over the last fifth of a phase for more time to help.
const STILL_FALLING: f64 = 0.05;

fn finding(what: String, remedy: &str) -> Finding {
    Finding {
        what,
        remedy: remedy.to_owned(),
    }
}

/// Clips that are shorter than the windows of a training: nothing is learned from them.
pub(super) fn of_windows(training: &Dataset, config: &TrainConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, phase) in [
        ("actions and dynamics are", &config.dynamics),
        ("the tokenizer is", &config.tokenizer),
    ] {
        let short = ShortClips::of(training, phase.clip_frames);
        if short.clips > 0 {
            findings.push(finding(
                format!("{short}: {what} not trained on them"),
                "footage with fewer cuts, more frames a second (--fps), or --keep-all, which parts no clip where scenes cut",
            ));
        }
    }
    findings
}

/// The tokenizer after its phase.
fn of_tokenizer(metrics: &Metrics, config: &TrainConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(used), QuantizerConfig::Vq { codes, .. }) = (
        metrics.get("codes_used").and_then(metrics::Series::at_end),
        &config.model.tokenizer.quantizer,
    ) && used < LEAST_CODES * *codes as f64
    {
        findings.push(finding(
            format!("the codebook has collapsed: {used:.0} of {codes} codes are in use"),
            "more varied footage, or a lower tokenizer.learning_rate; footage of few colours needs no more codes than it has \
             patches",
        ));
    }
    findings
}

/// Both phases after their end.
pub(super) fn of_training(run: &Path, config: &TrainConfig) -> Vec<Finding> {
    let mut findings = of_tokenizer(&metrics::read(run, "tokenizer"), config);
    findings.extend(of_dynamics(&metrics::read(run, "dynamics")));
    findings
}

/// What is to be seen while the training goes on.
pub(super) fn on_the_way(run: &Path, config: &TrainConfig) -> Vec<Finding> {
    let mut findings = of_tokenizer(&metrics::read(run, "tokenizer"), config);
    findings.extend(ignored_actions(&metrics::read(run, "dynamics")));
    findings
}

/// Whether the dynamics pass over the actions.
fn ignored_actions(metrics: &Metrics) -> Option<Finding> {
    let at_end = |name: &str| metrics.get(name).and_then(metrics::Series::at_end);
    if let (Some(own), Some(random)) = (at_end("changed_right"), at_end("changed_right_random"))
        && own - random < LEAST_EFFECT
    {
        return Some(finding(
            format!(
                "the dynamics ignore the actions: {:.1} % of what changes is right with the own action, and {:.1} % with a random one",
                100.0 * own,
                100.0 * random
            ),
            "more time (--hours), or footage in which somebody acts all the time; crop away what moves by itself",
        ));
    }
    None
}

/// Latent actions and dynamics after their phase.
fn of_dynamics(metrics: &Metrics) -> Vec<Finding> {
    let mut findings = Vec::from_iter(ignored_actions(metrics));
    if let Some(series) = metrics.get("cross_entropy") {
        let points = &series.points;
        let mean = |points: &[(f64, f64)]| {
            points.iter().map(|(_, value)| value).sum::<f64>() / points.len().max(1) as f64
        };
        let fifth = points.len() / 5;
        if fifth >= 2 {
            let (before, last) = (
                mean(&points[points.len() - 2 * fifth..points.len() - fifth]),
                mean(&points[points.len() - fifth..]),
            );
            if before > 0.0 && (before - last) / before > STILL_FALLING {
                findings.push(finding(
                    format!(
                        "the dynamics were still learning: their cross-entropy fell from {before:.2} to {last:.2} in the last fifth"
                    ),
                    "more time: the same command with a larger --hours goes on from here",
                ));
            }
        }
    }
    findings
}

/// The world, beside footage that it never saw.
pub(super) fn of_world(evaluation: &Evaluation) -> Vec<Finding> {
    let mut findings = Vec::new();
    if evaluation.tokenizer_psnr < LEAST_PSNR {
        findings.push(finding(
            format!(
                "frames are rebuilt at {:.1} dB: small things blur or vanish",
                evaluation.tokenizer_psnr
            ),
            "more time, or a part of the picture (--crop) in which the player is larger",
        ));
    }
    if let Some(most) = evaluation
        .usage
        .iter()
        .max_by(|a, b| a.usage.total_cmp(&b.usage))
        && most.usage > MOST_USAGE
    {
        findings.push(finding(
            format!(
                "one action ({}) takes {:.0} % of all transitions",
                most.name,
                100.0 * most.usage
            ),
            "footage with more variety of play, or fewer --latent-actions; leave out segments in which nobody plays",
        ));
    }
    let control = &evaluation.controllability.one_prompt_frame;
    if control.delta_psnr < 2.0 * control.delta_standard_error || control.delta_psnr < 0.1 {
        findings.push(finding(
            format!(
                "actions hardly change what comes: {:+.2} ± {:.2} dB against random ones",
                control.delta_psnr, control.delta_standard_error
            ),
            "more time, more footage, or another pace (--fps) at which what is pressed shows from one frame to the next",
        ));
    }
    if control.inferred_psnr < evaluation.controllability.copy_psnr {
        findings.push(finding(
            format!(
                "four frames on, a picture that stands still is nearer to the truth ({:.1} dB) than the world ({:.1} dB)",
                evaluation.controllability.copy_psnr, control.inferred_psnr
            ),
            "more time (--hours); in slow games this is no fault: compare the pictures of the rollouts",
        ));
    }
    findings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};
    use metrics::Series;

    fn series(values: &[f64]) -> Series {
        Series {
            points: values
                .iter()
                .enumerate()
                .map(|(step, &value)| (step as f64, value))
                .collect(),
        }
    }

    #[test]
    fn collapse_and_ignored_actions_are_found_and_a_good_training_is_not() {
        let config = TrainConfig::platformer();
        let mut metrics = Metrics::new();
        metrics.insert("codes_used".to_owned(), series(&[900.0, 12.0]));
        assert_eq!(of_tokenizer(&metrics, &config).len(), 1);
        metrics.insert("codes_used".to_owned(), series(&[900.0, 700.0]));
        assert_eq!(of_tokenizer(&metrics, &config), []);
        let mut metrics = Metrics::new();
        metrics.insert("changed_right".to_owned(), series(&[0.2, 0.4]));
        metrics.insert("changed_right_random".to_owned(), series(&[0.2, 0.399]));
        metrics.insert("cross_entropy".to_owned(), series(&[1.0; 20]));
        let found = of_dynamics(&metrics);
        assert!(
            found.len() == 1 && found[0].what.contains("ignore"),
            "{found:?}"
        );
        metrics.insert("changed_right_random".to_owned(), series(&[0.2, 0.2]));
        assert_eq!(of_dynamics(&metrics), []);
        let falling: Vec<f64> = (0..20).map(|step| 3.0 - 0.1 * f64::from(step)).collect();
        metrics.insert("cross_entropy".to_owned(), series(&falling));
        assert!(of_dynamics(&metrics)[0].remedy.contains("--hours"));
    }

    #[test]
    fn clips_that_no_step_sees_are_found_with_their_share() {
        let folder = tempfile::tempdir().unwrap();
        let format = FrameFormat {
            height: 2,
            width: 2,
            frames_per_second: 10.0,
        };
        let mut writer = DatasetWriter::create(folder.path(), format).unwrap();
        for frames in [7, 60, 13, 20] {
            let pixels = vec![7; frames * format.frame_bytes()];
            writer.push_clip(&pixels, None).unwrap();
        }
        let dataset = writer.finish().unwrap();
        let mut config = TrainConfig::game();
        (config.tokenizer.clip_frames, config.dynamics.clip_frames) = (8, 16);
        let found = of_windows(&dataset, &config);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0]
                .what
                .starts_with("2 of 4 clips (20 of 100 frames, 20 %)"),
            "{found:?}"
        );
        assert!(found[1].what.contains("the tokenizer"), "{found:?}");
        (config.tokenizer.clip_frames, config.dynamics.clip_frames) = (7, 7);
        assert_eq!(of_windows(&dataset, &config), []);
    }
}
