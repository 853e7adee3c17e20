//! Keeps the worlds going: starts them, takes their frames, and lets those run that are looked at.

use std::collections::HashMap;
use std::sync::Arc;

use bevy::prelude::*;
use bevy_genie::prelude::*;

use super::again::AgainPlugin;
use super::keep::KeepPlugin;
use super::line::{MOST_FRAMES, reachable};
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
        app.add_plugins((AgainPlugin, KeepPlugin))
            .add_systems(Update, systems)
            .add_observer(go_to_the_fork)
            .add_observer(show_where_it_landed)
            .add_observer(genie_examples::held_action::hold_action);
    }
}

/// When the picture has rested for a moment, the first line and the strips begin with it, and what a file has brought.
#[allow(clippy::too_many_arguments)] // A system's arguments are what it asks the world for.
fn start_worlds(
    time: Res<Time<Real>>,
    server: Res<AssetServer>,
    models: Res<Assets<GenieModel>>,
    mut project: ResMut<Project>,
    mut lines: ResMut<Lines>,
    mut toasts: ResMut<Toasts>,
    mut seen: Local<Option<(u64, u64)>>,
    mut commands: Commands,
) {
    let Some(model) = models.get(&lines.model) else {
        return;
    };
    if !lines.waiting(&project) {
        return;
    }
    let now = Some((project.version, lines.strips_asked));
    let waiting = lines.bypass_change_detection();
    if *seen != now {
        *seen = now;
        waiting.rest = 0.0;
    }
    waiting.rest += time.delta_secs();
    // The first picture is started at once.
    if waiting.started.is_some() && waiting.rest < REST {
        return;
    }
    let lines = &mut *lines;
    if lines.started != Some(project.version) {
        lines.begin_picture(&project, &mut commands, &mut toasts);
        let arriving = project.bypass_change_detection().arriving.take();
        if let Some(arriving) = arriving {
            lines.take_arriving(arriving, &project, &server, &mut commands, &mut toasts);
        }
    }
    lines.start_strips(model, &project, &mut commands);
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

/// Lines that are looked at run, and one that is played again; all others wait. Strips run until they are whole.
fn set_clocks(
    lines: Res<Lines>,
    project: Res<Project>,
    mut clocks: Query<(&mut GenieClock, &mut GenieSampler, &GenieStatus)>,
    mut genie: MessageWriter<GenieCommand>,
) {
    let arriving = lines.arriving();
    for (index, line) in lines.all.iter().enumerate() {
        let Ok((mut clock, mut sampler, status)) = clocks.get_mut(line.world) else {
            continue;
        };
        if line.arriving.is_some() {
            let wanted = Lines::clock_again(&clock, arriving == Some(index));
            clock.set_if_neq(wanted);
            continue;
        }
        let looked_at = index == lines.played || Some(index) == lines.beside;
        // A world whose replay is over has ended: it goes on, but not by itself.
        let ended = status.phase == GeniePhase::Ended && !line.is_full();
        if ended {
            genie.write(GenieCommand::resume(line.world));
        }
        let wanted = GenieClock {
            paused: !(lines.running && looked_at && line.go_to.is_none()),
            speed: if ended { 0.0 } else { lines.speed },
            tick_rate: None,
            ..*clock
        };
        clock.set_if_neq(wanted);
        sampler.set_if_neq(project.sampler.clone().into());
    }
    for strip in &lines.strips {
        if let Ok((clock, ..)) = clocks.get_mut(strip.world) {
            let mut paused = clock.map_unchanged(|clock| &mut clock.paused);
            paused.set_if_neq(lines.strips_stopped);
        }
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
