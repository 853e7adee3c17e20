//! What the prompt editor says of a picture, on the shipped world, without its window.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "../examples/prompt_editor/drawing.rs"]
#[allow(dead_code)] // The editor uses more of it.
mod drawing;
#[path = "../examples/prompt_editor/palette.rs"]
#[allow(dead_code)]
mod palette;
#[path = "../examples/prompt_editor/study/mod.rs"]
#[allow(dead_code)]
mod study;

use std::path::Path;
use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::GenieModel;
use drawing::Canvas;
use genie_examples::picture;
use genie_model::Frame;
use genie_model::checkpoint::Checkpoint;
use genie_tests::Patience;
use palette::{Palette, Theme};
use study::{Reconstruction, Study, Subject};

fn assets() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets")
}

/// Waits until all is answered.
fn answered(study: &mut Study, palette: &mut Palette) -> Reconstruction {
    let mut patience = Patience::with_this_process();
    while study.pending() {
        assert_eq!(study.take(palette), None);
        assert!(!patience.is_over());
        std::thread::sleep(Duration::from_millis(5));
    }
    *study.canvas.found.clone().unwrap()
}

#[test]
fn pictures_of_the_game_and_noise_are_told_apart_in_words_errors_and_tokens() {
    let path = assets().join("models/platformer.genie.safetensors");
    let model = GenieModel::new(Checkpoint::read(&path).unwrap());
    let (mut study, mut palette) = (Study::default(), Palette::default());
    study.learn(AssetId::default(), &model);
    let meadow = picture::read(&assets().join("prompts/meadow.png")).unwrap();
    study.ask(Subject::Canvas, &Canvas::from(&meadow));
    let known = answered(&mut study, &mut palette);
    assert!(
        known.in_words().starts_with("Just like"),
        "{}",
        known.in_words()
    );
    assert!(known.foreign_share() < 0.02);
    // Each patch has a code, and the codebook says how many have which.
    let uses = known.uses();
    assert_eq!(uses.len(), model.config().tokenizer.quantizer.codes());
    assert_eq!(uses.iter().sum::<u32>() as usize, known.tokens.len());
    let used = uses.iter().filter(|count| **count > 0).count();
    assert!((5..known.tokens.len()).contains(&used), "{used} codes");
    // Sky is one code, over and over.
    assert!(uses.iter().max().unwrap() * 4 > known.tokens.len() as u32);
    let noise = (0..64 * 64 * 3).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8);
    let noise = Frame::from_rgb(64, 64, noise.collect()).unwrap();
    study.ask(Subject::Canvas, &Canvas::from(&noise));
    let foreign = answered(&mut study, &mut palette);
    assert!(
        foreign.in_words().starts_with("Foreign"),
        "{}",
        foreign.in_words()
    );
    assert!(foreign.foreign_share() > 0.9);
    // One patch that the model does not know stands out among those that it does.
    let mut pixels = meadow.pixels().to_vec();
    for (y, x) in (0..8).flat_map(|y| (0..8).map(move |x| (y, x))) {
        let at = (y * 64 + x) * 3;
        pixels[at..at + 3].copy_from_slice(&noise.pixels()[at..at + 3]);
    }
    study.ask(
        Subject::Canvas,
        &Canvas::from(&Frame::from_rgb(64, 64, pixels).unwrap()),
    );
    let mixed = answered(&mut study, &mut palette);
    let worst = (0..mixed.errors.len())
        .max_by(|a, b| mixed.errors[*a].total_cmp(&mixed.errors[*b]))
        .unwrap();
    let patch = model.config().tokenizer.patch;
    let (column, row) = (worst % mixed.columns, worst / mixed.columns);
    assert!(column * patch < 8 && row * patch < 8, "{column}, {row}");
    // Its own patches in the order of their columns are known, and stand where none of them ever stood.
    let turned: Vec<u8> = (0..64 * 64)
        .flat_map(|at| {
            let (y, x) = (at / 64, at % 64);
            let from = (x / 8 * 8 + y % 8) * 64 + y / 8 * 8 + x % 8;
            meadow.pixels()[from * 3..][..3].to_vec()
        })
        .collect();
    let turned = Frame::from_rgb(64, 64, turned).unwrap();
    study.ask(Subject::Canvas, &Canvas::from(&turned));
    let scrambled = answered(&mut study, &mut palette);
    assert!(scrambled.foreign_share() < 0.02);
    let words = scrambled.in_words();
    assert!(words.starts_with("Known patches, put together"), "{words}");
    // The prompts that are cut from play stand as they do in the footage; one is drawn by hand.
    for entry in std::fs::read_dir(assets().join("prompts")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "png") && !path.ends_with("drawing.png")
        {
            study.ask(
                Subject::Canvas,
                &Canvas::from(&picture::read(&path).unwrap()),
            );
            let found = answered(&mut study, &mut palette);
            println!("{}: {}", path.display(), found.in_words());
            assert!(found.misplaced.unwrap() < 0.2, "{}", path.display());
        }
    }
    // The stamps are the model's own patches, sorted by what they look like.
    assert!(palette.len() > 20, "{} stamps", palette.len());
    assert!(palette.of(Theme::Green).next().is_some());
    assert!(palette.of(Theme::Blue).next().is_some());
}

#[test]
fn a_cut_is_studied_beside_the_picture_and_patches_can_be_stopped_and_gone_on_with() {
    let path = assets().join("models/platformer.genie.safetensors");
    let model = GenieModel::new(Checkpoint::read(&path).unwrap());
    let (mut study, mut palette) = (Study::default(), Palette::default());
    study.learn(AssetId::default(), &model);
    let all = model.config().tokenizer.quantizer.codes() as u64;
    let mut patience = Patience::with_this_process();
    while study.patches.parts().0 == 0 {
        assert_eq!(study.take(&mut palette), None);
        assert!(!patience.is_over());
        std::thread::sleep(Duration::from_millis(5));
    }
    study.patches.cancel();
    let read = |name: &str| picture::read(&assets().join("prompts").join(name)).unwrap();
    let (meadow, desert) = (
        Canvas::from(&read("meadow.png")),
        Canvas::from(&read("desert.png")),
    );
    study.ask(Subject::Canvas, &meadow);
    study.ask_about_cut(1, &desert);
    let canvas = answered(&mut study, &mut palette);
    let cut = study.cut.found.clone().unwrap();
    assert_ne!(canvas.version(), cut.version());
    let (done, of) = study.patches.parts();
    assert!(done < all && of == all && study.patches_stopped());
    let found = palette.len();
    // The same cut is not asked about again; another one is.
    study.ask_about_cut(1, &desert);
    assert!(!study.pending());
    study.ask_about_cut(2, &meadow);
    assert!(study.pending());
    answered(&mut study, &mut palette);
    assert_eq!(
        study.cut.found.as_ref().unwrap().version(),
        canvas.version()
    );
    study.want_patches();
    assert!(!study.patches_stopped());
    answered(&mut study, &mut palette);
    assert_eq!(study.patches.parts(), (all, all));
    assert!(palette.len() > found);
}
