//! What stands against a good world, each with its remedy.

use std::path::Path;

use genie_model::QuantizerConfig;

use super::acted::Acted;
use super::metrics::{self, Metrics};
use crate::dataset::Dataset;
use crate::evaluate::Evaluation;
use crate::ingest::Finding;
use crate::train::{TrainConfig, passed_over};

/// Share of the tokenizer's codes below which most of them are dead.
const LEAST_CODES: f64 = 0.05;
/// PSNR of reconstructions below which small things are lost, in dB.
const LEAST_PSNR: f64 = 24.0;
/// Share of transitions from which one action takes nearly all.
const MOST_USAGE: f64 = 0.85;
/// Share of transitions in which the player may stand.
const MOST_STANDING: f64 = 0.9;
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
    passed_over(training, config)
        .map(|(phase, short)| {
            finding(
                format!("{short}: the {phase} is not trained on them"),
                "footage with fewer cuts, more frames a second (--fps), or --keep-all, which parts no clip where scenes cut",
            )
        })
        .collect()
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
    let dynamics = metrics::read(run, "dynamics");
    findings.extend(ignored_actions(&dynamics));
    findings.extend(single_action(&dynamics));
    findings
}

/// Whether an encoder that learns its actions has come to use one of them alone.
fn single_action(metrics: &Metrics) -> Option<Finding> {
    let used = metrics.get("actions_used")?.at_end()?;
    (used < 1.5).then(|| one_action_takes("the only one in use", 1.0))
}

fn one_action_takes(name: &str, share: f64) -> Finding {
    finding(
        format!(
            "one action ({name}) takes {:.0} % of all transitions",
            100.0 * share
        ),
        "footage with more variety of play, or fewer --latent-actions; leave out segments in which nobody plays",
    )
}

/// What is done in the footage, before anything is learned from it.
pub(super) fn of_acted(acted: &Acted) -> Vec<Finding> {
    let most = acted.most.as_ref().filter(|(_, share)| *share > MOST_USAGE);
    let mut findings: Vec<_> = most
        .map(|(name, share)| one_action_takes(name, *share))
        .into_iter()
        .collect();
    findings.extend(nobody_acts(acted));
    findings
}

/// Whether the player hardly moves: what moves then are others, or the scene.
pub(super) fn nobody_acts(acted: &Acted) -> Option<Finding> {
    let standing = acted.standing.filter(|share| *share >= MOST_STANDING)?;
    Some(finding(
        format!(
            "the player stands, or is not in sight, in {:.0} % of the transitions",
            100.0 * standing
        ),
        "leave out segments in which nobody plays (--start, --end), or take fewer frames a second (--fps), so that a step shows from one \
         to the next; what was taken for the player is in the report's strips: crop (--crop) to where the real one is",
    ))
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
        findings.push(one_action_takes(&most.name, most.usage));
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
    use crate::evaluate::{
        ActionUsage, AdjacencyViolations, Controllability, EvaluateOptions, Faithfulness,
        PromptFigures,
    };
    use metrics::Series;

    /// An evaluation of a good world.
    fn evaluation() -> Evaluation {
        let figures = PromptFigures {
            inferred_psnr: 25.0,
            random_psnr: 24.0,
            delta_psnr: 1.0,
            delta_standard_error: 0.1,
            inferred_by_step: Vec::new(),
            random_by_step: Vec::new(),
        };
        let usage = |action: usize, usage: f64| ActionUsage {
            action,
            name: format!("action_{action}"),
            usage,
            in_use: true,
        };
        Evaluation {
            options: EvaluateOptions::default(),
            tokenizer_psnr: 32.0,
            controllability: Controllability {
                one_prompt_frame: figures.clone(),
                two_prompt_frames: figures,
                copy_psnr: 20.0,
            },
            one_picture: None,
            health: None,
            usage: vec![usage(0, 0.6), usage(1, 0.4)],
            faithfulness: Faithfulness {
                chance: 0.5,
                horizons: Vec::new(),
            },
            adjacency_violations: AdjacencyViolations {
                real: 0.0,
                generated: 0.0,
            },
            survival: None,
            actions: None,
            obedience: None,
            true_actions: None,
            blocked_actions: None,
        }
    }

    #[test]
    fn what_is_poor_about_a_world_is_said_and_nothing_of_a_good_one() {
        let said = |change: &dyn Fn(&mut Evaluation)| {
            let mut evaluation = evaluation();
            change(&mut evaluation);
            let found = of_world(&evaluation);
            assert!(found.iter().all(|it| !it.remedy.is_empty()));
            found.into_iter().map(|it| it.what).collect::<Vec<_>>()
        };
        assert_eq!(said(&|_| ()), Vec::<String>::new());
        let one = |change: &dyn Fn(&mut Evaluation), words: &str| {
            let found = said(change);
            assert!(
                found.len() == 1 && found[0].contains(words),
                "{words}: {found:?}"
            );
        };
        one(&|it| it.tokenizer_psnr = 20.0, "rebuilt at 20.0 dB");
        one(
            &|it| it.usage[1].usage = 0.9,
            "one action (action_1) takes 90 %",
        );
        one(
            &|it| it.controllability.one_prompt_frame.delta_standard_error = 0.8,
            "actions hardly change what comes",
        );
        one(
            &|it| it.controllability.one_prompt_frame.delta_psnr = 0.05,
            "actions hardly change what comes",
        );
        one(&|it| it.controllability.copy_psnr = 26.0, "stands still");
    }

    #[test]
    fn footage_in_which_one_thing_is_done_or_nobody_acts_is_known_before_it_is_learned() {
        let acted = |most: f64, standing: f64| Acted {
            most: Some(("right".to_owned(), most)),
            standing: Some(standing),
        };
        assert_eq!(of_acted(&acted(0.5, 0.6)), []);
        let found = of_acted(&acted(0.9, 0.93));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].what.contains("one action (right) takes 90 %"),
            "{found:?}"
        );
        assert!(
            found[1].what.contains("the player stands") && found[1].what.contains("93 %"),
            "{found:?}"
        );
        // An encoder says only how many it uses.
        let mut metrics = Metrics::new();
        metrics.insert("actions_used".to_owned(), series(&[6.0, 4.0]));
        assert_eq!(single_action(&metrics), None);
        metrics.insert("actions_used".to_owned(), series(&[6.0, 1.0]));
        assert!(single_action(&metrics).is_some());
    }

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
