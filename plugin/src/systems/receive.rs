//! Frames arrive from the worker.

use std::sync::Arc;

use bevy::diagnostic::Diagnostics;
use bevy::prelude::*;

use crate::frame::frame_image;
use crate::session::Session;
use crate::worker::{NewsKind, Worker};
use crate::{
    GenieError, GenieFailed, GeniePlugin, GenieReady, GenieReset, GenieTexture, WorldFrame,
    WorldPhase, WorldStatus,
};

/// Publishes all that has arrived: texture, component, message, lifecycle events.
pub(crate) fn receive_frames(
    worker: Res<Worker>,
    mut images: ResMut<Assets<Image>>,
    mut worlds: Query<(
        &GenieTexture,
        Option<&mut WorldFrame>,
        &mut WorldStatus,
        &mut Session,
    )>,
    mut frames: MessageWriter<WorldFrame>,
    mut commands: Commands,
    mut diagnostics: Diagnostics,
) {
    for reply in worker.replies() {
        let world = reply.world;
        let Ok((texture, newest, mut status, mut session)) = worlds.get_mut(world) else {
            continue;
        };
        if session.ticket != reply.ticket {
            continue;
        }
        session.in_flight = false;
        let news = match reply.outcome {
            Ok(news) => news,
            Err(error) => {
                fail(&mut commands, world, &mut status, error);
                continue;
            }
        };
        let size = UVec2::new(news.frame.width() as u32, news.frame.height() as u32);
        show(&mut images, texture, size, news.rgba);
        let frame = WorldFrame {
            world,
            tick: news.tick,
            action: news.action,
            latency: news.asked.elapsed(),
            pixels: Arc::new(news.frame),
        };
        diagnostics.add_measurement(&GeniePlugin::LATENCY, || {
            frame.latency.as_secs_f64() * 1000.0
        });
        diagnostics.add_measurement(&GeniePlugin::LATE_TICKS, || status.late_ticks as f64);
        frames.write(frame.clone());
        match newest {
            Some(mut newest) => *newest = frame,
            None => {
                commands.entity(world).try_insert(frame);
            }
        }
        match news.kind {
            NewsKind::Ready { actions } => {
                status.phase = WorldPhase::Running;
                commands.trigger(GenieReady {
                    world,
                    size,
                    actions,
                });
            }
            NewsKind::Reset => commands.trigger(GenieReset { world }),
            NewsKind::Stepped => {}
        }
    }
}

/// Writes the frame into the world's image, in place if there is one of its size.
fn show(images: &mut Assets<Image>, texture: &GenieTexture, size: UVec2, rgba: Vec<u8>) {
    if let Some(mut image) = images.get_mut(&texture.0)
        && image.size() == size
    {
        image.data = Some(rgba);
    } else if let Err(error) = images.insert(&texture.0, frame_image(size, rgba)) {
        warn!("the texture of a world cannot be written: {error}");
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
