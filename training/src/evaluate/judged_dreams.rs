//! Dreams for the judge: their frames, and what was commanded in which step.

use super::agreement::Inferred;
use super::commands::Commands;
use super::horizons::Horizon;
use super::judge::Judge;
use super::verdicts::Verdicts;
use super::{EvaluateError, EvaluateOptions, Footage, WorldParts, Worlds};
use crate::actions::{ClipsInMemory, TransitionPlace};

/// Real frames before a dream, where there are as many: what the judge follows the player by.
const HISTORY: usize = 16;
/// The last of these that the world is shown.
const SHOWN: usize = 4;
/// Steps of a dream from a real history. The last one is not judged: the judge looks one frame ahead.
const STEPS: usize = 8;

/// A step of a dream that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JudgedStep {
    /// The transition to it, in the dreams' clips.
    pub(super) place: TransitionPlace,
    /// Number of the step, counted from 1.
    pub(super) step: usize,
    /// Index of the latent action that was commanded.
    pub(super) commanded: usize,
    /// The real clip from which the dream began.
    pub(super) origin: usize,
}

/// Some dreams.
#[derive(Clone, Debug)]
pub(super) struct JudgedDreams {
    /// Frames, after the real ones that came before, where there were any.
    pub(super) clips: ClipsInMemory,
    /// What is judged, in ascending order of places.
    pub(super) steps: Vec<JudgedStep>,
}

impl JudgedDreams {
    /// Counts the judge's verdicts: each step counts for the horizon that it belongs to.
    pub(super) fn judge(
        &self,
        judge: &Judge,
        horizons: &mut [(Horizon, Verdicts)],
    ) -> Result<(), EvaluateError> {
        let of_any = |step: usize| horizons.iter().any(|(horizon, _)| horizon.holds(step));
        let judged: Vec<&JudgedStep> = self.steps.iter().filter(|it| of_any(it.step)).collect();
        let places: Vec<TransitionPlace> = judged.iter().map(|it| it.place).collect();
        let predicted = judge.read(&self.clips, &places)?;
        for (it, predicted) in judged.iter().zip(predicted) {
            for (horizon, verdicts) in horizons.iter_mut() {
                if horizon.holds(it.step) {
                    verdicts.add(it.origin, it.commanded, judge.decide(&predicted));
                }
            }
        }
        Ok(())
    }
}

/// Short dreams that go on from real histories: one for each segment of the footage whose clip is `scored`. The world is shown the last
/// frames under inferred actions; then actions in use are commanded, drawn and held as in random play.
pub(super) fn dreams_from_histories(
    parts: &WorldParts,
    footage: &Footage,
    inferred: &[Inferred],
    (in_use, scored): (&[usize], &dyn Fn(usize) -> bool),
    options: &EvaluateOptions,
) -> Result<JudgedDreams, EvaluateError> {
    let size = parts.frame_bytes();
    let config = parts.config();
    let chosen: Vec<(&[u8], &Inferred, usize)> = (footage.segments.iter().zip(inferred))
        .filter(|(segment, _)| scored(segment.clip))
        .map(|(segment, inferred)| (&segment.bytes[..], inferred, segment.clip))
        .collect();
    let mut clips: Vec<Vec<u8>> = Vec::with_capacity(chosen.len());
    let mut steps = Vec::new();
    // The same number of real frames for all, so that worlds are shown theirs together.
    let shortest = chosen.iter().map(|(bytes, _, _)| bytes.len() / size).min();
    let history = shortest.unwrap_or(0).min(HISTORY);
    if in_use.is_empty() || history < 2 {
        let frame_size = (config.frame_height, config.frame_width);
        return Ok(JudgedDreams {
            clips: ClipsInMemory { frame_size, clips },
            steps,
        });
    }
    let shown = history.min(SHOWN);
    let first = history - shown;
    let at = |frame: usize| -> Vec<&[u8]> {
        (chosen.iter())
            .map(|(bytes, _, _)| &bytes[frame * size..][..size])
            .collect()
    };
    let mut worlds = Worlds::start(
        parts,
        &at(first),
        options.seed ^ 0x6f62_6579,
        &options.sampler,
    )?;
    clips.extend(
        chosen
            .iter()
            .map(|(bytes, _, _)| bytes[..first * size].to_vec()),
    );
    // What the world was shown is judged as the world sees it: else the first step would look like a change of everything.
    let mut record = |worlds: &Worlds| {
        for (clip, frame) in clips.iter_mut().zip(worlds.frames()) {
            clip.extend_from_slice(frame.pixels());
        }
    };
    record(&worlds);
    for frame in first + 1..history {
        let led: Vec<usize> = (chosen.iter())
            .map(|(_, inferred, _)| inferred.actions[frame - 1])
            .collect();
        worlds.observe(parts, &at(frame), &led)?;
        record(&worlds);
    }
    let mut commands: Vec<Commands> = (0..chosen.len())
        .map(|world| Commands::new(options.seed ^ 0x6f62_6579, world))
        .collect();
    let mut commanded = Vec::with_capacity(STEPS);
    for _ in 0..STEPS {
        let now: Vec<usize> = commands.iter_mut().map(|it| it.next(in_use)).collect();
        worlds.step(&now)?;
        record(&worlds);
        commanded.push(now);
    }
    for (clip, (_, _, origin)) in chosen.iter().enumerate() {
        steps.extend((1..STEPS).map(|step| JudgedStep {
            place: TransitionPlace {
                clip,
                frame: history - 1 + step - 1,
            },
            step,
            commanded: commanded[step - 1][clip],
            origin: *origin,
        }));
    }
    let frame_size = (config.frame_height, config.frame_width);
    Ok(JudgedDreams {
        clips: ClipsInMemory { frame_size, clips },
        steps,
    })
}
