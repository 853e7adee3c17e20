//! Rewind, snapshots, forks, saved worlds and replays.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, run_until, tiny_checkpoint, tiny_config, wait_for_tick};

const TICK: Duration = Duration::from_millis(100);

/// Every second action is another one: frames under it differ from those of a world that idles.
const SCRIPT: [&str; 12] = [
    "right", "right", "left", "idle", "right", "left", "left", "idle", "right", "idle", "left",
    "right",
];

/// The events so far.
#[derive(Resource, Clone, Default)]
struct Noted(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    jumps: Vec<(Entity, u64, GenieJump)>,
    snapshots: Vec<GenieSnapshot>,
    saves: Vec<u64>,
    ends: Vec<(Entity, GenieEndReason)>,
    refused: Vec<String>,
    failed: Vec<String>,
}

fn new_app() -> (App, Noted) {
    let mut app = app(std::path::Path::new("."), TICK);
    let noted = Noted::default();
    app.insert_resource(noted.clone())
        .add_observer(|on: On<GenieJumped>, noted: Res<Noted>| {
            let jump = (on.world, on.tick, on.jump);
            noted.0.lock().unwrap().jumps.push(jump);
        })
        .add_observer(|on: On<GenieSnapshotTaken>, noted: Res<Noted>| {
            noted.0.lock().unwrap().snapshots.push(on.snapshot.clone());
        })
        .add_observer(|on: On<GenieSaved>, noted: Res<Noted>| {
            noted.0.lock().unwrap().saves.push(on.tick);
        })
        .add_observer(|on: On<GenieEnded>, noted: Res<Noted>| {
            noted.0.lock().unwrap().ends.push((on.world, on.reason));
        })
        .add_observer(|on: On<GenieCommandFailed>, noted: Res<Noted>| {
            let text = format!("{:?}: {}", on.command, on.error);
            noted.0.lock().unwrap().refused.push(text);
        })
        .add_observer(|on: On<GenieFailed>, noted: Res<Noted>| {
            noted.0.lock().unwrap().failed.push(on.error.to_string());
        });
    (app, noted)
}

/// A paused world at its prompt, with this timeline capacity.
fn spawn(app: &mut App, checkpoint: u64, capacity: usize) -> Entity {
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(checkpoint)));
    let genie = GenieWorld::new(model, checkered(40, 30)).with_seed(5);
    let timeline = GenieTimeline { capacity };
    let world = app
        .world_mut()
        .spawn((genie, GenieClock::paused(), timeline))
        .id();
    wait_for_tick(app, world, 0);
    world
}

fn frame(app: &App, world: Entity) -> GenieFrame {
    app.world().get::<GenieFrame>(world).unwrap().clone()
}

/// Steps a paused world by one frame under an action.
fn step(app: &mut App, world: Entity, action: &'static str) -> Vec<u8> {
    let before = frame(app, world).tick;
    app.world_mut()
        .write_message(GenieInput::press(world, action));
    app.world_mut().write_message(GenieCommand::step(world));
    let frame = wait_for_tick(app, world, before + 1);
    app.world_mut()
        .write_message(GenieInput::release(world, action));
    assert_eq!(frame.tick, before + 1);
    frame.pixels.pixels().to_vec()
}

fn play(app: &mut App, world: Entity, actions: &[&'static str]) -> Vec<Vec<u8>> {
    actions
        .iter()
        .map(|action| step(app, world, action))
        .collect()
}

/// Gives an order and waits until the world has jumped.
fn jump(app: &mut App, noted: &Noted, command: GenieCommand) -> u64 {
    let before = noted.0.lock().unwrap().jumps.len();
    app.world_mut().write_message(command);
    let noted = Arc::clone(&noted.0);
    run_until(app, "a jump", |_| {
        noted.lock().unwrap().jumps.len() > before
    });
    noted.lock().unwrap().jumps.last().unwrap().1
}

fn refusal(app: &mut App, noted: &Noted, command: GenieCommand) -> String {
    app.world_mut().write_message(command);
    let noted = Arc::clone(&noted.0);
    run_until(app, "a refusal", |_| {
        !noted.lock().unwrap().refused.is_empty()
    });
    let refused = std::mem::take(&mut noted.lock().unwrap().refused);
    assert_eq!(refused.len(), 1, "{refused:?}");
    refused[0].clone()
}

fn snapshot(app: &mut App, noted: &Noted, world: Entity) -> GenieSnapshot {
    app.world_mut().write_message(GenieCommand::snapshot(world));
    let noted = Arc::clone(&noted.0);
    run_until(app, "a snapshot", |_| {
        !noted.lock().unwrap().snapshots.is_empty()
    });
    noted.lock().unwrap().snapshots.pop().unwrap()
}

#[test]
fn a_rewound_world_generates_the_same_frames_again() {
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 100);
    let prompt = frame(&app, world).pixels.pixels().to_vec();
    let frames = play(&mut app, world, &SCRIPT);
    let status = app.world().get::<GenieStatus>(world).unwrap().clone();
    assert_eq!(status.rewindable, SCRIPT.len() as u64);
    for back in [1, 5, 11] {
        let to = SCRIPT.len() - back;
        assert_eq!(
            jump(&mut app, &noted, GenieCommand::rewind(world, back as u64)),
            to as u64
        );
        let now = frame(&app, world);
        assert_eq!(now.tick, to as u64);
        assert_eq!(now.pixels.pixels(), frames[to - 1]);
        assert_eq!(
            now.action,
            Some(
                ["idle", "left", "right"]
                    .iter()
                    .position(|a| *a == SCRIPT[to - 1])
                    .unwrap()
            )
        );
        assert_eq!(play(&mut app, world, &SCRIPT[to..]), frames[to..]);
    }
    // Further than it has lived: to the prompt, and on from there.
    assert_eq!(jump(&mut app, &noted, GenieCommand::rewind(world, 99)), 0);
    assert_eq!(frame(&app, world).pixels.pixels(), prompt);
    assert_eq!(frame(&app, world).action, None);
    assert_eq!(play(&mut app, world, &SCRIPT), frames);
}

#[test]
fn several_rewinds_in_one_frame_add_up() {
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 100);
    play(&mut app, world, &SCRIPT[..6]);
    app.world_mut()
        .write_message(GenieCommand::rewind(world, 1));
    app.world_mut()
        .write_message(GenieCommand::rewind(world, 2));
    run_until(&mut app, "both rewinds", |w| {
        w.get::<GenieFrame>(world).unwrap().tick == 3
    });
    step(&mut app, world, "left");
    assert_eq!(frame(&app, world).tick, 4);
    assert!(noted.0.lock().unwrap().refused.is_empty());
}

#[test]
fn the_timeline_keeps_no_more_than_its_capacity() {
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 3);
    let frames = play(&mut app, world, &SCRIPT[..8]);
    assert_eq!(app.world().get::<GenieStatus>(world).unwrap().rewindable, 3);
    assert_eq!(jump(&mut app, &noted, GenieCommand::rewind(world, 6)), 5);
    assert_eq!(frame(&app, world).pixels.pixels(), frames[4]);
    assert_eq!(app.world().get::<GenieStatus>(world).unwrap().rewindable, 0);
    app.world_mut()
        .get_mut::<GenieTimeline>(world)
        .unwrap()
        .capacity = 0;
    play(&mut app, world, &SCRIPT[5..8]);
    assert_eq!(app.world().get::<GenieStatus>(world).unwrap().rewindable, 0);
}

#[test]
fn each_kept_frame_takes_the_memory_that_is_stated() {
    let config = tiny_config();
    let model =
        bevy_genie::genie_model::WorldModel::new(tiny_checkpoint(1), &candle_core::Device::Cpu);
    let mut rollout = model.unwrap().prompt(&checkered(16, 16), 1).unwrap();
    // The prompt's own keys and values are taken in with the first step.
    rollout.step(0).unwrap();
    let before = rollout.memory_bytes();
    rollout.step(0).unwrap();
    let grown = rollout.memory_bytes() - before;
    // Tokens and pixels of the newest frame take the place of the last ones' in a rollout.
    let newest = 4 * config.tokens_per_frame() + 3 * 16 * 16;
    assert_eq!(GenieTimeline::bytes_per_frame(&config), grown + newest);
}

#[test]
fn a_snapshot_is_restored_as_often_as_wanted_and_elsewhere_too() {
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 8);
    play(&mut app, world, &SCRIPT[..4]);
    let held = snapshot(&mut app, &noted, world);
    assert_eq!(held.tick(), 4);
    assert_eq!(held.frame(), &*frame(&app, world).pixels);
    let frames = play(&mut app, world, &SCRIPT[4..]);
    for _ in 0..2 {
        let command = GenieCommand::restore(world, held.clone());
        assert_eq!(jump(&mut app, &noted, command), 4);
        assert_eq!(play(&mut app, world, &SCRIPT[4..]), frames);
    }
    // Another world, another prompt, the same checkpoint.
    let other = spawn(&mut app, 1, 8);
    step(&mut app, other, "left");
    jump(&mut app, &noted, GenieCommand::restore(other, held.clone()));
    assert_eq!(play(&mut app, other, &SCRIPT[4..]), frames);
    // Another checkpoint.
    let stranger = spawn(&mut app, 2, 8);
    let text = refusal(&mut app, &noted, GenieCommand::restore(stranger, held));
    assert!(
        text.starts_with("Restore: ") && text.contains("checkpoint"),
        "{text}"
    );
    step(&mut app, stranger, "left");
}

#[test]
fn a_fork_goes_on_alone_with_a_texture_of_its_own() {
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 8);
    play(&mut app, world, &SCRIPT[..4]);
    let into = app.world_mut().spawn_empty().id();
    app.world_mut()
        .write_message(GenieCommand::fork(world, into));
    let first = wait_for_tick(&mut app, into, 4);
    assert_eq!(first.tick, 4);
    assert_eq!(first.pixels, frame(&app, world).pixels);
    let texture = |app: &App, world| app.world().get::<GenieTexture>(world).unwrap().0.clone();
    assert_ne!(texture(&app, world), texture(&app, into));
    assert!(
        app.world()
            .resource::<Assets<Image>>()
            .contains(&texture(&app, into))
    );
    // The same actions lead to the same frames, others do not; the fork's past is its own.
    let frames = play(&mut app, world, &SCRIPT[4..8]);
    assert_eq!(play(&mut app, into, &SCRIPT[4..8]), frames);
    jump(&mut app, &noted, GenieCommand::rewind(into, 6));
    assert_eq!(frame(&app, into).tick, 2);
    assert_eq!(frame(&app, world).tick, 8);
    app.world_mut().despawn(world);
    let others = play(&mut app, into, &["right"; 6]);
    assert_ne!(others[2..], frames);
    assert!(noted.0.lock().unwrap().failed.is_empty());

    let gone = app.world_mut().spawn_empty().id();
    app.world_mut().despawn(gone);
    let text = refusal(&mut app, &noted, GenieCommand::fork(into, gone));
    assert!(text.starts_with("Fork: "), "{text}");
}

#[test]
fn a_saved_world_goes_on_in_another_app() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("here.world");
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 8);
    let prompt = frame(&app, world).pixels;
    play(&mut app, world, &SCRIPT[..3]);
    let mut sampler = app.world_mut().get_mut::<GenieSampler>(world).unwrap();
    sampler.temperature = 2.5;
    play(&mut app, world, &SCRIPT[3..5]);
    app.world_mut()
        .write_message(GenieCommand::save(world, &file));
    run_until(&mut app, "the save", |_| {
        noted.0.lock().unwrap().saves == [5]
    });
    let frames = play(&mut app, world, &SCRIPT[5..]);
    drop(app);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");

    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 8);
    assert_eq!(jump(&mut app, &noted, GenieCommand::load(world, &file)), 5);
    assert_eq!(play(&mut app, world, &SCRIPT[5..]), frames);
    // As a prompt, and back to where it came from.
    let genie = app.world().get::<GenieWorld>(world).unwrap().clone();
    let genie = GenieWorld {
        prompt: GeniePrompt::Saved(file),
        seed: 77,
        ..genie
    };
    let other = app.world_mut().spawn((genie, GenieClock::paused())).id();
    assert_eq!(wait_for_tick(&mut app, other, 0).tick, 5);
    assert_eq!(play(&mut app, other, &SCRIPT[5..]), frames);
    app.world_mut().write_message(GenieCommand::reset(other));
    run_until(&mut app, "the reset", |w| {
        w.get::<GenieFrame>(other).unwrap().tick == 0
    });
    assert_eq!(frame(&app, other).pixels, prompt);
}

#[test]
fn damaged_files_leave_the_world_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("here.world");
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 8);
    let whole = play(&mut app, world, &SCRIPT[..5]);
    app.world_mut()
        .write_message(GenieCommand::save(world, &file));
    run_until(&mut app, "the save", |_| {
        noted.0.lock().unwrap().saves == [5]
    });
    let good = std::fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 4;
        bytes
    };
    let damaged = [
        Vec::new(),
        b"GENIEsv1".to_vec(),
        b"something else altogether".to_vec(),
        good[..good.len() / 2].to_vec(),
        good[..good.len() - 1].to_vec(),
        flipped(9),
        flipped(17),
        flipped(60),
        flipped(good.len() - 700),
    ];
    for bytes in damaged {
        std::fs::write(&file, bytes).unwrap();
        let text = refusal(&mut app, &noted, GenieCommand::load(world, &file));
        assert!(
            text.starts_with("Load: ") && text.contains("here.world"),
            "{text}"
        );
        assert_eq!(frame(&app, world).tick, 5);
    }
    let missing = folder.path().join("missing.world");
    let text = refusal(&mut app, &noted, GenieCommand::load(world, &missing));
    assert!(text.contains("missing.world"), "{text}");
    let nowhere = folder.path().join("no/such/folder.world");
    let text = refusal(&mut app, &noted, GenieCommand::save(world, &nowhere));
    assert!(text.starts_with("Save: "), "{text}");
    // Of another checkpoint.
    std::fs::write(&file, &good).unwrap();
    let stranger = spawn(&mut app, 2, 8);
    let text = refusal(&mut app, &noted, GenieCommand::load(stranger, &file));
    assert!(text.contains("checkpoint"), "{text}");
    // All is well otherwise.
    jump(&mut app, &noted, GenieCommand::load(world, &file));
    // Nothing before the load is kept, apart from the prompt.
    assert_eq!(jump(&mut app, &noted, GenieCommand::rewind(world, 3)), 5);
    assert_eq!(jump(&mut app, &noted, GenieCommand::rewind(world, 99)), 0);
    assert_eq!(play(&mut app, world, &SCRIPT[..5]), whole);
}

#[test]
fn a_replay_gives_the_same_frames_and_then_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 2);
    let mut frames = vec![frame(&app, world).pixels.pixels().to_vec()];
    frames.extend(play(&mut app, world, &SCRIPT[..4]));
    // Sampled in another way half-way, and a detour that is taken back.
    app.world_mut()
        .get_mut::<GenieSampler>(world)
        .unwrap()
        .temperature = 2.5;
    frames.extend(play(&mut app, world, &SCRIPT[4..8]));
    play(&mut app, world, &["left", "left"]);
    jump(&mut app, &noted, GenieCommand::rewind(world, 2));
    frames.extend(play(&mut app, world, &SCRIPT[8..]));
    let replay = snapshot(&mut app, &noted, world).replay();
    assert_eq!(replay.actions.len(), SCRIPT.len());
    replay.write(&file).unwrap();
    drop(app);

    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 2);
    play(&mut app, world, &["left", "left"]);
    let replay = GenieReplay::read(&file).unwrap();
    app.world_mut().write_message(GenieCommand::resume(world));
    // What the player does meanwhile does not count.
    app.world_mut()
        .write_message(GenieInput::press(world, "left"));
    app.world_mut()
        .write_message(GenieCommand::replay(world, replay));
    let mut seen = Vec::new();
    let mut cursor = app
        .world()
        .resource::<Messages<GenieFrame>>()
        .get_cursor_current();
    run_until(&mut app, "the end of the replay", |w| {
        let messages = w.resource::<Messages<GenieFrame>>();
        seen.extend(
            cursor
                .read(messages)
                .map(|f| (f.tick, f.pixels.pixels().to_vec())),
        );
        !noted.0.lock().unwrap().ends.is_empty()
    });
    assert_eq!(
        noted.0.lock().unwrap().ends,
        [(world, GenieEndReason::ReplayFinished)]
    );
    let start = seen.iter().rposition(|(tick, _)| *tick == 0).unwrap();
    let replayed: Vec<_> = seen[start..]
        .iter()
        .map(|(_, pixels)| pixels.clone())
        .collect();
    assert_eq!(replayed, frames);
    let status = app.world().get::<GenieStatus>(world).unwrap();
    assert_eq!((status.phase, status.replaying), (GeniePhase::Ended, false));
    // The player takes over.
    app.world_mut().write_message(GenieCommand::resume(world));
    let next = wait_for_tick(&mut app, world, SCRIPT.len() as u64 + 1);
    assert_eq!(next.action, Some(1));
    // Not on another checkpoint.
    let stranger = spawn(&mut app, 2, 2);
    let replay = GenieReplay::read(&file).unwrap();
    let text = refusal(&mut app, &noted, GenieCommand::replay(stranger, replay));
    assert!(text.contains("checkpoint"), "{text}");
}

#[test]
fn worlds_end_at_their_limit_and_when_they_go() {
    let (mut app, noted) = new_app();
    let world = spawn(&mut app, 1, 8);
    app.world_mut()
        .get_mut::<GenieClock>(world)
        .unwrap()
        .tick_limit = Some(3);
    app.world_mut().write_message(GenieCommand::resume(world));
    run_until(&mut app, "the end", |_| {
        !noted.0.lock().unwrap().ends.is_empty()
    });
    assert_eq!(
        noted.0.lock().unwrap().ends,
        [(world, GenieEndReason::TickLimit)]
    );
    for _ in 0..20 {
        app.update();
    }
    assert_eq!(frame(&app, world).tick, 3);
    assert_eq!(
        app.world().get::<GenieStatus>(world).unwrap().phase,
        GeniePhase::Ended
    );
    jump(&mut app, &noted, GenieCommand::rewind(world, 1));
    run_until(&mut app, "the second end", |_| {
        noted.0.lock().unwrap().ends.len() == 2
    });
    app.world_mut().write_message(GenieCommand::resume(world));
    wait_for_tick(&mut app, world, 5);
    // Resumed, it has done with the limit; another state beyond it ends at once.
    let beyond = snapshot(&mut app, &noted, world);
    let other = spawn(&mut app, 1, 8);
    let limited = |tick| GenieClock::default().with_tick_limit(tick);
    app.world_mut().entity_mut(other).insert(limited(2));
    jump(&mut app, &noted, GenieCommand::restore(other, beyond));
    run_until(&mut app, "the end beyond the limit", |_| {
        let ends = &noted.0.lock().unwrap().ends;
        ends.last() == Some(&(other, GenieEndReason::TickLimit))
    });
    app.world_mut().despawn(other);
    // So does a limit that is behind the world already.
    app.world_mut().entity_mut(world).insert(limited(1));
    run_until(&mut app, "the end at the new limit", |_| {
        let ends = &noted.0.lock().unwrap().ends;
        ends.last() == Some(&(world, GenieEndReason::TickLimit))
    });
    app.world_mut().despawn(world);
    app.update();
    assert_eq!(
        noted.0.lock().unwrap().ends.last(),
        Some(&(world, GenieEndReason::Removed))
    );
}

#[test]
fn commands_to_a_world_that_is_not_running_are_refused() {
    let (mut app, noted) = new_app();
    let model = app
        .world()
        .resource::<AssetServer>()
        .load("nowhere.genie.safetensors");
    let world = app
        .world_mut()
        .spawn(GenieWorld::new(model, checkered(9, 9)))
        .id();
    run_until(&mut app, "the failure", |_| {
        !noted.0.lock().unwrap().failed.is_empty()
    });
    for command in [
        GenieCommand::rewind(world, 1),
        GenieCommand::snapshot(world),
        GenieCommand::save(world, "never.world"),
        GenieCommand::load(world, "never.world"),
    ] {
        let text = refusal(&mut app, &noted, command);
        assert!(text.contains("not running"), "{text}");
    }
}
