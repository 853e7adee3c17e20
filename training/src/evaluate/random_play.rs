//! Long random play: faithfulness of generated transitions, and survival of the hero.
//!
//! Commands are drawn uniformly from the actions in use and held for 1 to 8 frames, as a player holds keys. At horizon
//! `h` the transitions of steps `h` to `h + 3` are judged, so that one run gives enough samples; nothing else happens at
//! these steps. The latent action model sees the last generated frames up to the transition, as many as its window holds.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::adjacency::AdjacencyCounts;
use super::agreement::in_use;
use super::commands::Commands;
use super::footage::LEAST_FRAMES;
use super::statistics::share;
use super::{
    ActionInference, ActionUsage, AdjacencyViolations, Advance, Contingency, EvaluateError,
    EvaluateOptions, Footage, WorldParts, Worlds,
};
use crate::gameplay::{hero_count, hero_visible};

/// Steps at which faithfulness is judged.
const HORIZONS: [usize; 4] = [1, 16, 64, 256];
/// Successive steps judged at each horizon.
const JUDGED_STEPS: usize = 4;
/// Frames after which heroes are counted.
const SURVIVAL: [usize; 3] = [20, 100, 1000];

/// Whether generated transitions show the action that was commanded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faithfulness {
    /// The value of guessing: one divided by the number of actions in use.
    pub chance: f64,
    /// One entry per horizon, shortest first.
    pub horizons: Vec<HorizonFaithfulness>,
}

/// Faithfulness after so many steps of play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonFaithfulness {
    /// First step judged, counted from 1.
    pub horizon: usize,
    /// Mean over the actions in use of the share of their commands that were recognised.
    pub faithfulness: f64,
    /// Transitions judged.
    pub judged: u64,
    /// One entry per action that was commanded.
    pub actions: Vec<ActionFaithfulness>,
    /// How often each action (column) was inferred for each commanded action (row).
    pub confusion: Vec<Vec<u64>>,
}

/// Faithfulness of one action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionFaithfulness {
    /// Its number.
    pub action: usize,
    /// How often it was commanded.
    pub commanded: u64,
    /// Share of these that were recognised.
    pub recognised: f64,
}

/// Whether the hero of the built-in gameplay is still there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    /// Shares of the real frames.
    pub real: HeroShares,
    /// Shares of the worlds after some play.
    pub after: Vec<SurvivalAfter>,
    /// Shares of all frames up to the last of these.
    pub throughout: HeroShares,
}

/// Shares of frames.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeroShares {
    /// With a whole hero in its column.
    pub visible: f64,
    /// With exactly one hero on the screen.
    pub exactly_one: f64,
}

/// Shares of the worlds after so many frames.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SurvivalAfter {
    /// Frames of random play.
    pub frames: usize,
    /// Shares of the worlds.
    #[serde(flatten)]
    pub shares: HeroShares,
}

/// Results of long random play.
pub(super) struct RandomPlay {
    pub(super) faithfulness: Faithfulness,
    pub(super) adjacency_violations: AdjacencyViolations,
    pub(super) survival: Option<Survival>,
}

/// Sees every step of play: its number, from 1 on, the commands that led to it, and the worlds after it.
pub(super) type Watch<'a> = dyn FnMut(usize, &[usize], &Worlds) + 'a;

/// Plays all worlds, one for each segment of the footage, at random up to the longest horizon.
pub(super) fn play(
    parts: &WorldParts,
    footage: &Footage,
    actions: &[ActionUsage],
    options: &EvaluateOptions,
    watch: &mut Watch<'_>,
    advance: &Advance<'_>,
) -> Result<RandomPlay, EvaluateError> {
    let horizons: Vec<usize> = up_to(&HORIZONS, options.horizon);
    let counted: Vec<usize> = up_to(&SURVIVAL, options.survival);
    let in_use = in_use(actions);
    let size = parts.frame_bytes();
    // Where inferring an action needs earlier frames, it sees the real ones before the prompt.
    let before = match parts.actions {
        ActionInference::Encoder(_) => 0,
        ActionInference::Agent(_) => parts.frames_before(),
    };
    let real_frames: Vec<Vec<&[u8]>> = (footage.segments.iter())
        .map(|segment| {
            let frames: Vec<&[u8]> = segment.bytes.chunks_exact(size).collect();
            frames[..=before.min(frames.len() - LEAST_FRAMES)].to_vec()
        })
        .collect();
    let prompts: Vec<&[u8]> = (real_frames.iter())
        .map(|frames| frames[frames.len() - 1])
        .collect();
    let real = real_heroes(parts, footage);
    let camera = footage.built_in.unwrap_or_default().camera;
    let last_judged = horizons.last().map_or(0, |h| h + JUDGED_STEPS - 1);
    let last_counted = real.and(counted.last().copied()).unwrap_or(0);
    let steps = last_judged.max(last_counted);

    let mut worlds = Worlds::start(
        parts,
        &prompts,
        options.seed ^ 0x706c_6179,
        &options.sampler,
    )?;
    let mut commands: Vec<Commands> = (0..prompts.len())
        .map(|world| Commands::new(options.seed, world))
        .collect();
    let shown = parts.frames_before() + 1;
    let mut history: Vec<VecDeque<Vec<u8>>> = (real_frames.iter())
        .map(|frames| frames.iter().map(|frame| frame.to_vec()).collect())
        .collect();
    for (history, frame) in history.iter_mut().zip(worlds.map_frames(<[u8]>::to_vec)) {
        history.pop_back();
        history.push_back(frame);
    }
    let count = parts.world.action_count();
    let mut tables = vec![Contingency::new(count, count); horizons.len()];
    let mut adjacency = AdjacencyCounts::of_footage(parts, footage)?;
    let (mut after, mut throughout) = (Vec::new(), Vec::new());
    for step in 1..=steps {
        let now: Vec<usize> = commands.iter_mut().map(|c| c.next(&in_use)).collect();
        worlds.step(&now)?;
        watch(step, &now, &worlds);
        worlds.tokens().for_each(|frame| adjacency.observe(&frame));
        for (history, frame) in history.iter_mut().zip(worlds.map_frames(<[u8]>::to_vec)) {
            history.push_back(frame);
            if history.len() > shown {
                history.pop_front();
            }
        }
        let judging: Vec<usize> = (0..horizons.len())
            .filter(|&i| (horizons[i]..horizons[i] + JUDGED_STEPS).contains(&step))
            .collect();
        if !judging.is_empty() {
            let named = name_last(parts, &history)?;
            for table in judging {
                for (&commanded, &named) in now.iter().zip(&named) {
                    tables[table].add(commanded, named);
                }
            }
        }
        if step <= last_counted {
            let seen = worlds.map_frames(|frame| (hero_visible(frame, camera), hero_count(frame)));
            if counted.contains(&step) {
                after.push(SurvivalAfter {
                    frames: step,
                    shares: HeroShares::of(&seen),
                });
            }
            throughout.extend(seen);
        }
        advance(step as f64 / steps as f64)?;
    }
    let horizons = horizons
        .iter()
        .zip(&tables)
        .map(|(&horizon, table)| HorizonFaithfulness::new(horizon, table))
        .collect();
    Ok(RandomPlay {
        faithfulness: Faithfulness {
            chance: 1.0 / in_use.len().max(1) as f64,
            horizons,
        },
        adjacency_violations: adjacency.figures(),
        survival: real.map(|real| Survival {
            real,
            after,
            throughout: HeroShares::of(&throughout),
        }),
    })
}

fn up_to(values: &[usize], most: usize) -> Vec<usize> {
    values.iter().copied().filter(|&v| v <= most).collect()
}

/// Plays at random from the footage, under actions that are all in use, and reads what was done: judged steps by commanded action (row) and by the action
/// that was read (column). The first steps are judged and those from 16 on.
pub(crate) fn commanded_and_read(
    parts: &WorldParts,
    footage: &Footage,
    in_use: &[bool],
    options: &EvaluateOptions,
    advance: &Advance<'_>,
) -> Result<Vec<Vec<u64>>, EvaluateError> {
    let actions: Vec<ActionUsage> = (in_use.iter().enumerate())
        .map(|(action, &in_use)| ActionUsage {
            action,
            name: String::new(),
            usage: 0.0,
            in_use,
        })
        .collect();
    let options = EvaluateOptions {
        horizon: HORIZONS[1],
        survival: 1,
        ..options.clone()
    };
    let play = play(
        parts,
        footage,
        &actions,
        &options,
        &mut |_, _, _| (),
        advance,
    )?;
    let mut steps = vec![vec![0; actions.len()]; actions.len()];
    for horizon in &play.faithfulness.horizons {
        for (steps, row) in steps.iter_mut().zip(&horizon.confusion) {
            for (steps, &more) in steps.iter_mut().zip(row) {
                *steps += more;
            }
        }
    }
    Ok(steps)
}

/// Frames that each world dreams in [`commanded_and_read`].
pub(crate) const READ_FRAMES: usize = HORIZONS[1] + JUDGED_STEPS - 1;

/// The latent action of every world's last transition, given the last frames of each world, oldest first.
pub(super) fn name_last(
    parts: &WorldParts,
    histories: &[VecDeque<Vec<u8>>],
) -> Result<Vec<usize>, EvaluateError> {
    let clips: Vec<Vec<u8>> = histories
        .iter()
        .map(|history| history.iter().flatten().copied().collect())
        .collect();
    let clips: Vec<&[u8]> = clips.iter().map(|clip| &clip[..]).collect();
    let named = parts.infer_by_sight(&clips)?;
    Ok(named
        .iter()
        .map(|actions| *actions.last().expect("a transition has two frames"))
        .collect())
}

impl HorizonFaithfulness {
    fn new(horizon: usize, table: &Contingency) -> Self {
        let confusion = table.rows();
        let actions: Vec<ActionFaithfulness> = confusion
            .iter()
            .enumerate()
            .map(|(action, row)| {
                let commanded = row.iter().sum();
                ActionFaithfulness {
                    action,
                    commanded,
                    recognised: share(row[action], commanded),
                }
            })
            .filter(|action| action.commanded > 0)
            .collect();
        let sum: f64 = actions.iter().map(|action| action.recognised).sum();
        Self {
            horizon,
            faithfulness: sum / actions.len().max(1) as f64,
            judged: table.total(),
            actions,
            confusion,
        }
    }
}

impl HeroShares {
    /// Shares of frames, given whether each shows a hero in its column and how many it shows in all.
    fn of(seen: &[(bool, usize)]) -> Self {
        let count = |holds: &dyn Fn(&(bool, usize)) -> bool| {
            share(
                seen.iter().filter(|&frame| holds(frame)).count() as u64,
                seen.len() as u64,
            )
        };
        Self {
            visible: count(&|&(visible, _)| visible),
            exactly_one: count(&|&(_, heroes)| heroes == 1),
        }
    }
}

/// Heroes in the real frames, or `None` where this is not footage of the built-in gameplay: most frames show no hero.
fn real_heroes(parts: &WorldParts, footage: &Footage) -> Option<HeroShares> {
    let camera = footage.built_in?.camera;
    let seen: Vec<(bool, usize)> = footage
        .segments
        .iter()
        .flat_map(|segment| segment.bytes.chunks_exact(parts.frame_bytes()))
        .map(|frame| (hero_visible(frame, camera), hero_count(frame)))
        .collect();
    Some(HeroShares::of(&seen)).filter(|shares| shares.visible >= 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faithfulness_weighs_actions_evenly() {
        let mut table = Contingency::new(3, 3);
        // Action 0 is commanded ten times and always recognised, action 2 twice and once recognised.
        (0..10).for_each(|_| table.add(0, 0));
        table.add(2, 2);
        table.add(2, 0);
        let figures = HorizonFaithfulness::new(16, &table);
        assert!((figures.faithfulness - 0.75).abs() < 1e-12);
        assert_eq!(figures.judged, 12);
        assert_eq!(figures.actions.len(), 2);
    }

    #[test]
    fn two_heroes_are_seen_but_not_exactly_one() {
        let shares = HeroShares::of(&[(true, 1), (true, 2), (false, 0), (true, 1)]);
        assert!((shares.visible - 0.75).abs() < 1e-12);
        assert!((shares.exactly_one - 0.5).abs() < 1e-12);
    }
}
