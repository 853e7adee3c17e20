//! Frames that fade into each other on display.

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;

use crate::output::frame::GenieTexture;
use crate::output::frame::write_texture;
use crate::world::component::GenieClock;
use crate::world::runtime::WorldRuntime;
use genie_model::Frame;

/// On a world's entity, makes its texture fade from each frame to the next, so that few frames a second look smoother.
///
/// What is seen then lags behind [`GenieFrame`](crate::GenieFrame), which always is the newest frame, by up to a tick.
/// Prompts and jumps are shown at once. It mixes pixels and uploads the texture in every frame of the game while a fade
/// lasts: about 10 microseconds of the main thread for 64x64 pixels, in place of one upload per tick.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
#[require(Fade)]
pub struct GenieBlend {
    /// Part of the time between two ticks that a fade takes: 1 for all of it, unless changed; 0 for none.
    pub share: f32,
}

impl Default for GenieBlend {
    fn default() -> Self {
        Self { share: 1.0 }
    }
}

/// The fade under way, if any.
#[derive(Component, Debug, Default)]
pub(crate) struct Fade(Option<Crossfade>);

#[derive(Debug)]
struct Crossfade {
    from: Arc<Frame>,
    to: Arc<Frame>,
    elapsed: Duration,
}

impl Fade {
    pub(crate) fn begin(&mut self, from: Arc<Frame>, to: Arc<Frame>) {
        let elapsed = Duration::ZERO;
        self.0 = Some(Crossfade { from, to, elapsed });
    }

    pub(crate) fn end(&mut self) {
        self.0 = None;
    }
}

/// Shows the fades under way.
pub(crate) fn blend_frames(
    time: Res<Time>,
    mut images: ResMut<Assets<Image>>,
    mut worlds: Query<(
        Option<&GenieBlend>,
        &GenieClock,
        &GenieTexture,
        &WorldRuntime,
        &mut Fade,
    )>,
) {
    for (blend, clock, texture, runtime, mut fade) in &mut worlds {
        // Read first: a write would count as a change in every frame of the game.
        if fade.0.is_none() {
            continue;
        }
        let Some(Crossfade { from, to, elapsed }) = &mut fade.0 else {
            continue;
        };
        *elapsed += time.delta();
        let period = runtime.period.as_secs_f32();
        let speed = if clock.speed > 0.0 { clock.speed } else { 1.0 };
        let lasts = blend.map_or(0.0, |blend| blend.share.max(0.0)) * period / speed;
        let progress = elapsed.as_secs_f32() / lasts.max(1e-6);
        let size = UVec2::new(to.width() as u32, to.height() as u32);
        if progress < 1.0 {
            write_texture(&mut images, texture, size, mixed(from, to, progress));
        } else {
            write_texture(&mut images, texture, size, to.to_rgba());
            fade.end();
        }
    }
}

/// RGBA bytes of a picture between two of one size.
fn mixed(from: &Frame, to: &Frame, progress: f32) -> Vec<u8> {
    let weight = (progress.clamp(0.0, 1.0) * 256.0) as u32;
    let mix =
        |from: u8, to: u8| ((u32::from(from) * (256 - weight) + u32::from(to) * weight) >> 8) as u8;
    let mut rgba = vec![255; from.pixels().len() / 3 * 4];
    let pairs = from
        .pixels()
        .chunks_exact(3)
        .zip(to.pixels().chunks_exact(3));
    for (pixel, (from, to)) in rgba.chunks_exact_mut(4).zip(pairs) {
        for channel in 0..3 {
            pixel[channel] = mix(from[channel], to[channel]);
        }
    }
    rgba
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_lies_between_its_frames() {
        let (from, to) = (
            Frame::filled(2, 1, [0, 200, 7]),
            Frame::filled(2, 1, [100, 0, 7]),
        );
        assert_eq!(mixed(&from, &to, 0.0), from.to_rgba());
        assert_eq!(mixed(&from, &to, 1.0), to.to_rgba());
        assert_eq!(mixed(&from, &to, 0.5), [50, 100, 7, 255, 50, 100, 7, 255]);
    }
}
