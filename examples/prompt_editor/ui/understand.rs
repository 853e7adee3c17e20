//! The picture beside what the model makes of it: its error in colours, its tokens, and a verdict in words.

use bevy_egui::egui;
use bevy_genie::prelude::*;

use super::Work;
use super::textures::{Textures, picture};
use crate::drawing::Canvas;
use crate::study::Reconstruction;

/// Height of the panel without its pictures, in points.
const REST: f32 = 170.0;
/// Cells in a row of the codebook.
const CODES_IN_A_ROW: usize = 64;

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures, tokens: &mut bool) {
    let Some(found) = &work.study.canvas.found else {
        ui.weak(if work.lines.without_model {
            "there is no model"
        } else {
            "the model is being loaded"
        });
        return;
    };
    ui.label(found.in_words());
    ui.horizontal(|ui| {
        ui.selectable_value(tokens, false, "errors")
            .on_hover_text("the brighter, the more the model's picture differs");
        ui.selectable_value(tokens, true, "tokens")
            .on_hover_text("the code of each patch, in a colour of its own");
        if work.study.canvas.pending() {
            ui.spinner();
        }
    });
    let canvas = work.project.canvas.now();
    let version = found.version();
    // Words and codebook stay in sight below.
    let tallest = (ui.clip_rect().height() - REST).max(48.0);
    let edge = ((ui.available_width() - 24.0) / 3.0).clamp(48.0, 192.0);
    let edge = edge.min(tallest);
    let square = egui::Vec2::splat(edge);
    let show_tokens = *tokens;
    ui.horizontal_wrapped(|ui| {
        let prompt = textures.show(ui.ctx(), "canvas", work.project.version, || {
            canvas.picture()
        });
        picture(ui, prompt.id, square, "the prompt");
        let drawn = textures.show(ui.ctx(), "redrawn", version, || found.picture.clone());
        picture(ui, drawn.id, square, "as the model draws it");
        if show_tokens {
            let view = textures.show(ui.ctx(), "tokens", version, || token_view(found));
            let response = picture(ui, view.id, square, "its tokens");
            if let Some(pointer) = response.hover_pos() {
                let rows = (found.tokens.len() / found.columns.max(1)).max(1);
                let at = (pointer - response.rect.min) / response.rect.size();
                let column = ((at.x * found.columns as f32) as usize).min(found.columns - 1);
                let row = ((at.y * rows as f32) as usize).min(rows - 1);
                if let Some(code) = found.tokens.get(row * found.columns + column) {
                    response.on_hover_text_at_pointer(format!("code {code}"));
                }
            }
        } else {
            let canvas = canvas.clone();
            let map = textures.show(ui.ctx(), "errors", version ^ work.project.version, || {
                error_map(&canvas, &found.picture)
            });
            picture(ui, map.id, square, "where they differ");
        }
    });
    codebook(ui, found, textures, version);
}

/// The whole codebook, a cell for each code: dark where the picture does not use it, brighter the more patches have it.
fn codebook(ui: &mut egui::Ui, found: &Reconstruction, textures: &mut Textures, version: u64) {
    let uses = found.uses();
    let used = uses.iter().filter(|count| **count > 0).count();
    let all = found.codes;
    ui.weak(format!(
        "{used} of the model's {all} codes are in the picture"
    ));
    let rows = all.div_ceil(CODES_IN_A_ROW).max(1);
    let map = textures.show(ui.ctx(), "codebook", version, || codebook_map(&uses, rows));
    let cell = (ui.available_width() / CODES_IN_A_ROW as f32).clamp(3.0, 10.0);
    let size = egui::vec2(CODES_IN_A_ROW as f32, rows as f32) * cell;
    let image = egui::Image::new((map.id, size)).alt_text("the codebook");
    let response = ui.add(image.sense(egui::Sense::hover()));
    if let Some(pointer) = response.hover_pos() {
        let at = ((pointer - response.rect.min) / cell).floor();
        let code = at.y as usize * CODES_IN_A_ROW + at.x as usize;
        if let Some(count) = uses.get(code) {
            let patches = if *count == 1 { "patch" } else { "patches" };
            response.on_hover_text_at_pointer(format!("code {code}: {count} {patches}"));
        }
    }
}

fn codebook_map(uses: &[u32], rows: usize) -> GeniePicture {
    let most = uses.iter().max().copied().unwrap_or(0).max(1) as f32;
    let cells = (0..rows * CODES_IN_A_ROW).flat_map(|code| match uses.get(code) {
        // After the last code.
        None => [27, 29, 35],
        Some(0) => [44, 47, 56],
        Some(count) => {
            let share = 0.4 + 0.6 * (*count as f32).ln_1p() / most.ln_1p();
            [255.0, 209.0, 82.0].map(|part| (part * share) as u8)
        }
    });
    GeniePicture::from_rgb(CODES_IN_A_ROW, rows, cells.collect())
        .unwrap_or_else(|_| GeniePicture::filled(1, 1, [0; 3]))
}

/// Black where both are the same, through red and yellow to white.
fn error_map(canvas: &Canvas, redrawn: &GeniePicture) -> GeniePicture {
    let picture = canvas.picture();
    let pairs = picture
        .pixels()
        .chunks_exact(3)
        .zip(redrawn.pixels().chunks_exact(3));
    let pixels: Vec<u8> = pairs
        .flat_map(|(a, b)| {
            let most = a
                .iter()
                .zip(b)
                .map(|(a, b)| a.abs_diff(*b))
                .max()
                .unwrap_or(0);
            let heat = f32::from(most) / 96.0;
            [heat * 3.0, heat * 3.0 - 1.0, heat * 3.0 - 2.0]
                .map(|part| (part.clamp(0.0, 1.0) * 255.0) as u8)
        })
        .collect();
    let (width, height) = (redrawn.width(), redrawn.height());
    GeniePicture::from_rgb(width, height, pixels)
        .unwrap_or_else(|_| GeniePicture::filled(width, height, [0; 3]))
}

/// Each code in a colour of its own.
fn token_view(found: &Reconstruction) -> GeniePicture {
    let colour = |code: u32| {
        let hash = u64::from(code).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        [hash >> 56, hash >> 48, hash >> 40].map(|part| 48 + (part as u8) / 5 * 4)
    };
    let pixels: Vec<u8> = found.tokens.iter().flat_map(|code| colour(*code)).collect();
    let rows = found.tokens.len() / found.columns.max(1);
    GeniePicture::from_rgb(found.columns, rows, pixels)
        .unwrap_or_else(|_| GeniePicture::filled(1, 1, [0; 3]))
}
