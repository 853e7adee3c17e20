//! `--script` in a window.

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::harness::{Game, Start, run, screen};
use crate::play::Run;
use crate::states::Screen;

#[derive(Resource, Default)]
struct Played(Vec<(u64, Option<usize>)>);

/// A game under a script, and what was played in its run.
fn played(script: &str) -> (tempfile::TempDir, Game) {
    let data = tempfile::tempdir().unwrap();
    let start = Start {
        script: Some(script.parse().unwrap()),
        run_ticks: 12,
        ..Start::default()
    };
    let mut game = Game::started(data.path(), start);
    game.app.init_resource::<Played>().add_systems(
        Last,
        |mut frames: MessageReader<GenieFrame>,
         runs: Query<(), With<Run>>,
         mut played: ResMut<Played>| {
            for frame in frames.read().filter(|frame| runs.contains(frame.world)) {
                played.0.push((frame.tick, frame.action));
            }
        },
    );
    (data, game)
}

#[test]
fn a_script_plays_a_run_by_itself_and_the_keys_do_not() {
    let (_data, mut game) = played("right:5,idle:20");
    game.until("the run", |world| run(world).is_some());
    assert_eq!(screen(game.app.world()), Screen::Play);
    game.key(KeyCode::ArrowLeft, true);
    let over = |world: &mut World| {
        let mut runs = world.query::<&Run>();
        runs.iter(world).any(|run| run.result.is_some())
    };
    game.until("the end of the run", over);
    game.key(KeyCode::ArrowLeft, false);
    let world = game.app.world_mut();
    let model = world
        .query::<&GenieWorld>()
        .iter(world)
        .next()
        .unwrap()
        .model
        .clone();
    let models = world.resource::<Assets<GenieModel>>();
    let actions = models.get(&model).unwrap().actions();
    let named = |name: &str| actions.iter().position(|label| label.name == name);
    let played = &world.resource::<Played>().0;
    let at = |tick: u64| played.iter().find(|frame| frame.0 == tick).unwrap().1;
    // A key that comes a frame late on a busy machine moves a border, not the middle.
    assert_eq!(
        (at(3), at(10)),
        (named("right"), named("idle")),
        "{played:?}"
    );
    assert!(named("left").is_some() && played.iter().all(|frame| frame.1 != named("left")));
    // Nobody's best run.
    let mut runs = world.query::<&Run>();
    assert!(
        runs.iter(world)
            .all(|run| run.result.is_none_or(|(_, best)| !best))
    );
}

#[test]
fn what_the_script_does_not_know_is_said() {
    let (_data, mut game) = played("fly:5");
    game.until("the run", |world| run(world).is_some());
    game.settle();
    assert!(game.said().contains("`fly`"), "{}", game.said());
}
