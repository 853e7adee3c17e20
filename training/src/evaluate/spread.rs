//! How figures vary between evaluations of one world: with other prompts and random numbers, or on other footage.

use std::fmt::{Display, Formatter, Result};

use serde::{Deserialize, Serialize};

use super::Evaluation;
use super::statistics::{mean, standard_deviation};

/// The figures of several evaluations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Each figure over all evaluations that have it.
    pub figures: Vec<FigureSpread>,
}

/// One figure over several evaluations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureSpread {
    /// Its name and unit.
    pub name: String,
    /// Its values, in the order of the evaluations.
    pub values: Vec<f64>,
    /// Mean of the values.
    pub mean: f64,
    /// Standard deviation of the values; 0 of fewer than two.
    pub deviation: f64,
}

impl Spread {
    /// The spread over these evaluations.
    pub fn of(evaluations: &[Evaluation]) -> Self {
        let mut figures: Vec<FigureSpread> = Vec::new();
        for (name, value) in evaluations.iter().flat_map(quoted_figures) {
            match figures.iter_mut().find(|figure| figure.name == name) {
                Some(figure) => figure.values.push(value),
                None => figures.push(FigureSpread {
                    name,
                    values: vec![value],
                    mean: 0.0,
                    deviation: 0.0,
                }),
            }
        }
        for figure in &mut figures {
            figure.mean = mean(&figure.values);
            figure.deviation = standard_deviation(&figure.values);
        }
        Self { figures }
    }
}

/// The figures by which worlds are compared, in the order of the table.
fn quoted_figures(evaluation: &Evaluation) -> Vec<(String, f64)> {
    let control = &evaluation.controllability;
    let mut figures = vec![
        ("tokenizer PSNR, dB".to_owned(), evaluation.tokenizer_psnr),
        (
            "delta-PSNR, one prompt frame, dB".to_owned(),
            control.one_prompt_frame.delta_psnr,
        ),
        (
            "delta-PSNR, two prompt frames, dB".to_owned(),
            control.two_prompt_frames.delta_psnr,
        ),
    ];
    if let Some(one) = &evaluation.one_picture {
        figures.push(("one picture, PSNR, dB".to_owned(), one.psnr));
        figures.push(("one picture, SSIM".to_owned(), one.ssim));
    }
    if let Some(health) = &evaluation.health {
        figures.push(("gap on changed tokens, nats".to_owned(), health.gap));
        figures.push(("explained share of changes".to_owned(), health.explained));
    }
    for at in &evaluation.faithfulness.horizons {
        let name = format!("faithfulness at {}", at.horizon);
        figures.push((name, at.faithfulness));
    }
    figures.push((
        "adjacency violations, share".to_owned(),
        evaluation.adjacency_violations.generated,
    ));
    for after in evaluation.survival.iter().flat_map(|it| &it.after) {
        let name = format!("exactly one hero after {}", after.frames);
        figures.push((name, after.shares.exactly_one));
    }
    if let Some(actions) = &evaluation.actions {
        let information = "information on true actions, nats".to_owned();
        figures.push((information, actions.information));
        let ratio = actions.ratio.into_iter();
        figures.extend(ratio.map(|ratio| ("information over visible".to_owned(), ratio)));
    }
    for at in evaluation.obedience.iter().flat_map(|it| &it.horizons) {
        let name = format!("obedience at {}", at.horizon);
        figures.extend(at.score.map(|score| (name, score)));
    }
    if let Some(known) = &evaluation.true_actions {
        let parts = [("direction", known.steer), ("jump", known.jump)];
        for (name, information) in parts {
            let name = format!("information on {name}, nats");
            figures.extend(information.map(|information| (name, information.nats)));
        }
    }
    if let Some(blocked) = &evaluation.blocked_actions {
        let name = "blocked actions as in the footage".to_owned();
        figures.push((name, blocked.as_in_footage()));
    }
    figures
}

impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "{:<36} {:>8}  {:>9}  {:>8}  {:>8}",
            "over all evaluations", "mean", "deviation", "least", "most"
        )?;
        for figure in &self.figures {
            let values = figure.values.iter().copied();
            let least = values.clone().fold(f64::INFINITY, f64::min);
            let most = values.fold(f64::NEG_INFINITY, f64::max);
            writeln!(
                f,
                "{:<36} {:8.3}  {:9.3}  {least:8.3}  {most:8.3}",
                figure.name, figure.mean, figure.deviation
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::tests::{tiny_dataset, tiny_world};
    use crate::evaluate::{EvaluateOptions, evaluate};

    #[test]
    fn figures_vary_with_the_seed_and_the_table_says_how_much() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 6, 40);
        let world = tiny_world(1);
        let evaluations = [1, 2].map(|seed| {
            let options = EvaluateOptions {
                clips: 4,
                horizon: 1,
                survival: 1,
                seed,
                ..EvaluateOptions::default()
            };
            evaluate(&world, &dataset, None, &options, &|_| Ok(())).unwrap()
        });
        let spread = Spread::of(&evaluations);
        let psnr = &spread.figures[0];
        let values = evaluations.each_ref().map(|it| it.tokenizer_psnr);
        assert_eq!(psnr.values, values);
        assert!((psnr.mean - f64::midpoint(values[0], values[1])).abs() < 1e-9);
        let expected = (values[0] - values[1]).abs() / 2f64.sqrt();
        assert!(psnr.deviation > 0.0 && (psnr.deviation - expected).abs() < 1e-9);
        let table = spread.to_string();
        assert_eq!(table.lines().count(), spread.figures.len() + 1);
        assert!(table.contains("faithfulness at 1"), "{table}");
        assert!(!table.contains("direction"), "true actions are not known");
    }
}
