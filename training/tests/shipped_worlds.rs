//! The worlds in the assets are whole, and start from the pictures beside them.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use genie_model::{Frame, WorldModel};
use genie_training::actions::AnchoredAgent;

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
