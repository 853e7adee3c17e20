//! Pictures come back from the renderer.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::window::WindowRef;

use crate::input::devices::GenieInputSource;
use crate::recorder::control::{GenieRecorder, Shot};
use crate::recorder::settings::GenieRecordingSource;
use crate::recorder::writer::Picture;

/// Pictures that are asked for and not yet back.
const MOST_WAITING: usize = 8;
/// A picture that has not come back by then is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for the picture of this frame of the game, if one is due.
pub(super) fn take_pictures(
    time: Res<Time>,
    mut recorder: ResMut<GenieRecorder>,
    cameras: Query<&RenderTarget>,
    keyboard: Option<Res<ButtonInput<KeyCode>>>,
    mut commands: Commands,
) {
    // A running clock is no change that others should see.
    let recorder = recorder.bypass_change_detection();
    if let (Some(keyboard), true) = (keyboard, recorder.settings.keys) {
        let names = keyboard
            .get_pressed()
            .map(|key| GenieInputSource::from(*key).name());
        recorder.hold(names.map(Cow::into_owned));
    }
    give_up_on_lost_ones(recorder, &mut commands);
    recorder.report_ends();
    if !recorder.recording {
        return;
    }
    let target = match &recorder.settings.source {
        GenieRecordingSource::PrimaryWindow => Some(RenderTarget::Window(WindowRef::Primary)),
        GenieRecordingSource::Target(target) => Some(target.clone()),
        GenieRecordingSource::Camera(camera) => cameras.get(*camera).ok().cloned(),
        GenieRecordingSource::Pushed => None,
    };
    let Some(target) = target else {
        return;
    };
    let period = Duration::from_secs_f64(1.0 / f64::from(recorder.settings.rate.max(1)));
    recorder.debt += time.delta();
    if recorder.debt < period {
        return;
    }
    recorder.debt -= period;
    let (clip, index) = recorder.next_place();
    if recorder.waiting.len() < MOST_WAITING {
        let entity = commands.spawn(Screenshot(target)).id();
        recorder.waiting.push(Shot {
            entity,
            clip,
            index,
            held: recorder.held(),
            asked: Instant::now(),
        });
    } else {
        recorder.left_out += 1;
    }
    // One picture may be a little late; more of them cannot be had any more.
    while recorder.debt >= period * 2 {
        recorder.debt -= period;
        recorder.next_place();
        recorder.left_out += 1;
    }
}

fn give_up_on_lost_ones(recorder: &mut GenieRecorder, commands: &mut Commands) {
    let mut lost = 0;
    recorder.waiting.retain(|shot| {
        let gone = shot.asked.elapsed() > PATIENCE;
        if gone {
            lost += 1;
            if let Ok(mut shot) = commands.get_entity(shot.entity) {
                shot.try_despawn();
            }
        }
        !gone
    });
    if lost > 0 {
        recorder.left_out += lost;
        warn!("the recorder waited in vain for {lost} pictures: is anything drawn there?");
    }
}

/// A picture is there.
pub(super) fn take_over(mut shot: On<ScreenshotCaptured>, mut recorder: ResMut<GenieRecorder>) {
    let recorder = recorder.bypass_change_detection();
    let place = recorder
        .waiting
        .iter()
        .position(|w| w.entity == shot.entity);
    if let Some(place) = place {
        let Shot {
            clip, index, held, ..
        } = recorder.waiting.swap_remove(place);
        // Taken, not copied: the recorder alone has asked for it.
        let image = std::mem::take(&mut shot.image);
        recorder.pass_on((clip, index), held, Picture::Image(Box::new(image)));
    }
}
