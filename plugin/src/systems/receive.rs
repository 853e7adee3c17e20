//! Frames arrive from the worker.

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;

use crate::blend::Fade;
use crate::frame::show;
use crate::session::Session;
use crate::systems::dispatch::refuse;
use crate::worker::{NewsKind, Outcome, Reply, Worker};
use crate::{
    EndReason, FrameBlend, GenieEnded, GenieError, GenieFailed, GenieJumped, GeniePrompt,
    GenieReady, GenieReset, GenieSaved, GenieSnapshot, GenieTexture, GenieWorld, WorldFrame,
    WorldPhase, WorldStatus,
};

/// What a frame's arrival changes in its world.
type Receivers = (
    &'static GenieTexture,
    Has<FrameBlend>,
    Option<&'static mut WorldFrame>,
    &'static mut GenieWorld,
    &'static mut WorldStatus,
    &'static mut Session,
);

/// Publishes all that has arrived: texture, component, message, lifecycle events.
pub(crate) fn receive_frames(
    worker: Res<Worker>,
    mut images: ResMut<Assets<Image>>,
    mut worlds: Query<Receivers>,
    mut frames: MessageWriter<WorldFrame>,
    mut commands: Commands,
) {
    for Reply {
        world,
        ticket,
        outcome,
    } in worker.replies()
    {
        let Ok((texture, blend, newest, mut genie, mut status, mut session)) =
            worlds.get_mut(world)
        else {
            continue;
        };
        let current = session.ticket == ticket;
        let news = match outcome {
            Outcome::Snapshot(snapshot) => {
                commands.trigger(GenieSnapshot { world, snapshot });
                continue;
            }
            Outcome::Saved { path, tick } => {
                commands.trigger(GenieSaved { world, path, tick });
                continue;
            }
            Outcome::Refused {
                order,
                error,
                settles,
            } => {
                if settles && current {
                    session.settle();
                }
                refuse(&mut commands, world, order, error);
                continue;
            }
            _ if !current => continue,
            Outcome::Failed(error) => {
                session.settle();
                fail(&mut commands, world, &mut status, error);
                continue;
            }
            Outcome::Frame(news) => *news,
        };
        session.settle();
        session.tick = news.tick;
        status.rewindable = news.kept as u64;
        let size = UVec2::new(news.frame.width() as u32, news.frame.height() as u32);
        session.fade = match &newest {
            Some(last) if blend && matches!(news.kind, NewsKind::Stepped) => Some(Fade {
                from: Arc::clone(&last.pixels),
                to: Arc::clone(&news.frame),
                elapsed: Duration::ZERO,
            }),
            _ => {
                show(&mut images, texture, size, news.rgba);
                None
            }
        };
        let frame = WorldFrame {
            world,
            tick: news.tick,
            action: news.action,
            latency: news.asked.elapsed(),
            input_latency: news.pressed.map(|pressed| pressed.elapsed()),
            pixels: news.frame,
            tokens: news.tokens,
        };
        frames.write(frame.clone());
        match newest {
            Some(mut newest) => *newest = frame,
            None => {
                commands.entity(world).try_insert(frame);
            }
        }
        match news.kind {
            NewsKind::Ready { actions, saved } => {
                if let Some(saved) = saved {
                    (genie.seed, genie.sampler) = *saved;
                }
                status.phase = WorldPhase::Running;
                commands.trigger(GenieReady {
                    world,
                    size,
                    actions,
                });
            }
            NewsKind::Reset => commands.trigger(GenieReset { world }),
            NewsKind::Stepped => {}
            NewsKind::Jumped { jump, origin } => {
                status.phase = WorldPhase::Running;
                // Told again before the next frame: the moment may have been sampled in another way.
                session.sampler = None;
                if let Some(origin) = origin {
                    genie.prompt = GeniePrompt::Frame(origin.prompt);
                    genie.seed = origin.seed;
                    genie.sampler = origin.sampler;
                    session.replay = origin.replay;
                }
                status.replaying = session.replay.is_some();
                let tick = news.tick;
                commands.trigger(GenieJumped { world, tick, jump });
            }
        }
        let played = session
            .replay
            .as_ref()
            .map(|replay| replay.actions.len() as u64);
        let reason = if played.is_some_and(|played| news.tick >= played) {
            session.replay = None;
            status.replaying = false;
            EndReason::ReplayFinished
        } else if genie.tick_limit == Some(news.tick) {
            EndReason::TickLimit
        } else {
            continue;
        };
        status.phase = WorldPhase::Ended;
        session.owed_steps = 0;
        commands.trigger(GenieEnded { world, reason });
    }
}

/// Stops a world and tells why.
pub(crate) fn fail(
    commands: &mut Commands,
    world: Entity,
    status: &mut WorldStatus,
    error: GenieError,
) {
    error!("world {world}: {error}");
    status.phase = WorldPhase::Failed;
    commands.trigger(GenieFailed { world, error });
}
