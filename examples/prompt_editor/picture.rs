//! The picture: from a file to a frame, and onto the screen.

use std::path::Path;

use bevy::prelude::*;
use bevy_genie::prelude::*;

/// Pictures with longer edges are made smaller when they are opened, in pixels.
const LARGEST: usize = 1024;

/// Reads a picture file of any kind that `image` knows.
pub(crate) fn read(path: &Path) -> Result<GeniePicture, String> {
    let mut reader = image::ImageReader::open(path).map_err(|error| error.to_string())?;
    reader.limits(image::Limits::default());
    let reader = reader
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let picture = reader.decode().map_err(|error| error.to_string())?;
    let largest = LARGEST as u32;
    let picture = if picture.width().max(picture.height()) > largest {
        picture.thumbnail(largest, largest)
    } else {
        picture
    };
    let picture = picture.into_rgba8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    GeniePicture::from_rgba(width, height, &picture).map_err(|error| error.to_string())
}

/// Draws a frame into an image.
pub(crate) fn show(images: &mut Assets<Image>, handle: &Handle<Image>, frame: &GeniePicture) {
    if let Err(error) = images.insert(handle, GenieTexture::image(frame)) {
        warn!("a picture cannot be shown: {error}");
    }
}
