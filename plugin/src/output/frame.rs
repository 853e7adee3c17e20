//! The output of a world: a texture to show and frames to read.

use std::sync::Arc;
use std::time::Duration;

use bevy::image::ImageSampler;
use bevy::prelude::*;

use genie_model::Frame;

/// The image that shows the newest frame of a world: a `Sprite`, an `ImageNode` or a
/// `MeshMaterial3d<StandardMaterial>` on the world's entity shows it by itself, anything else takes a clone of the handle.
///
/// The handle is reserved when the world is spawned and never changes. The image behind it appears with
/// [`GenieReady`](crate::GenieReady): `Rgba8UnormSrgb`, sampled nearest, of the model's frame size; it is written in
/// place when a frame arrives and not otherwise. Spawn the component yourself, with a handle from
/// `Assets::<Image>::reserve_handle`, to know the handle beforehand or to share it.
#[derive(Component, Reflect, Clone, Debug, Default)]
#[reflect(Component, Default, Debug, Clone)]
pub struct GenieTexture(pub Handle<Image>);

impl GenieTexture {
    /// An image of one frame, of the format and sampling of worlds' own.
    pub fn image(frame: &Frame) -> Image {
        let size = UVec2::new(frame.width() as u32, frame.height() as u32);
        frame_image(size, frame.to_rgba())
    }
}

/// A frame that has arrived: the component holds the newest one of its world, and a message is written for each.
///
/// Frames of a reset world are numbered from 0 again.
#[derive(Component, Message, Reflect, Clone, Debug)]
#[reflect(from_reflect = false)]
#[reflect(Component, Debug, Clone)]
pub struct GenieFrame {
    /// The world.
    pub world: Entity,
    /// 0 for the prompt as the model sees it, then one more for each generated frame.
    pub tick: u64,
    /// The latent action that led here, 0 to `A - 1`; `None` for the prompt.
    pub action: Option<usize>,
    /// From the request to the frame's arrival on the main thread.
    pub latency: Duration,
    /// From the first press or release that this frame shows to the frame's arrival; `None` if there was none.
    pub input_latency: Option<Duration>,
    /// The picture, for scores and triggers.
    #[reflect(ignore)]
    pub pixels: Arc<Frame>,
    /// What the model made the picture from, for comparing places and times.
    #[reflect(ignore)]
    pub tokens: Arc<GenieTokens>,
}

/// The tokens of a frame: one for each patch, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GenieTokens {
    /// Patches in a row.
    pub columns: usize,
    /// `N` numbers of codebook entries, each below `V`; of tokens of several codes the first one, which says most.
    pub tokens: Vec<u32>,
}

/// An image for frames of this size in pixels, filled with `rgba`.
fn frame_image(size: UVec2, rgba: Vec<u8>) -> Image {
    // The default image is one `Rgba8UnormSrgb` pixel that can be sampled and written to; only its size is not ours.
    let mut image = Image::default();
    image.texture_descriptor.size.width = size.x;
    image.texture_descriptor.size.height = size.y;
    image.data = Some(rgba);
    image.sampler = ImageSampler::nearest();
    image
}

/// Writes the frame into the world's image, in place if there is one of its size.
pub(crate) fn write_texture(
    images: &mut Assets<Image>,
    texture: &GenieTexture,
    size: UVec2,
    rgba: Vec<u8>,
) {
    if let Some(mut image) = images.get_mut(&texture.0)
        && image.size() == size
    {
        image.data = Some(rgba);
    } else if let Err(error) = images.insert(&texture.0, frame_image(size, rgba)) {
        warn!("the texture of a world cannot be written: {error}");
    }
}
