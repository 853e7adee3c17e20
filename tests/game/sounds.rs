//! What is heard when, how it sounds, and how loud.

use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::{Duration, Instant};

use bevy::prelude::*;

use crate::goals::{Happening, Seen};
use crate::harness::Game;
use crate::settings::{LOUDEST, Settings};
use crate::sound::{Mixer, Sound, SoundCommand, Speaker, Throttle};

const RATE: u32 = 44_100;

/// How often a wave goes up through zero, in hertz.
fn pitch(samples: &[f32]) -> f32 {
    let rises = samples
        .windows(2)
        .filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0);
    rises.count() as f32 * RATE as f32 / samples.len() as f32
}

fn loudest(samples: &[f32]) -> f32 {
    samples
        .iter()
        .fold(0.0, |most, sample| most.max(sample.abs()))
}

fn is_silent(samples: &[f32]) -> bool {
    loudest(samples) < 1e-9
}

#[test]
fn each_sound_is_short_clean_and_unlike_the_others() {
    let mut all: Vec<Vec<f32>> = Vec::new();
    for sound in Sound::ALL {
        let samples = sound.samples(RATE);
        let seconds = samples.len() as f32 / RATE as f32;
        assert!(
            (0.03..1.2).contains(&seconds),
            "{sound:?} takes {seconds} s"
        );
        let most = loudest(&samples);
        assert!((0.05..=1.0).contains(&most), "{sound:?}: {most}");
        // A jump from sample to sample is heard as a click; the steepest tone here moves by far less at its ends.
        let (first, last) = (samples[0].abs(), samples[samples.len() - 1].abs());
        assert!(
            first < 0.01 && last < 0.01,
            "{sound:?} begins at {first}, ends at {last}"
        );
        // The same sound at another rate is as long and as high.
        let half = sound.samples(RATE / 2);
        assert!(half.len().abs_diff(samples.len() / 2) <= 8, "{sound:?}");
        let apart = (pitch(&half) / 2.0 - pitch(&samples)).abs();
        assert!(apart < pitch(&samples) * 0.1, "{sound:?}: {apart} Hz apart");
        assert!(!all.contains(&samples), "{sound:?} sounds like another one");
        all.push(samples);
    }
}

#[test]
fn a_coin_and_a_jump_go_up_and_a_fall_goes_down() {
    let ends = |sound: Sound| {
        let samples = sound.samples(RATE);
        let third = samples.len() / 3;
        (pitch(&samples[..third]), pitch(&samples[2 * third..]))
    };
    for sound in [Sound::Jump, Sound::Best] {
        let (first, last) = ends(sound);
        assert!(last > first * 1.2, "{sound:?}: {first} Hz to {last} Hz");
    }
    let coin = Sound::Coin.samples(RATE);
    let beginning = pitch(&coin[..RATE as usize / 20]);
    let rest = pitch(&coin[RATE as usize / 10..]);
    assert!(rest > beginning * 1.2, "{beginning} Hz to {rest} Hz");
    for sound in [Sound::Fall, Sound::Over, Sound::Rewind] {
        let (first, last) = ends(sound);
        assert!(last < first * 0.8, "{sound:?}: {first} Hz to {last} Hz");
    }
}

fn mixed(commands: &[SoundCommand], seconds: f32) -> Vec<f32> {
    let (sender, receiver) = sync_channel(64);
    let mut mixer = Mixer::new(RATE, receiver);
    for order in commands {
        sender.send(*order).unwrap();
    }
    assert!(mixer.execute());
    let count = (seconds * RATE as f32) as usize;
    (0..count).map(|_| mixer.next_sample()).collect()
}

#[test]
fn the_mixer_adds_sounds_up_and_never_goes_beyond_what_a_device_takes() {
    assert!(is_silent(&mixed(&[], 0.1)));
    let one = mixed(&[SoundCommand::Play(Sound::Coin)], 1.5);
    assert!(loudest(&one) > 0.1);
    assert!(is_silent(&one[RATE as usize..]), "a sound comes to its end");
    let all = Sound::ALL.map(SoundCommand::Play);
    let together = mixed(&all, 0.5);
    assert!(loudest(&together) > loudest(&one));
    assert!(loudest(&together) <= 1.0);
    let half = mixed(
        &[SoundCommand::Volume(0.5), SoundCommand::Play(Sound::Coin)],
        1.5,
    );
    for (half, whole) in half.iter().zip(&one) {
        assert!((half * 2.0 - whole).abs() < 1e-6);
    }
    let mute = mixed(
        &[SoundCommand::Volume(0.0), SoundCommand::Play(Sound::Coin)],
        0.5,
    );
    assert!(is_silent(&mute));
    // Whoever gave the commands is gone.
    let (sender, receiver) = sync_channel(1);
    let mut mixer = Mixer::new(RATE, receiver);
    drop(sender);
    assert!(!mixer.execute());
}

/// A game whose commands to the device come here instead.
fn overheard(
    data: &std::path::Path,
) -> (
    Game,
    Receiver<SoundCommand>,
    std::sync::mpsc::Sender<String>,
) {
    let mut game = Game::new(data);
    let (problem, problems) = channel();
    let (speaker, commands) = Speaker::new(problems);
    game.app.insert_resource(speaker);
    (game, commands, problem)
}

#[test]
fn the_volume_of_the_settings_is_the_volume_of_the_device() {
    let data = tempfile::tempdir().unwrap();
    let (mut game, commands, _problem) = overheard(data.path());
    let mut heard_at = |volume: u32| {
        game.app.world_mut().resource_mut::<Settings>().volume = volume;
        game.settle();
        // A move in a menu makes a sound.
        game.tap(KeyCode::ArrowDown);
        let commands: Vec<SoundCommand> = commands.try_iter().collect();
        assert!(
            commands.contains(&SoundCommand::Play(Sound::Move)),
            "{commands:?}"
        );
        loudest(&mixed(&commands, 0.1))
    };
    let (mute, soft, loud) = (heard_at(0), heard_at(3), heard_at(LOUDEST));
    assert!(mute < 1e-9, "{mute}");
    assert!(soft > 0.0 && loud > soft * 2.0, "{soft} and {loud}");
    // In the settings it is a row of its own.
    game.tap(KeyCode::ArrowUp);
    game.tap(KeyCode::ArrowUp);
    game.tap(KeyCode::ArrowUp);
    game.tap(KeyCode::Escape);
}

#[test]
fn a_missing_device_is_said_once_and_the_game_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let (mut game, commands, problem) = overheard(data.path());
    problem.send("there is no sound device".to_owned()).unwrap();
    problem.send("there is no sound device".to_owned()).unwrap();
    drop(commands);
    game.settle();
    game.settle();
    assert_eq!(
        game.said().matches("there is no sound device").count(),
        1,
        "{}",
        game.said()
    );
    let world = game.begin();
    // More commands than anybody would wait for go nowhere, and hold nothing up.
    for _ in 0..200 {
        game.app
            .world_mut()
            .write_message(crate::sound::PlaySound(Sound::Coin));
    }
    game.until("the run goes on", |w| crate::harness::tick(w, world) > 2);
}

#[test]
fn the_run_is_heard_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let mut game = Game::new(data.path());
    game.tap(KeyCode::ArrowDown);
    game.tap(KeyCode::ArrowUp);
    assert_eq!(game.heard(Sound::Move), 2, "two moves in the menu");
    let world = game.begin();
    assert_eq!(game.heard(Sound::Choose), 2, "title and level");
    let elsewhere = game.app.world_mut().spawn_empty().id();
    for (world, what) in [
        (world, Happening::Coin),
        (world, Happening::Fall),
        (elsewhere, Happening::Coin),
    ] {
        game.app.world_mut().write_message(Seen { world, what });
    }
    game.settle();
    assert_eq!(game.heard(Sound::Coin), 1);
    assert_eq!(game.heard(Sound::Fall), 1);
    // A jump of the dream itself: the hero stands, and leaves the ground under the key.
    let before = game.heard(Sound::Jump);
    game.key(KeyCode::Space, true);
    game.until("the jump is heard", |world| {
        let log = world.resource::<crate::harness::Log>();
        let jumps = log.sounds.iter().filter(|sound| **sound == Sound::Jump);
        jumps.count() > before
    });
    game.key(KeyCode::Space, false);
    // Time runs backwards, a sound for each frame.
    game.key(KeyCode::Backspace, true);
    game.until("the rewind is heard", |world| {
        let log = world.resource::<crate::harness::Log>();
        log.sounds.contains(&Sound::Rewind)
    });
    game.key(KeyCode::Backspace, false);
    game.until("the end is heard", |world| {
        let log = world.resource::<crate::harness::Log>();
        log.sounds.contains(&Sound::Best)
    });
    assert_eq!(game.heard(Sound::Over), 0);
}

#[test]
fn a_device_that_takes_everything_at_once_is_held_back_and_one_that_is_heard_is_not() {
    let (tenth, start) = (RATE / 10, Instant::now());
    // Time that ten seconds of sound take, if the device takes each tenth after so many milliseconds.
    let takes = |milliseconds: u64| {
        let (mut throttle, mut now) = (Throttle::new(RATE, start), start);
        let mut waited = Duration::ZERO;
        for _ in 0..100 {
            now += Duration::from_millis(milliseconds);
            let wait = throttle.given(tenth, now);
            (now, waited) = (now + wait, waited + wait);
        }
        (now - start, waited)
    };
    let (at_once, _) = takes(0);
    assert!(at_once >= Duration::from_secs(4), "{at_once:?}");
    for heard in [80, 100, 120] {
        assert_eq!(takes(heard).1, Duration::ZERO, "{heard} ms");
    }
}
