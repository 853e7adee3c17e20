//! Obedience: whether dreams show the true action that the commanded latent action stands for, as the judge sees it.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result as FmtResult};

use serde::{Deserialize, Serialize};

use super::horizons::Horizon;
use super::verdicts::{Recognition, Verdicts};

/// The judge must beat chance by this much on real footage; below that it cannot judge dreams.
const LEAST_GAIN: f64 = 0.03;

/// Whether dreams obey, by a judge that has seen real footage alone.
///
/// Each latent action in use is taken to stand for the true action that leads to it most often on clips that are not scored. Every
/// latent action counts alike, in dreams and in footage. Chance is the same verdicts with the commands dealt out at random. `score` is
/// what the judge recognises in dreams beyond chance, over what it recognises in real footage beyond chance: 1 where commands show in
/// dreams as well as true actions do in the game, 0 where dreams ignore them. What the judge cannot see in footage weighs nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Obedience {
    /// Dreams, one entry for each horizon.
    pub horizons: Vec<HorizonObedience>,
    /// The judge on real footage: how often it names the true actions that the commanded latent actions stand for.
    pub footage: Recognised,
    /// The judge on real footage, by the latent action inferred from it: a dream that is like the footage with that action comes to
    /// this.
    pub inferred: Recognised,
    /// What each latent action in use stands for.
    pub actions: Vec<CommandedAction>,
    /// True actions that the judge has learnt; those that no latent action in use stands for cannot be played.
    #[serde(default)]
    pub true_actions: usize,
}

/// What the judge recognises.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recognised {
    /// Mean, over the latent actions, of the share of transitions in which it names the true action.
    pub accuracy: f64,
    /// The same for actions dealt out at random.
    pub chance: f64,
    /// Standard error of the accuracy over clips.
    pub standard_error: f64,
    /// Transitions judged.
    pub transitions: u64,
}

/// Obedience after so many steps of dreaming.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonObedience {
    /// First step judged, counted from 1.
    pub horizon: usize,
    /// Last step judged.
    pub last: usize,
    /// The judge on dreams.
    pub dream: Recognised,
    /// Gain of dreams over chance, as a share of that of footage; `None` where the judge sees too little in footage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score: Option<f64>,
    /// Standard error of the score over clips.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score_standard_error: Option<f64>,
    /// The same as a share of the gain on footage by inferred latent action.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score_of_inferred: Option<f64>,
    /// For each entry of [`Obedience::actions`], the share of its dreams that show its true action.
    pub shown: Vec<f64>,
}

/// A latent action and what it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandedAction {
    /// Its number.
    pub action: usize,
    /// Its label.
    pub name: String,
    /// Number of the true action.
    pub stands_for: usize,
    /// Share of the real transitions with this latent action in which that was done.
    pub share: f64,
    /// Share of the real transitions with that true action in which the judge names it.
    pub seen: f64,
}

/// Everything that [`Obedience`] is computed from.
pub(super) struct Evidence {
    /// What each latent action in use stands for; `seen` is filled in.
    pub(super) actions: Vec<CommandedAction>,
    /// True actions that the judge has learnt.
    pub(super) true_actions: usize,
    /// Verdicts on footage by true action, and by inferred latent action.
    pub(super) by_truth: Verdicts,
    pub(super) by_latent: Verdicts,
    /// For each horizon, verdicts on dreams by commanded latent action.
    pub(super) dreams: Vec<(Horizon, Verdicts)>,
}

impl Obedience {
    /// Weighs the evidence; `None` where there is nothing to weigh.
    pub(super) fn of(evidence: Evidence) -> Option<Self> {
        let Evidence {
            mut actions,
            true_actions,
            by_truth,
            by_latent,
            dreams,
        } = evidence;
        if actions.is_empty() || dreams.is_empty() || by_truth.total() == 0 {
            return None;
        }
        for action in &mut actions {
            action.seen = by_truth.rate(action.stands_for, action.stands_for);
        }
        let of_latent: Vec<(usize, usize)> = (actions.iter())
            .map(|it| (it.action, it.stands_for))
            .collect();
        let of_truth: Vec<(usize, usize)> = (actions.iter())
            .map(|it| (it.stands_for, it.stands_for))
            .collect();
        let horizons = dreams
            .iter()
            .map(|(horizon, verdicts)| {
                // Latent actions that no dream was commanded count nowhere.
                let some = |entries: &[(usize, usize)]| -> Vec<(usize, usize)> {
                    let commanded = actions.iter().zip(entries);
                    commanded
                        .filter(|(action, _)| verdicts.of_row(action.action) > 0)
                        .map(|(_, &entry)| entry)
                        .collect()
                };
                let (of_latent, of_truth) = (some(&of_latent), some(&of_truth));
                let score = |without: Option<usize>| {
                    let footage = by_truth.recognition(&of_truth, without);
                    let dream = verdicts.recognition(&of_latent, without);
                    (footage.gain() >= LEAST_GAIN).then(|| dream.gain() / footage.gain())
                };
                let clips: BTreeSet<usize> = verdicts.clips().collect();
                let left_out: Vec<f64> =
                    clips.iter().filter_map(|&clip| score(Some(clip))).collect();
                let inferred = by_latent.recognition(&of_latent, None).gain();
                let dream = verdicts.recognition(&of_latent, None).gain();
                HorizonObedience {
                    horizon: horizon.first,
                    last: horizon.last,
                    dream: Recognised::of(verdicts, &of_latent),
                    score: score(None),
                    score_standard_error: score(None).map(|_| jackknife(&left_out)),
                    score_of_inferred: (inferred >= LEAST_GAIN).then(|| dream / inferred),
                    shown: (actions.iter())
                        .map(|it| verdicts.rate(it.action, it.stands_for))
                        .collect(),
                }
            })
            .collect();
        Some(Self {
            horizons,
            footage: Recognised::of(&by_truth, &of_truth),
            inferred: Recognised::of(&by_latent, &of_latent),
            actions,
            true_actions,
        })
    }

    /// True actions that some latent action in use stands for.
    pub fn playable(&self) -> usize {
        let played: BTreeSet<usize> = self.actions.iter().map(|it| it.stands_for).collect();
        played.len()
    }
}

impl Recognised {
    fn of(verdicts: &Verdicts, entries: &[(usize, usize)]) -> Self {
        let Recognition { recognised, chance } = verdicts.recognition(entries, None);
        let left_out: Vec<f64> = verdicts
            .clips()
            .map(|clip| verdicts.recognition(entries, Some(clip)).recognised)
            .collect();
        Self {
            accuracy: recognised,
            chance,
            standard_error: jackknife(&left_out),
            transitions: verdicts.total(),
        }
    }
}

/// Standard error of a figure from its values with each clip left out; 0 of fewer than two.
fn jackknife(left_out: &[f64]) -> f64 {
    let count = left_out.len() as f64;
    if left_out.len() < 2 {
        return 0.0;
    }
    let mean = left_out.iter().sum::<f64>() / count;
    let squares: f64 = left_out.iter().map(|value| (value - mean).powi(2)).sum();
    ((count - 1.0) / count * squares).sqrt()
}

impl Display for Obedience {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        writeln!(f, "\nobedience              recognised      chance  score")?;
        let line = |name: &str, it: &Recognised| {
            format!(
                "{name:<22} {:.2} ± {:.2}     {:.2}  ",
                it.accuracy, it.standard_error, it.chance
            )
        };
        for at in &self.horizons {
            let name = format!("dreams, steps {} to {}", at.horizon, at.last);
            write!(f, "{}", line(&name, &at.dream))?;
            match (at.score, at.score_standard_error) {
                (Some(score), Some(error)) => writeln!(f, "  {score:.2} ± {error:.2}")?,
                _ => writeln!(f, "  -")?,
            }
        }
        writeln!(f, "{}", line("real, by true action", &self.footage))?;
        writeln!(f, "{}", line("real, by latent action", &self.inferred))?;
        writeln!(f, "latent action          stands for  of it  seen  shown")?;
        for (index, action) in self.actions.iter().enumerate() {
            let name = format!("{} {}", action.action, action.name);
            write!(
                f,
                "{name:<22} {:>6}      {:.2}   {:.2} ",
                action.stands_for, action.share, action.seen
            )?;
            for at in &self.horizons {
                write!(f, "  {:.2}", at.shown[index])?;
            }
            writeln!(f)?;
        }
        if self.true_actions > 0 {
            writeln!(
                f,
                "they stand for {} of {} true actions",
                self.playable(),
                self.true_actions
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const ACTIONS: usize = 4;

    fn horizon() -> Horizon {
        Horizon { first: 1, last: 3 }
    }

    /// A judge that is right in seven of ten cases and names any action in the others.
    fn verdict(rng: &mut ChaCha8Rng, shown: usize) -> usize {
        if rng.random_range(0..10) < 7 {
            shown
        } else {
            rng.random_range(0..ACTIONS)
        }
    }

    /// The obedience of worlds that show `shown(commanded)`, where latent action `a` stands for true action `a`.
    fn obedience(shown: impl Fn(usize, &mut ChaCha8Rng) -> usize) -> Obedience {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut by_truth = Verdicts::new(ACTIONS, ACTIONS);
        let mut dreams = Verdicts::new(ACTIONS, ACTIONS);
        for clip in 0..60 {
            for at in 0..40 {
                let action = at % ACTIONS;
                by_truth.add(clip, action, verdict(&mut rng, action));
                let seen = shown(action, &mut rng);
                dreams.add(clip, action, verdict(&mut rng, seen));
            }
        }
        let actions = (0..ACTIONS)
            .map(|action| CommandedAction {
                action,
                name: action.to_string(),
                stands_for: action,
                share: 1.0,
                seen: 0.0,
            })
            .collect();
        let evidence = Evidence {
            actions,
            true_actions: ACTIONS,
            by_latent: by_truth.clone(),
            by_truth,
            dreams: vec![(horizon(), dreams)],
        };
        Obedience::of(evidence).unwrap()
    }

    #[test]
    fn an_obedient_world_scores_one_and_one_that_ignores_commands_nothing() {
        let obedient = obedience(|commanded, _| commanded);
        assert_eq!(
            (obedient.playable(), obedient.true_actions),
            (ACTIONS, ACTIONS)
        );
        let at = &obedient.horizons[0];
        assert!((at.score.unwrap() - 1.0).abs() < 0.06, "{at:?}");
        assert!((at.dream.accuracy - 0.775).abs() < 0.04, "{at:?}");
        assert!((at.dream.chance - 0.25).abs() < 0.03);
        assert!(at.score_standard_error.unwrap() < 0.05);
        assert!((obedient.footage.accuracy - at.dream.accuracy).abs() < 0.05);

        // One that does as it likes, and one that never does anything but action 2.
        let wild = obedience(|_, rng| rng.random_range(0..ACTIONS));
        let stuck = obedience(|_, _| 2);
        for world in [wild, stuck] {
            let at = &world.horizons[0];
            assert!(at.score.unwrap().abs() < 0.08, "{at:?}");
        }
        // Half of the commands are obeyed.
        let half = obedience(|commanded, rng| {
            if rng.random_bool(0.5) {
                commanded
            } else {
                rng.random_range(0..ACTIONS)
            }
        });
        assert!((half.horizons[0].score.unwrap() - 0.5).abs() < 0.08);
        // One that does the opposite is below chance.
        let contrary = obedience(|commanded, _| (commanded + 2) % ACTIONS);
        assert!(contrary.horizons[0].score.unwrap() < -0.2);
    }

    #[test]
    fn a_judge_that_sees_nothing_gives_no_score() {
        let mut blind = Verdicts::new(2, 2);
        for clip in 0..10 {
            for row in 0..2 {
                blind.add(clip, row, 0);
            }
        }
        let action = |action: usize| CommandedAction {
            action,
            name: String::new(),
            stands_for: action,
            share: 1.0,
            seen: 0.0,
        };
        let evidence = Evidence {
            actions: vec![action(0), action(1)],
            true_actions: 2,
            by_truth: blind.clone(),
            by_latent: blind.clone(),
            dreams: vec![(horizon(), blind)],
        };
        let obedience = Obedience::of(evidence).unwrap();
        assert_eq!(obedience.horizons[0].score, None);
        let json = serde_json::to_string(&obedience).unwrap();
        assert!(
            !json.contains("null") && !json.contains("\"score\""),
            "{json}"
        );
    }

    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        let values = [1.0, 4.0, 2.0, 7.0];
        let sum: f64 = values.iter().sum();
        let left_out: Vec<f64> = values.iter().map(|value| (sum - value) / 3.0).collect();
        let expected = super::super::standard_error(&values);
        assert!((jackknife(&left_out) - expected).abs() < 1e-12);
    }
}
