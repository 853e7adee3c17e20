//! The best run beside the player's.

use bevy::prelude::*;

use crate::harness::{Game, Start, run};
use crate::play::Run;

/// Pixels of the ghost, once it is seen: the one sprite that lies over the level.
fn ghost(world: &mut World) -> Option<Vec<u8>> {
    let mut sprites = world.query::<(&Sprite, &Transform, &Visibility)>();
    let over = |(_, place, visibility): &(&Sprite, &Transform, &Visibility)| {
        place.translation.z > 1.5 && **visibility == Visibility::Visible
    };
    let image = sprites.iter(world).find(over)?.0.image.clone();
    world.resource::<Assets<Image>>().get(&image)?.data.clone()
}

#[test]
fn the_ghost_is_a_hero_without_what_is_behind_it_whenever_it_is_seen() {
    let data = tempfile::tempdir().unwrap();
    let start = Start {
        run_ticks: 8,
        ..Start::default()
    };
    let mut game = Game::started(data.path(), start);
    let mut world = game.begin();
    assert_eq!(ghost(game.app.world_mut()), None, "nobody has run before");
    for _ in 0..3 {
        game.until("the end of the run", |w| {
            w.get::<Run>(world).is_some_and(|run| run.result.is_some())
        });
        game.settle();
        game.tap(KeyCode::Enter);
        let before = world;
        game.until("the run again", |w| run(w).is_some_and(|run| run != before));
        world = run(game.app.world_mut()).unwrap();
        let mut seen = 0;
        game.until("the ghost, in more than one frame", |w| {
            if let Some(pixels) = ghost(w) {
                let clear = pixels.chunks_exact(4).filter(|pixel| pixel[3] == 0);
                let clear = clear.count();
                assert!((1..8 * 16).contains(&clear), "{clear} of 128 are clear");
                seen += 1;
            }
            seen > 20
        });
    }
}
