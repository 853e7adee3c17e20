//! Pictures on their way to the screen: uploaded when they change and not otherwise.

use std::collections::HashMap;

use bevy_egui::egui::{self, load::SizedTexture};
use bevy_genie::prelude::*;

/// Textures by name, with what they show.
#[derive(Default)]
pub(crate) struct Textures {
    all: HashMap<String, (u64, egui::TextureHandle)>,
}

impl Textures {
    /// The texture of this name, made anew if `version` is another one than last time.
    pub(crate) fn show(
        &mut self,
        ctx: &egui::Context,
        name: &str,
        version: u64,
        picture: impl FnOnce() -> GeniePicture,
    ) -> SizedTexture {
        if let Some((shown, texture)) = self.all.get_mut(name) {
            if *shown != version {
                texture.set(image(&picture()), egui::TextureOptions::NEAREST);
                *shown = version;
            }
            return SizedTexture::from_handle(texture);
        }
        let texture = ctx.load_texture(name, image(&picture()), egui::TextureOptions::NEAREST);
        let sized = SizedTexture::from_handle(&texture);
        self.all.insert(name.to_owned(), (version, texture));
        sized
    }
}

fn image(picture: &GeniePicture) -> egui::ColorImage {
    egui::ColorImage::from_rgb([picture.width(), picture.height()], picture.pixels())
}

/// Width of the names below pictures in points: pictures stand in columns, however small they are.
const COLUMN: f32 = 96.0;

/// A picture with its name below.
pub(super) fn picture(
    ui: &mut egui::Ui,
    id: egui::TextureId,
    size: egui::Vec2,
    name: &str,
) -> egui::Response {
    ui.vertical(|ui| {
        ui.set_width(size.x.max(COLUMN));
        let image = egui::Image::new((id, size)).alt_text(name);
        let response = ui.add(image.sense(egui::Sense::hover()));
        ui.small(name);
        response
    })
    .inner
}

/// Where a picture is shown: as large as fits, each of its pixels a whole number of the screen's if it grows.
pub(crate) fn fitted(room: egui::Rect, size: egui::Vec2, pixels_per_point: f32) -> egui::Rect {
    let fits = (room.size() / size).min_elem().max(0.01);
    let dense = fits * pixels_per_point;
    let scale = if dense > 1.0 {
        dense.floor() / pixels_per_point
    } else {
        fits
    };
    let shown = size * scale;
    let corner = room.center() - shown / 2.0;
    let snap = |value: f32| (value * pixels_per_point).round() / pixels_per_point;
    egui::Rect::from_min_size(egui::pos2(snap(corner.x), snap(corner.y)), shown)
}

/// The whole of a texture.
pub(crate) const WHOLE: egui::Rect = egui::Rect {
    min: egui::pos2(0.0, 0.0),
    max: egui::pos2(1.0, 1.0),
};
