//! Frames arrive from the worker.

use std::sync::Arc;

use bevy::prelude::*;

use crate::output::blend::Fade;
use crate::output::blend::GenieBlend;
use crate::output::frame::write_texture;
use crate::output::frame::{GenieFrame, GenieTexture};
use crate::worker::Worker;
use crate::worker::reply::{FrameReplyKind, Outcome, Reply};
use crate::world::component::{GenieClock, GeniePhase, GenieSampler, GenieStatus, GenieWorld};
use crate::world::events::{
    GenieEndReason, GenieEnded, GenieJumped, GenieReady, GenieReset, GenieSaved, GenieSnapshotTaken,
};
use crate::world::events::{fail, refuse};
use crate::world::prompt::GeniePrompt;
use crate::world::runtime::WorldRuntime;

/// What a frame's arrival changes in its world.
type Receivers = (
    &'static GenieTexture,
    Has<GenieBlend>,
    Option<&'static mut Fade>,
    Option<&'static mut GenieFrame>,
    &'static mut GenieWorld,
    &'static GenieClock,
    &'static mut GenieSampler,
    &'static mut GenieStatus,
    &'static mut WorldRuntime,
);

/// Publishes all that has arrived: texture, component, message, lifecycle events.
pub(crate) fn receive_frames(
    worker: Res<Worker>,
    mut images: ResMut<Assets<Image>>,
    mut worlds: Query<Receivers>,
    mut frames: MessageWriter<GenieFrame>,
    mut commands: Commands,
) {
    for Reply {
        world,
        generation,
        outcome,
    } in worker.replies()
    {
        let Ok((
            texture,
            blend,
            fade,
            newest,
            mut genie,
            clock,
            mut sampling,
            mut status,
            mut runtime,
        )) = worlds.get_mut(world)
        else {
            continue;
        };
        let current = runtime.generation == generation;
        let arrived = match outcome {
            Outcome::Snapshot(snapshot) => {
                commands.trigger(GenieSnapshotTaken { world, snapshot });
                continue;
            }
            Outcome::Saved { path, tick } => {
                commands.trigger(GenieSaved { world, path, tick });
                continue;
            }
            Outcome::Refused {
                command,
                error,
                settles,
            } => {
                if settles && current {
                    runtime.settle();
                }
                refuse(&mut commands, world, command, error);
                continue;
            }
            _ if !current => continue,
            Outcome::Failed(error) => {
                runtime.settle();
                fail(&mut commands, world, &mut status, error);
                continue;
            }
            Outcome::Frame(arrived) => *arrived,
        };
        runtime.settle();
        runtime.tick = arrived.tick;
        if matches!(arrived.kind, FrameReplyKind::Stepped) {
            runtime.times = Some(arrived.times);
        }
        status.rewindable = arrived.kept as u64;
        let size = UVec2::new(arrived.frame.width() as u32, arrived.frame.height() as u32);
        match (&newest, fade) {
            (Some(last), Some(mut fade))
                if blend && matches!(arrived.kind, FrameReplyKind::Stepped) =>
            {
                fade.begin(Arc::clone(&last.pixels), Arc::clone(&arrived.frame));
            }
            (_, fade) => {
                if let Some(mut fade) = fade {
                    fade.end();
                }
                write_texture(&mut images, texture, size, arrived.rgba);
            }
        }
        let frame = GenieFrame {
            world,
            tick: arrived.tick,
            action: arrived.action,
            latency: arrived.asked.elapsed(),
            input_latency: arrived.pressed.map(|pressed| pressed.elapsed()),
            pixels: arrived.frame,
            tokens: arrived.tokens,
        };
        frames.write(frame.clone());
        match newest {
            Some(mut newest) => *newest = frame,
            None => {
                commands.entity(world).try_insert(frame);
            }
        }
        match arrived.kind {
            FrameReplyKind::Ready { actions, saved } => {
                if let Some(saved) = saved {
                    (genie.seed, sampling.settings) = *saved;
                }
                status.phase = GeniePhase::Running;
                commands.trigger(GenieReady {
                    world,
                    size,
                    actions,
                });
            }
            FrameReplyKind::Reset => commands.trigger(GenieReset { world }),
            FrameReplyKind::Stepped => {}
            FrameReplyKind::Jumped { jump, origin } => {
                status.phase = GeniePhase::Running;
                // Sent again before the next frame: the moment may have been sampled in another way.
                runtime.sampler = None;
                if let Some(origin) = origin {
                    genie.prompt = GeniePrompt::Frame(origin.prompt);
                    genie.seed = origin.seed;
                    sampling.settings = origin.sampler;
                    runtime.replay = origin.replay;
                }
                status.replaying = runtime.replay.is_some();
                let tick = arrived.tick;
                commands.trigger(GenieJumped { world, tick, jump });
            }
        }
        let played = runtime
            .replay
            .as_ref()
            .map(|replay| replay.actions.len() as u64);
        let reason = if played.is_some_and(|played| arrived.tick >= played) {
            runtime.replay = None;
            status.replaying = false;
            GenieEndReason::ReplayFinished
        } else if runtime.ends_at(clock.tick_limit) {
            GenieEndReason::TickLimit
        } else {
            continue;
        };
        status.phase = GeniePhase::Ended;
        runtime.owed_steps = 0;
        commands.trigger(GenieEnded { world, reason });
    }
}
