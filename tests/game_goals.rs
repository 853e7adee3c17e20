//! The score that the game reads out of pictures, against the true score of real footage.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "../examples/generative_level/goals/mod.rs"]
#[allow(dead_code)] // The game uses more of it.
mod goals;

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_training::gameplay::{
    FRAME_BYTES, FRAME_SIZE, GameplayRules, GameplayWorld, Player, Steer, TrueAction,
};

use goals::{Goals, GoalsPlugin, Happening, Seen, Tally};

fn app() -> App {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin::default(),
        ImagePlugin::default(),
        GeniePlugin::default(),
        GoalsPlugin,
    ));
    app.finish();
    app.cleanup();
    app
}

fn picture(game: &GameplayWorld) -> Arc<GeniePicture> {
    let mut pixels = vec![0; FRAME_BYTES];
    game.render(&mut pixels);
    Arc::new(GeniePicture::from_rgb(FRAME_SIZE, FRAME_SIZE, pixels).unwrap())
}

fn show(app: &mut App, world: Entity, tick: u64, pixels: &Arc<GeniePicture>) {
    app.world_mut().write_message(GenieFrame {
        world,
        tick,
        action: None,
        latency: Duration::ZERO,
        input_latency: None,
        pixels: Arc::clone(pixels),
        tokens: Arc::default(),
    });
    app.update();
}

/// Plays a world of the built-in platformer in front of the goals, and returns what they read and what is true.
fn read(
    rules: GameplayRules,
    seed: u64,
    frames: u64,
    choose: &mut dyn FnMut(&GameplayWorld) -> TrueAction,
) -> (Tally, Tally) {
    let mut app = app();
    let world = app.world_mut().spawn(Goals::default()).id();
    let mut game = GameplayWorld::with_rules(seed, rules);
    let (start, had) = (game.hero_x(), game.coins_taken());
    let mut truth = Tally::default();
    for tick in 0..frames {
        if tick > 0 {
            let (height, action) = (game.hero_y(), choose(&game));
            game.step(action);
            truth.falls += u32::from(height > 40 && game.hero_y() == 0);
        }
        truth.position = (game.hero_x() - start) as i32;
        truth.furthest = truth.furthest.max(truth.position);
        show(&mut app, world, tick, &picture(&game));
    }
    truth.coins = (game.coins_taken() - had) as u32;
    (app.world().get::<Goals>(world).unwrap().tally(), truth)
}

/// Sums over many worlds: what was read, what is true, and the differences of coins and metres.
#[derive(Default)]
struct Sums {
    read: Tally,
    truth: Tally,
    coins_off: u32,
    metres_off: u32,
}

impl Sums {
    fn add(&mut self, (read, truth): (Tally, Tally)) {
        for (sum, tally) in [(&mut self.read, read), (&mut self.truth, truth)] {
            sum.coins += tally.coins;
            sum.furthest += tally.furthest;
            sum.falls += tally.falls;
        }
        self.coins_off += read.coins.abs_diff(truth.coins);
        self.metres_off += read.metres().abs_diff(truth.metres());
    }
}

/// However the hero runs and jumps, and the camera follows.
const ALL_RULES: [GameplayRules; 2] = [GameplayRules::ALIGNED, GameplayRules::FREE];

#[test]
fn coins_distance_and_falls_are_read_off_the_pictures() {
    for rules in ALL_RULES {
        are_read_off_the_pictures(rules);
    }
}

fn are_read_off_the_pictures(rules: GameplayRules) {
    let mut sums = Sums::default();
    for seed in 0..12 {
        let mut player = Player::new(seed);
        sums.add(read(rules, seed, 200, &mut |game| player.choose(game)));
    }
    for seed in 0..20 {
        // Walks right into the first gap; at a wall it hops.
        let mut last = None;
        sums.add(read(rules, seed, 120, &mut |game| {
            let stuck = last.replace(game.hero_x()) == Some(game.hero_x());
            TrueAction::new(Steer::Right, stuck)
        }));
    }
    let truth = sums.truth;
    assert!(
        truth.coins >= 40 && truth.falls >= 10,
        "too little to see: {truth:?}"
    );
    assert_eq!(sums.read.falls, truth.falls);
    assert!(
        sums.coins_off * 5 <= truth.coins,
        "{} coins off, of {}",
        sums.coins_off,
        truth.coins
    );
    assert!(
        sums.metres_off * 20 <= truth.metres(),
        "{} metres off, of {}",
        sums.metres_off,
        truth.metres()
    );
}

#[test]
fn a_rewound_world_has_the_score_that_it_had() {
    let mut app = app();
    let world = app.world_mut().spawn(Goals::default()).id();
    let mut game = GameplayWorld::with_rules(3, GameplayRules::ALIGNED);
    let mut frames = Vec::new();
    let mut tallies = Vec::new();
    for tick in 0..40 {
        frames.push(picture(&game));
        show(&mut app, world, tick, &frames[tick as usize]);
        tallies.push(app.world().get::<Goals>(world).unwrap().tally());
        game.step(TrueAction::new(Steer::Right, tick % 8 < 3));
    }
    assert!(tallies[39].position > tallies[20].position);
    show(&mut app, world, 20, &frames[20]);
    assert_eq!(
        app.world().get::<Goals>(world).unwrap().tally(),
        tallies[20]
    );
    show(&mut app, world, 21, &frames[21]);
    assert_eq!(
        app.world().get::<Goals>(world).unwrap().tally(),
        tallies[21]
    );
}

#[test]
fn jumps_are_heard_of_when_the_hero_leaves_the_ground_and_not_while_it_flutters_on() {
    for rules in ALL_RULES {
        are_heard_of(rules);
    }
}

fn are_heard_of(rules: GameplayRules) {
    let (mut seen, mut truth, mut together) = (0, 0, 0);
    for seed in 0..12 {
        let mut app = app();
        let world = app.world_mut().spawn(Goals::default()).id();
        let mut game = GameplayWorld::with_rules(seed, rules);
        let mut player = Player::new(seed);
        show(&mut app, world, 0, &picture(&game));
        for tick in 1..160 {
            let (height, action) = (game.hero_y(), player.choose(&game));
            let stood = game.on_ground();
            game.step(action);
            let jumped = stood && game.hero_y() + 4 <= height;
            show(&mut app, world, tick, &picture(&game));
            let mut messages = app.world_mut().resource_mut::<Messages<Seen>>();
            let jump = messages
                .drain()
                .any(|seen| seen.world == world && seen.what == Happening::Jump);
            seen += u32::from(jump);
            truth += u32::from(jumped);
            together += u32::from(jump && jumped);
        }
    }
    assert!(truth >= 40, "too little to see: {truth} jumps");
    assert!(
        together * 20 >= truth * 19 && together * 20 >= seen * 19,
        "{together} of {truth} jumps seen, and {seen} said to be"
    );
}
