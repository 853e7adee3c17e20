//! The worlds behind the panels: the one that is played, and one for each strip.

use bevy::prelude::*;
use bevy_genie::genie_model::psnr;
use bevy_genie::prelude::*;
use genie_examples::held_action::HeldAction;

use crate::Editor;
use crate::picture::show;

/// Frames of a strip, the prompt's included.
const STRIP: u64 = 8;

/// The frames of one latent action, side by side.
pub(crate) struct Strip {
    pub(crate) world: Entity,
    pub(crate) label: String,
    pub(crate) image: Handle<Image>,
}

/// Starts the world to be played and one world for each strip.
pub(crate) fn start_worlds(
    mut editor: ResMut<Editor>,
    models: Res<Assets<GenieModel>>,
    mut images: ResMut<Assets<Image>>,
    mut commands: Commands,
) {
    let editor = editor.bypass_change_detection();
    if !(editor.changed || editor.strips_changed) {
        return;
    }
    let (Some(model), Some(picture)) = (models.get(&editor.model), &editor.picture) else {
        return;
    };
    let (width, height) = (model.config().frame_width, model.config().frame_height);
    let world = GenieWorld::new(editor.model.clone(), picture.clone())
        .with_seed(editor.seed)
        .with_fit(editor.fit);
    let sampler = GenieSampler::from(editor.sampler.clone());
    if editor.changed {
        for world in editor.worlds.drain(..) {
            commands.entity(world).despawn();
        }
        show(&mut images, &editor.shown.picture, picture);
        editor.cut = picture.fitted(width, height, editor.fit).ok();
        if let Some(cut) = &editor.cut {
            show(&mut images, &editor.shown.cut, cut);
        }
        let timeline = GenieTimeline { capacity: 100 };
        editor.worlds.push(
            commands
                .spawn((world.clone(), sampler.clone(), timeline))
                .id(),
        );
        editor.played = 0;
    }
    for strip in editor.strips.drain(..) {
        commands.entity(strip.world).despawn();
    }
    for (action, label) in model.actions().iter().enumerate() {
        let nothing = GeniePicture::filled(width * STRIP as usize, height, [0; 3]);
        let image = images.add(GenieTexture::image(&nothing));
        let clock = GenieClock::default()
            .with_tick_rate(20.0)
            .with_tick_limit(STRIP - 1);
        let deaf = GenieKeyboard { enabled: false };
        let world = (world.clone(), sampler.clone(), clock);
        let world = commands.spawn((world, deaf, HeldAction(action))).id();
        let label = label.name.clone();
        editor.strips.push(Strip {
            world,
            label,
            image,
        });
    }
    (editor.changed, editor.strips_changed) = (false, false);
}

/// Frames of strips go where they belong, and the first frame of the world is the picture as the model sees it.
pub(crate) fn draw_frames(
    mut frames: MessageReader<GenieFrame>,
    mut editor: ResMut<Editor>,
    mut images: ResMut<Assets<Image>>,
) {
    let editor = editor.bypass_change_detection();
    for frame in frames.read() {
        if frame.tick == 0 && editor.worlds.first() == Some(&frame.world) {
            show(&mut images, &editor.shown.redrawn, &frame.pixels);
            let cut = editor.cut.as_ref();
            editor.psnr = cut.map(|cut| psnr(cut.pixels(), frame.pixels.pixels()));
        }
        let Some(strip) = editor
            .strips
            .iter()
            .find(|strip| strip.world == frame.world)
        else {
            continue;
        };
        let Some(mut image) = images.get_mut(&strip.image) else {
            continue;
        };
        let (row, whole) = (frame.pixels.width() * 4, image.width() as usize * 4);
        let (Some(data), true) = (&mut image.data, frame.tick < STRIP) else {
            continue;
        };
        let left = frame.tick as usize * row;
        for (to, from) in data
            .chunks_mut(whole)
            .zip(frame.pixels.to_rgba().chunks(row))
        {
            to[left..left + row].copy_from_slice(from);
        }
    }
}
