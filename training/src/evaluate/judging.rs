//! Evaluation by the judge: information of latent actions about true ones, and obedience of dreams.

use std::collections::BTreeSet;

use super::action_information::ActionInformation;
use super::action_table::ActionTable;
use super::horizons::Horizon;
use super::judge::Judge;
use super::judged_dreams::JudgedDreams;
use super::known_actions::{KnownActions, Split};
use super::known_transitions::{KnownTransition, known_transitions};
use super::obedience::{CommandedAction, Evidence, Obedience};
use super::offered_actions::in_place;
use super::verdicts::Verdicts;
use super::{ActionUsage, EvaluateError, EvaluateOptions, Footage, WorldParts};
use crate::actions::TransitionPlace;
use crate::dataset::Dataset;

/// A judge that has learnt, and the real transitions that it is tried on.
pub(super) struct Judging {
    judge: Judge,
    table: ActionTable,
    /// For each latent action, which one a player has in its place.
    in_place: Vec<usize>,
    scored: Vec<KnownTransition>,
    /// What the judge says of each of them.
    predicted: Vec<Vec<f32>>,
    /// The clips that they are from, by their numbers in the dataset.
    clips: Vec<usize>,
    scored_clips: BTreeSet<usize>,
}

impl Judging {
    /// Lets a judge learn from clips that are not scored, and reads those that are; `None` where there is nothing to learn from or
    /// nothing to score.
    pub(super) fn prepare(
        parts: &WorldParts,
        dataset: &Dataset,
        footage: &Footage,
        known: KnownActions<'_>,
        options: &EvaluateOptions,
    ) -> Result<Option<Self>, EvaluateError> {
        let most = options.judged_transitions;
        let split = Split::new(dataset, footage, known, (most, options.seed));
        let (source, truth) = (split.learnt.source(), split.learnt.truth());
        let Some(judge) = Judge::learn(&source, &truth, most, options.seed)? else {
            return Ok(None);
        };
        let scored = known_transitions(parts, &split.scored)?;
        if scored.is_empty() {
            return Ok(None);
        }
        let places: Vec<TransitionPlace> = scored.iter().map(|it| it.place).collect();
        let predicted = judge.read(&split.scored.source(), &places)?;
        let learnt = known_transitions(parts, &split.learnt.up_to(most / 2))?;
        Ok(Some(Self {
            table: ActionTable::new(&learnt, parts.world.action_count(), judge.actions()),
            in_place: in_place(parts.world.actions()),
            judge,
            scored,
            predicted,
            scored_clips: split.scored.clips.iter().copied().collect(),
            clips: split.scored.clips,
        }))
    }

    /// Whether a clip of the dataset is scored, so that the judge has never seen it.
    pub(super) fn scores(&self, clip: usize) -> bool {
        self.scored_clips.contains(&clip)
    }

    /// Information of latent actions about true ones.
    pub(super) fn information(&self) -> ActionInformation {
        ActionInformation::new(
            &self.scored,
            &self.predicted,
            (&self.table, &self.in_place),
            self.judge.learnt(),
        )
    }

    /// Whether dreams show what the commanded latent actions stand for.
    pub(super) fn obedience(
        &self,
        usage: &[ActionUsage],
        most: usize,
        dreams: &[JudgedDreams],
    ) -> Result<Option<Obedience>, EvaluateError> {
        let actions: Vec<CommandedAction> = usage
            .iter()
            .filter(|it| it.in_use)
            .filter_map(|it| {
                let knows = |action| self.judge.knows(action);
                let stands_for = self.table.stands_for(it.action, knows)?;
                Some(CommandedAction {
                    action: it.action,
                    name: it.name.clone(),
                    stands_for,
                    share: self.table.share(it.action, stands_for),
                    seen: 0.0,
                })
            })
            .collect();
        let (latent, true_actions) = (usage.len(), self.judge.actions());
        let mut by_truth = Verdicts::new(true_actions, true_actions);
        let mut by_latent = Verdicts::new(latent, true_actions);
        for (it, predicted) in self.scored.iter().zip(&self.predicted) {
            let (clip, named) = (self.clips[it.place.clip], self.judge.decide(predicted));
            by_truth.add(clip, usize::from(it.truth), named);
            by_latent.add(clip, it.latent, named);
        }
        let horizons = [true, false].map(|near| Horizon::up_to(most, near));
        let mut horizons: Vec<(Horizon, Verdicts)> = (horizons.into_iter().flatten())
            .map(|horizon| (horizon, Verdicts::new(latent, true_actions)))
            .collect();
        for dreams in dreams {
            dreams.judge(&self.judge, &mut horizons)?;
        }
        horizons.retain(|(_, verdicts)| verdicts.total() > 0);
        // Play may end before a horizon does.
        let steps = dreams.iter().flat_map(|dreams| &dreams.steps);
        let last = steps.map(|it| it.step).max().unwrap_or(0);
        for (horizon, _) in &mut horizons {
            horizon.last = horizon.last.min(last);
        }
        Ok(Obedience::of(Evidence {
            actions,
            true_actions: (0..true_actions).filter(|&it| self.judge.knows(it)).count(),
            by_truth,
            by_latent,
            dreams: horizons,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::ClipsInMemory;
    use crate::dataset::TrueActions;
    use crate::evaluate::judged_dreams::JudgedStep;
    use crate::evaluate::known_actions::KnownClips;
    use crate::evaluate::tests::{tiny_dataset, tiny_world};
    use std::collections::HashMap;

    /// Real footage passed off as dreams: `commanded` says what was commanded in each step, given the true action.
    fn dreams(known: &KnownClips, commanded: impl Fn(u8, usize) -> usize) -> JudgedDreams {
        let mut clips = Vec::new();
        let mut steps = Vec::new();
        for (position, &clip) in known.clips.iter().enumerate() {
            let mut bytes = Vec::new();
            let frames = known.dataset.clip_len(clip);
            known
                .dataset
                .read_frames(clip, 0, frames, &mut bytes)
                .unwrap();
            clips.push(bytes);
            let actions = known.actions.clip(clip).unwrap();
            steps.extend(
                actions
                    .iter()
                    .enumerate()
                    .map(|(frame, &action)| JudgedStep {
                        place: TransitionPlace {
                            clip: position,
                            frame,
                        },
                        step: 1,
                        commanded: commanded(action, frame + 7 * position),
                        origin: clip,
                    }),
            );
        }
        let frame_size = (64, 64);
        JudgedDreams {
            clips: ClipsInMemory { frame_size, clips },
            steps,
        }
    }

    #[test]
    fn real_footage_is_obedient_and_footage_under_other_commands_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 48, 40);
        let truth = TrueActions::open(folder.path()).unwrap();
        let some = |clips: std::ops::Range<usize>| KnownClips {
            dataset: &dataset,
            clips: clips.collect(),
            actions: &truth,
        };
        let (learnt, real, dreamt) = (some(0..26), some(26..37), some(37..48));
        let judge = Judge::learn(&learnt.source(), &learnt.truth(), 1000, 1)
            .unwrap()
            .unwrap();
        // A world whose latent actions are the true ones.
        let transitions = |known: &KnownClips| -> Vec<KnownTransition> {
            let clips = known.clips.iter().enumerate();
            let known = clips.flat_map(|(position, &clip)| {
                let actions = truth.clip(clip).unwrap().iter().enumerate();
                actions.map(move |(frame, &truth)| KnownTransition {
                    place: TransitionPlace {
                        clip: position,
                        frame,
                    },
                    latent: usize::from(truth),
                    truth,
                })
            });
            known.collect()
        };
        let scored = transitions(&real);
        let places: Vec<TransitionPlace> = scored.iter().map(|it| it.place).collect();
        let predicted = judge.read(&real.source(), &places).unwrap();
        let actions = judge.actions();
        let judging = Judging {
            table: ActionTable::new(&transitions(&learnt), actions, actions),
            in_place: (0..actions).map(|action| action.min(actions - 2)).collect(),
            judge,
            scored,
            predicted,
            clips: real.clips.clone(),
            scored_clips: real.clips.iter().copied().collect(),
        };
        let usage: Vec<ActionUsage> = (0..actions)
            .map(|action| ActionUsage {
                action,
                name: action.to_string(),
                usage: 1.0 / actions as f64,
                in_use: true,
            })
            .collect();
        let obedience = |commanded: &dyn Fn(u8, usize) -> usize| {
            let dreams = [dreams(&dreamt, commanded)];
            judging.obedience(&usage, 1, &dreams).unwrap().unwrap()
        };
        let obedient = obedience(&|action, _| usize::from(action));
        for (index, action) in obedient.actions.iter().enumerate() {
            assert_eq!(action.stands_for, index, "a true action stands for itself");
        }
        let (footage, at) = (obedient.footage, &obedient.horizons[0]);
        assert!(footage.accuracy - footage.chance > 0.2, "{footage:?}");
        assert!((at.score.unwrap() - 1.0).abs() < 0.3, "{obedient}");
        let wayward = obedience(&|_, at| (at * 31 / 4) % actions);
        assert!(wayward.horizons[0].score.unwrap().abs() < 0.2, "{wayward}");

        // Latent actions that are the true ones carry more information than is visible.
        let information = judging.information();
        assert!((information.decoding_accuracy - 1.0).abs() < 1e-12);
        assert!(information.visible_information > 0.3, "{information}");
        assert!(
            information.visible_information < information.entropy,
            "{information}"
        );
        assert!(information.ratio.unwrap() > 1.0);
        // A player who has one action less is told less.
        let offered = information.offered_information.unwrap();
        assert!(
            offered > 0.3 && offered < information.information - 0.05,
            "{information}"
        );
    }

    #[test]
    fn the_judge_never_sees_what_is_scored() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 12, 24);
        let truth = TrueActions::open(folder.path()).unwrap();
        let world = tiny_world(1);
        let parts = WorldParts::new(&world).unwrap();
        let options = EvaluateOptions {
            clips: 4,
            ..EvaluateOptions::default()
        };
        let footage = Footage::choose(&parts, &dataset, options.clips, options.seed).unwrap();
        let prepare = |truth: &TrueActions| {
            Judging::prepare(&parts, &dataset, &footage, truth.into(), &options)
                .unwrap()
                .unwrap()
        };
        let judging = prepare(&truth);
        // The same footage with the true actions of scored clips turned round in time.
        let clips: HashMap<usize, Vec<u8>> = (0..dataset.clip_count())
            .map(|clip| {
                let mut actions = truth.clip(clip).unwrap().to_vec();
                if judging.scores(clip) {
                    actions.reverse();
                }
                (clip, actions)
            })
            .collect();
        let other =
            TrueActions::from_clips((0..clips.len()).map(|it| clips[&it].clone()).collect());
        assert_ne!(other, truth);
        let again = prepare(&other);
        assert_eq!(again.predicted, judging.predicted);
        assert_eq!(again.table, judging.table);
        assert_ne!(again.information(), judging.information());
    }
}
