//! The worlds in the assets are whole, and start from the pictures beside them.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use genie_model::checkpoint::{Checkpoint, WeightFormat};
use genie_model::{Frame, WorldModel};
use genie_training::actions::AnchoredAgent;
use genie_training::gameplay::{GameplayOptions, generate_dataset};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models")
}

#[test]
fn the_second_world_is_played_by_named_actions_from_its_own_pictures() {
    let path = models().join("coinrun.genie.safetensors");
    assert!(std::fs::metadata(&path).unwrap().len() <= 8 << 20);
    let world = WorldModel::load(&path).unwrap();
    for name in ["left", "right", "jump", "right_jump", "idle"] {
        assert!(world.action_named(name).is_some(), "{name}");
    }
    // What found the actions is inside, so that they can be found in other footage.
    let agent = AnchoredAgent::from_bytes(&path, world.agent().unwrap()).unwrap();
    assert_eq!(agent.actions(), world.action_count());

    let mut prompts = 0;
    for entry in std::fs::read_dir(models().join("coinrun.prompts")).unwrap() {
        let picture = image::open(entry.unwrap().path()).unwrap().to_rgb8();
        let (width, height) = picture.dimensions();
        let frame = Frame::from_rgb(width as usize, height as usize, picture.into_raw()).unwrap();
        let play = |action: &str| {
            let mut rollout = world.prompt(&frame, 1).unwrap();
            let action = world.action_named(action).unwrap();
            for _ in 0..4 {
                rollout.step(action).unwrap();
            }
            rollout.frame().pixels().to_vec()
        };
        assert_ne!(play("right"), play("jump"));
        prompts += 1;
    }
    assert!(prompts >= 3);
}

#[test]
fn a_world_that_guidance_tears_is_labelled_to_be_played_without_as_much() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    generate_dataset(&at("data"), 4, 24, 5, GameplayOptions::ALIGNED, &|_| ()).unwrap();
    let mut torn = Checkpoint::read(models().join("platformer.genie.safetensors")).unwrap();
    torn.config.dynamics.action_guidance = 10.0;
    torn.write(at("torn"), WeightFormat::F16).unwrap();
    let labelled = |more: &[&str]| {
        let ended = Command::new(env!("CARGO_BIN_EXE_genie"))
            .args(["label", "--clips", "2", "--prompts", "8", "--checkpoint"])
            .arg(at("torn"))
            .arg("--data")
            .arg(at("data"))
            .arg("--out")
            .arg(at("out"))
            .args(more)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
        let dynamics = Checkpoint::read(at("out")).unwrap().config.dynamics;
        dynamics.action_guidance
    };
    assert!(labelled(&[]) <= 5.0);
    assert!((labelled(&["--keep-sampling"]) - 10.0).abs() < 1e-6);
    // What is measured under another guidance than the world's own is no reason to change that.
    assert!((labelled(&["--action-guidance", "0"]) - 10.0).abs() < 1e-6);
}
