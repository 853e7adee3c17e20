//! Keeps the worlds going: starts them, takes their frames, and lets those run that are looked at.

use std::collections::HashMap;
use std::sync::Arc;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_examples::held_action::HeldAction;

use super::line::{MOST_FRAMES, STRIP, Strip, reachable, world};
use super::tree::Lines;
use crate::project::Project;
use crate::toasts::Toasts;

/// Seconds for which the picture rests before worlds start anew.
const REST: f32 = 0.35;

/// Keeps the worlds going.
pub(crate) struct LinesPlugin;

impl Plugin for LinesPlugin {
    fn build(&self, app: &mut App) {
        let systems = (start_worlds, take_frames, stop_full_line, set_clocks).chain();
        app.add_systems(Update, systems)
            .add_observer(go_to_the_fork)
            .add_observer(show_where_it_landed)
            .add_observer(genie_examples::held_action::hold_action);
    }
}

/// When the picture has rested for a moment, the first line and the strips begin with it.
#[allow(clippy::too_many_arguments)] // A system's arguments are what it asks the world for.
fn start_worlds(
    time: Res<Time<Real>>,
    project: Res<Project>,
    models: Res<Assets<GenieModel>>,
    mut lines: ResMut<Lines>,
    mut toasts: ResMut<Toasts>,
    mut seen: Local<Option<(u64, u64)>>,
    mut commands: Commands,
) {
    let lines = lines.bypass_change_detection();
    let Some(model) = models.get(&lines.model) else {
        return;
    };
    if !lines.waiting(&project) {
        return;
    }
    let now = Some((project.version, lines.strips_asked));
    if *seen != now {
        *seen = now;
        lines.rest = 0.0;
    }
    lines.rest += time.delta_secs();
    // The first picture is started at once.
    if lines.started.is_some() && lines.rest < REST {
        return;
    }
    if lines.started != Some(project.version) {
        lines.begin_picture(&project, &mut commands, &mut toasts);
    }
    lines.strips_started = lines.strips_asked;
    for strip in lines.strips.drain(..) {
        commands.entity(strip.world).despawn();
    }
    for (action, label) in model.actions().iter().enumerate() {
        let clock = GenieClock::default()
            .with_tick_rate(20.0)
            .with_tick_limit(STRIP - 1);
        let deaf = GenieKeyboard { enabled: false };
        let strip = (world(lines.model.clone(), &project), clock, deaf);
        lines.strips.push(Strip {
            world: commands.spawn((strip, HeldAction(action))).id(),
            label: label.name.clone(),
            frames: Vec::new(),
        });
    }
}

/// Frames go where they belong.
fn take_frames(mut frames: MessageReader<GenieFrame>, mut lines: ResMut<Lines>) {
    let mut arrived: HashMap<Entity, Vec<&GenieFrame>> = HashMap::new();
    for frame in frames.read() {
        arrived.entry(frame.world).or_default().push(frame);
    }
    if arrived.is_empty() {
        return;
    }
    let lines = &mut *lines;
    for line in &mut lines.all {
        for frame in arrived.remove(&line.world).into_iter().flatten() {
            line.take(frame);
        }
    }
    for strip in &mut lines.strips {
        for frame in arrived.remove(&strip.world).into_iter().flatten() {
            strip.frames.truncate(frame.tick as usize);
            strip.frames.push(Arc::clone(&frame.pixels));
        }
    }
}

/// A line that has all frames that it can have waits until it is taken back.
fn stop_full_line(mut lines: ResMut<Lines>, mut toasts: ResMut<Toasts>) {
    let Some(line) = lines.played().filter(|line| line.is_full()) else {
        return;
    };
    if lines.running && line.go_to.is_none() {
        let number = line.number;
        lines.running = false;
        toasts.note(format!(
            "line {number} has {MOST_FRAMES} frames, which is the most: go back or begin again"
        ));
    }
}

/// Lines that are looked at run, all others wait.
fn set_clocks(
    lines: Res<Lines>,
    project: Res<Project>,
    mut clocks: Query<(&mut GenieClock, &mut GenieSampler)>,
) {
    for (index, line) in lines.all.iter().enumerate() {
        let Ok((mut clock, mut sampler)) = clocks.get_mut(line.world) else {
            continue;
        };
        let looked_at = index == lines.played || Some(index) == lines.beside;
        let wanted = GenieClock {
            paused: !(lines.running && looked_at && line.go_to.is_none()),
            speed: lines.speed,
            ..*clock
        };
        clock.set_if_neq(wanted);
        sampler.set_if_neq(project.sampler.clone().into());
    }
}

/// A fork begins where its line is; it goes back to the frame that was meant, or as near as it can.
fn go_to_the_fork(
    ready: On<GenieReady>,
    worlds: Query<(&GenieFrame, &GenieStatus)>,
    mut lines: ResMut<Lines>,
    mut genie: MessageWriter<GenieCommand>,
    mut toasts: ResMut<Toasts>,
) {
    let Some(index) = lines.all.iter().position(|line| line.world == ready.world) else {
        return;
    };
    let is_played = index == lines.played;
    let line = &mut lines.all[index];
    let (Some(to), Ok((frame, status))) = (line.go_to.take(), worlds.get(ready.world)) else {
        return;
    };
    let lands = reachable(to, frame.tick, status.rewindable);
    if let Some((_, at)) = &mut line.parent {
        *at = lands;
    }
    if lands > to {
        toasts.note(format!(
            "frame {to} is not kept any more: the fork begins at frame {lands}, the first that is"
        ));
    }
    if lands < frame.tick {
        genie.write(GenieCommand::rewind(ready.world, frame.tick - lands));
    } else if is_played {
        lines.shown = None;
    }
}

/// What was looked back at is the newest frame now.
fn show_where_it_landed(jumped: On<GenieJumped>, mut lines: ResMut<Lines>) {
    if lines
        .played()
        .is_some_and(|line| line.world == jumped.world)
    {
        lines.shown = None;
    }
}
