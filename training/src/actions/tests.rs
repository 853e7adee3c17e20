//! The whole search on clips that are drawn here.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::blobs::pieces;
use super::key_reader::LabelledPlaces;
use super::places::TransitionPlace;
use super::*;
use crate::dataset::TrueActions;

/// Where the player's own picture goes under each command.
const COMMANDS: [[i32; 2]; 5] = [[0, 0], [-2, 0], [2, 0], [0, -2], [0, 2]];

/// Footage of a square that is moved at random, among others that go round by themselves; and the commands.
struct Drawn {
    clips: ClipsInMemory,
    commands: Vec<Vec<usize>>,
}

struct Scene {
    height: usize,
    width: usize,
    /// Whether the camera keeps the player in the middle.
    follows: bool,
    /// Whether there is a player at all.
    player: bool,
}

/// A camera that stands still before a player.
const STILL: Scene = Scene {
    height: 64,
    width: 64,
    follows: false,
    player: true,
};

fn draw(scene: &Scene, clip_lengths: &[usize], seed: u64) -> Drawn {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (height, width) = (scene.height as i32, scene.width as i32);
    let mut drawn = Drawn {
        clips: ClipsInMemory {
            frame_size: (scene.height, scene.width),
            clips: Vec::new(),
        },
        commands: Vec::new(),
    };
    for &length in clip_lengths {
        let mut place = [width / 2, height / 2];
        let (mut command, mut left) = (0, 0);
        let phase = rng.random_range(0..100);
        let (mut bytes, mut commands) = (Vec::new(), Vec::new());
        for frame in 0..length {
            let camera = if scene.follows {
                [place[0] - width / 2, place[1] - height / 2]
            } else {
                [0, 0]
            };
            bytes.extend(paint(scene, place, camera, frame as i32 + phase));
            if left == 0 {
                (command, left) = (rng.random_range(0..COMMANDS.len()), rng.random_range(1..6));
            }
            left -= 1;
            let mut next = [0, 1].map(|axis| place[axis] + COMMANDS[command][axis]);
            if !scene.follows {
                // No way out of the picture: it turns back at the edge, and so does the command.
                let inside =
                    (4..width - 8).contains(&next[0]) && (4..height - 8).contains(&next[1]);
                if !inside {
                    (command, left) = (0, 1);
                    next = place;
                }
            }
            place = next;
            if frame + 1 < length {
                commands.push(command);
            }
        }
        drawn.clips.clips.push(bytes);
        drawn.commands.push(commands);
    }
    drawn
}

fn paint(scene: &Scene, place: [i32; 2], camera: [i32; 2], time: i32) -> Vec<u8> {
    let (height, width) = (scene.height as i32, scene.width as i32);
    // Scenery that is the same from everywhere: a pattern of the place.
    let scenery = |x: i32, y: i32| {
        let hash = (x.div_euclid(5).wrapping_mul(73) ^ y.div_euclid(4).wrapping_mul(151))
            .wrapping_mul(2654435)
            >> 7;
        40 + (hash & 31) as u8
    };
    let mut frame = Vec::with_capacity((height * width * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let value = scenery(x + camera[0], y + camera[1]);
            frame.extend([value, value, value]);
        }
    }
    let mut square = |x: i32, y: i32, edge: i32, colour: [u8; 3]| {
        for row in y..y + edge {
            for column in x..x + edge {
                if (0..height).contains(&row) && (0..width).contains(&column) {
                    let at = ((row * width + column) * 3) as usize;
                    frame[at..at + 3].copy_from_slice(&colour);
                }
            }
        }
    };
    // Two that go round by themselves.
    square((time * 2).rem_euclid(width + 8) - 4, 6, 5, [230, 40, 40]);
    square(
        width - 10,
        (time * 3).rem_euclid(height + 8) - 4,
        4,
        [240, 220, 40],
    );
    if scene.player {
        square(place[0] - camera[0], place[1] - camera[1], 4, [40, 230, 90]);
    }
    frame
}

/// Short trainings: what is to be found here is plain.
pub(super) fn quick() -> AgentSettings {
    AgentSettings {
        predictor_steps: 150,
        look_steps: 40,
        ..AgentSettings::default()
    }
}

pub(super) fn information(found: &[ClipActions], commands: &[Vec<usize>]) -> f64 {
    let pairs = found.iter().zip(commands).flat_map(|(found, commands)| {
        found
            .iter()
            .map(|step| step.code)
            .zip(commands.iter().copied())
    });
    PairCounts::new(pairs).information()
}

#[test]
fn the_one_that_is_moved_at_random_is_found_and_its_commands_are_told_apart() {
    let drawn = draw(&STILL, &[80; 12], 1);
    let (agent, found) = AnchoredAgent::fit(&drawn.clips, &quick(), 0).unwrap();
    let [red, green, blue] = agent.report().candidates[0].colour;
    assert!(
        green > red + 60.0 && green > blue + 60.0,
        "the anchor is {:?}",
        agent.report()
    );
    let told = information(&found, &drawn.commands);
    assert!(
        told > 1.0,
        "{told} of {} nats",
        (COMMANDS.len() as f64).ln()
    );

    let other = draw(&STILL, &[50; 6], 2);
    let told = information(&agent.apply(&other.clips).unwrap(), &other.commands);
    assert!(told > 1.0, "{told} nats in other clips");
    let agent = agent.with_encoder();
    let encoded = information(&agent.apply(&other.clips).unwrap(), &other.commands);
    assert!(
        encoded > 1.0,
        "the encoder carries {encoded} of {told} nats"
    );
}

/// Draws shots over footage: each flies a random way and is gone after a few frames.
fn add_shots(drawn: &mut Drawn, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (height, width) = drawn.clips.frame_size;
    for clip in &mut drawn.clips.clips {
        let (mut place, mut way, mut left) = ([0, 0], [0, 0], 0);
        for frame in clip.chunks_exact_mut(height * width * 3) {
            if left == 0 {
                place = [height, width].map(|edge| rng.random_range(20..edge as i32 - 20));
                way = [0, 1].map(|_| 3 * rng.random_range(-1..=1));
                left = rng.random_range(2..5);
            }
            left -= 1;
            for row in place[0]..place[0] + 3 {
                let at = ((row * width as i32 + place[1]) * 3) as usize;
                frame[at..at + 6].fill(250);
            }
            place = [0, 1].map(|axis| place[axis] + way[axis]);
        }
    }
}

#[test]
fn what_comes_and_goes_is_not_the_player() {
    let mut drawn = draw(&STILL, &[80; 12], 5);
    add_shots(&mut drawn, 6);
    let (agent, found) = AnchoredAgent::fit(&drawn.clips, &quick(), 0).unwrap();
    let told = information(&found, &drawn.commands);
    assert!(told > 0.8, "{told} nats, {:?}", agent.report());
    // Their motion alone is harder to predict than the player's.
    let player = &agent.report().candidates[0];
    let surprising = |other: &CandidateReport| other.surprise > player.surprise;
    assert!(agent.report().candidates.iter().any(surprising));
}

/// Draws a large thing over footage that moves anew in every frame, as a game's own opponent may.
fn add_rival(drawn: &mut Drawn, seed: u64) {
    const EDGE: i32 = 7;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (height, width) = drawn.clips.frame_size;
    for clip in &mut drawn.clips.clips {
        let mut place = [40, 14];
        for frame in clip.chunks_exact_mut(height * width * 3) {
            for row in place[1]..place[1] + EDGE {
                for column in place[0]..place[0] + EDGE {
                    let at = ((row * width as i32 + column) * 3) as usize;
                    frame[at..at + 3].copy_from_slice(&[200, 60, 220]);
                }
            }
            for (part, edge) in place.iter_mut().zip([width, height]) {
                *part = (*part + rng.random_range(-2..=2)).clamp(2, edge as i32 - EDGE - 2);
            }
        }
    }
}

#[test]
fn somebody_who_knows_the_game_says_which_one_is_the_player() {
    let mut drawn = draw(&STILL, &[80; 12], 15);
    add_rival(&mut drawn, 16);
    let green = |thing: &CandidateReport| {
        let [red, green, blue] = thing.colour;
        green > red + 60.0 && green > blue + 60.0
    };
    let (agent, _) = AnchoredAgent::fit(&drawn.clips, &quick(), 0).unwrap();
    let report = agent.report();
    let rank = report.candidates.iter().position(green).unwrap();
    assert!(rank > 0, "the rival is the harder to predict: {report:?}");
    assert_eq!(report.player, 0);

    // By its place among those that were ranked.
    let settings = AgentSettings {
        player: rank + 1,
        ..quick()
    };
    let (agent, found) = AnchoredAgent::fit(&drawn.clips, &settings, 0).unwrap();
    assert!(green(agent.report().anchor().unwrap()));
    assert!(agent.margin() < 1.0);
    let told = information(&found, &drawn.commands);
    assert!(told > 0.8, "{told} nats");
    let again = AnchoredAgent::from_bytes("an agent".as_ref(), &agent.to_bytes()).unwrap();
    assert_eq!(again.report(), agent.report());

    // By what was pressed in a few transitions.
    let places: Vec<TransitionPlace> = (0..drawn.commands.len())
        .flat_map(|clip| {
            (0..79)
                .step_by(8)
                .map(move |frame| TransitionPlace { clip, frame })
        })
        .collect();
    let pressed = |place: &TransitionPlace| drawn.commands[place.clip][place.frame] as u8;
    let actions: Vec<u8> = places.iter().map(pressed).collect();
    let labelled = LabelledPlaces {
        places: &places,
        actions: &actions,
        kinds: COMMANDS.len(),
    };
    let fitted = AnchoredAgent::fit_labelled(&drawn.clips, &quick(), Some(labelled), 0);
    assert!(green(fitted.unwrap().0.report().anchor().unwrap()));

    let settings = AgentSettings {
        player: 99,
        ..quick()
    };
    let error = AnchoredAgent::fit(&drawn.clips, &settings, 0).unwrap_err();
    assert!(error.to_string().contains("candidate 99"), "{error}");
}

#[test]
fn a_player_in_the_middle_of_a_moving_picture_moves_against_it() {
    let scene = Scene {
        height: 48,
        width: 80,
        follows: true,
        player: true,
    };
    let drawn = draw(&scene, &[80; 12], 3);
    let (agent, found) = AnchoredAgent::fit(&drawn.clips, &quick(), 0).unwrap();
    assert!(agent.report().camera_moves);
    let told = information(&found, &drawn.commands);
    assert!(told > 0.8, "{told} nats, {:?}", agent.report());
    // To the right is to the right, though the player stays in the middle of the picture.
    let mut sums = [0.0; 2];
    for (step, command) in found.iter().flatten().zip(drawn.commands.iter().flatten()) {
        if COMMANDS[*command][0] > 0 {
            sums[0] += step.displacement[0];
            sums[1] += 1.0;
        }
    }
    assert!(
        sums[0] / sums[1] > 1.0,
        "mean displacement {}",
        sums[0] / sums[1]
    );
}

/// Motion features see no further than a patch; the search does, whatever the patch of the tokenizer.
#[test]
fn motion_beyond_a_patch_is_seen() {
    // Every fourth frame, in which the player has gone by eight pixels: two patches of four.
    let drawn = draw(&STILL, &[240; 12], 9);
    let fast = |clip: &Vec<u8>| -> Vec<u8> {
        let frames = clip.chunks_exact(64 * 64 * 3);
        frames.step_by(4).flatten().copied().collect()
    };
    let clips = ClipsInMemory {
        frame_size: (64, 64),
        clips: drawn.clips.clips.iter().map(fast).collect(),
    };
    let (_, found) = AnchoredAgent::fit(&clips, &quick(), 0).unwrap();
    let far = found.iter().flatten().map(|step| step.displacement);
    let far = far.filter(|way| way.iter().any(|part| part.abs() > 7.5));
    // A command is held for some frames, so that many of these steps are whole ones.
    let share = far.count() as f64 / found.iter().flatten().count() as f64;
    assert!(share > 0.06, "{share}");
}

#[test]
fn larger_frames_are_measured_in_their_own_pixels() {
    let small = draw(&STILL, &[60; 10], 4);
    let enlarge = |clip: &Vec<u8>| -> Vec<u8> {
        let row = |line: &[u8]| -> Vec<u8> {
            line.chunks(3)
                .flat_map(|pixel| [pixel, pixel].concat())
                .collect()
        };
        clip.chunks(64 * 3)
            .flat_map(|line| [row(line), row(line)].concat())
            .collect()
    };
    let large = ClipsInMemory {
        frame_size: (128, 128),
        clips: small.clips.clips.iter().map(enlarge).collect(),
    };
    let (_, found_small) = AnchoredAgent::fit(&small.clips, &quick(), 0).unwrap();
    let (_, found_large) = AnchoredAgent::fit(&large, &quick(), 0).unwrap();
    for (a, b) in found_small
        .iter()
        .flatten()
        .zip(found_large.iter().flatten())
    {
        assert_eq!(a.code, b.code);
        assert!((2.0 * a.displacement[0] - b.displacement[0]).abs() < 1e-3);
    }
}

#[test]
fn one_label_in_a_hundred_tells_most_of_the_commands_and_the_others_are_not_read() {
    let (learnt, scored) = (draw(&STILL, &[120; 30], 1), draw(&STILL, &[60; 8], 2));
    let (agent, found) = AnchoredAgent::fit(&learnt.clips, &quick(), 0).unwrap();
    let scored_found = agent.apply(&scored.clips).unwrap();
    let truth = |commands: &[Vec<usize>], read: &dyn Fn(usize) -> bool| {
        let mut number = 0;
        let clips = commands.iter().map(|clip| {
            let known = clip.iter().map(|&command| {
                number += 1;
                if read(number - 1) { command as u8 } else { 0 }
            });
            known.collect()
        });
        TrueActions::from_clips(clips.collect())
    };
    let scored_truth = truth(&scored.commands, &|_| true);
    let ask = |learnt_truth: &TrueActions| {
        let told = few_label_actions(
            Labelled {
                source: &learnt.clips,
                found: &found,
                truth: learnt_truth,
            },
            Labelled {
                source: &scored.clips,
                found: &scored_found,
                truth: &scored_truth,
            },
            0,
        );
        told.unwrap()
    };
    let told = ask(&truth(&learnt.commands, &|_| true));
    assert_eq!(told.labels, 36);
    assert!(told.head > 1.0 && told.table > 0.8, "{told:?}");
    assert_eq!(
        told,
        ask(&truth(&learnt.commands, &|number| number % 100 == 0))
    );
    // Labels that say nothing tell nothing.
    let shuffled = ask(&truth(&learnt.commands, &|_| false));
    assert!(shuffled.head < 0.1 && shuffled.table < 0.1, "{shuffled:?}");
}

#[test]
fn few_labels_name_the_actions_of_all_transitions_in_this_footage_and_in_other() {
    let (learnt, other) = (draw(&STILL, &[100; 12], 1), draw(&STILL, &[60; 6], 2));
    let (agent, found) = AnchoredAgent::fit(&learnt.clips, &quick(), 0).unwrap();
    let places = (0..12).flat_map(|clip| {
        (5..99)
            .step_by(25)
            .map(move |frame| TransitionPlace { clip, frame })
    });
    let places: Vec<TransitionPlace> = places.collect();
    let pressed = places
        .iter()
        .map(|it| learnt.commands[it.clip][it.frame] as u8);
    let pressed: Vec<u8> = pressed.collect();
    let labelled = LabelledPlaces {
        places: &places,
        actions: &pressed,
        kinds: COMMANDS.len(),
    };
    let (named, named_found) = agent
        .with_labels(&learnt.clips, found, labelled, 0)
        .unwrap();
    assert_eq!(named.actions(), COMMANDS.len());
    let right = |found: &[ClipActions], commands: &[Vec<usize>]| {
        let steps = found.iter().flatten().zip(commands.iter().flatten());
        let right = steps
            .filter(|(step, command)| step.code == **command)
            .count();
        right as f64 / commands.iter().flatten().count() as f64
    };
    let there = right(&named_found, &learnt.commands);
    assert!(
        there > 0.7,
        "{there} of the transitions, {} of which are labelled",
        places.len()
    );

    // As it comes back from a checkpoint.
    let (path, text) = (std::path::Path::new("a world"), named.to_bytes());
    let back = AnchoredAgent::from_bytes(path, &text).unwrap();
    assert!(back == named);
    let again = back.apply(&learnt.clips).unwrap();
    let codes = |found: &[ClipActions]| -> Vec<usize> {
        found.iter().flatten().map(|step| step.code).collect()
    };
    // Looks are read a little otherwise in what the player was found in.
    let same = codes(&again).into_iter().zip(codes(&named_found));
    let same = same.filter(|(a, b)| a == b).count() as f64 / codes(&again).len() as f64;
    assert!(same > 0.9, "{same}");
    let elsewhere = right(&back.apply(&other.clips).unwrap(), &other.commands);
    assert!(
        elsewhere > 0.7,
        "{elsewhere} of the transitions of other clips"
    );
    let text = String::from_utf8(text).unwrap();
    for (from, to) in [
        ("\"kinds\":[", "\"kinds\":[7,"),
        ("\"factor\":1.0", "\"factor\":0.0"),
    ] {
        assert!(text.contains(from), "{from}");
        let damaged = text.replacen(from, to, 1);
        assert!(
            AnchoredAgent::from_bytes(path, damaged.as_bytes()).is_err(),
            "{to}"
        );
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let drawn = draw(&STILL, &[40; 6], 5);
    let first = AnchoredAgent::fit(&drawn.clips, &quick(), 7).unwrap();
    let second = AnchoredAgent::fit(&drawn.clips, &quick(), 7).unwrap();
    assert!(first == second);
}

#[test]
fn an_agent_comes_back_from_its_file() {
    let drawn = draw(&STILL, &[40; 6], 6);
    let (agent, _) = AnchoredAgent::fit(&drawn.clips, &quick(), 0).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.json");
    agent.save(&path).unwrap();
    let back = AnchoredAgent::load(&path).unwrap();
    assert!(back == agent);
    assert!(back.apply(&drawn.clips).unwrap() == agent.apply(&drawn.clips).unwrap());

    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("\"format_version\":3", "\"format_version\":1"),
        ("\"reach\":3", "\"reach\":4"),
        ("\"blob_reach\":9", "\"blob_reach\":900"),
        ("\"group\":[", "\"group\":[99,"),
        ("\"inputs\":108", "\"inputs\":107"),
        ("\"sees_tokens\":true", "\"sees_tokens\":false"),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert!(AnchoredAgent::load(&path).is_err(), "{to}");
    }
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(
        AnchoredAgent::load(&path)
            .unwrap_err()
            .to_string()
            .contains("agent.json")
    );
}

#[test]
fn footage_without_a_player_is_said_to_have_none_and_odd_footage_is_survived() {
    let flat = |size: (usize, usize), lengths: &[usize], value: u8| ClipsInMemory {
        frame_size: size,
        clips: lengths
            .iter()
            .map(|frames| vec![value; frames * size.0 * size.1 * 3])
            .collect(),
    };
    for footage in [
        flat((64, 64), &[], 0),
        flat((64, 64), &[1], 9),
        flat((64, 64), &[1, 2, 3, 40], 255),
        flat((1, 1), &[30], 1),
        flat((7, 300), &[20], 1),
        flat((9, 8), &[0, 20], 1),
    ] {
        let found = AnchoredAgent::fit(&footage, &quick(), 0);
        assert!(
            matches!(found, Err(AgentError::NotFound(_))),
            "{:?}",
            footage.frame_size
        );
    }
    // Noise, and motion farther than can be followed: anything but a panic.
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for size in [(16, 23), (64, 64), (33, 129)] {
        let noise = ClipsInMemory {
            frame_size: size,
            clips: [1, 2, 30]
                .iter()
                .map(|frames| {
                    (0..frames * size.0 * size.1 * 3)
                        .map(|_| rng.random())
                        .collect()
                })
                .collect(),
        };
        let _ = AnchoredAgent::fit(&noise, &quick(), 0);
    }
}

#[test]
fn clips_of_another_size_are_refused() {
    let (agent, _) = AnchoredAgent::fit(&draw(&STILL, &[40; 6], 8).clips, &quick(), 0).unwrap();
    let other = ClipsInMemory {
        frame_size: (32, 64),
        clips: vec![vec![0; 32 * 64 * 3 * 2]],
    };
    assert!(matches!(
        agent.apply(&other),
        Err(AgentError::OtherSize { .. })
    ));
}

/// The pieces of a mask the slow way: labels spread until nothing changes.
fn naive_pieces(mask: &[bool], width: usize) -> Vec<Vec<u32>> {
    let height = mask.len() / width;
    let mut labels: Vec<usize> = (0..mask.len()).collect();
    loop {
        let mut changed = false;
        for at in 0..mask.len() {
            for other in 0..mask.len() {
                let near = (at % width).abs_diff(other % width) <= 1
                    && (at / width).abs_diff(other / width) <= 1;
                if mask[at] && mask[other] && near && labels[other] < labels[at] {
                    labels[at] = labels[other];
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    debug_assert!(height > 0);
    let mut found: Vec<Vec<u32>> = vec![Vec::new(); mask.len()];
    for at in 0..mask.len() {
        if mask[at] {
            found[labels[at]].push(at as u32);
        }
    }
    found.retain(|pixels| !pixels.is_empty());
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blobs_are_the_connected_pieces(width in 1_usize..12, mask in proptest::collection::vec(any::<bool>(), 1..100)) {
        let mask = &mask[..mask.len() / width * width];
        prop_assume!(!mask.is_empty());
        let settings = AgentSettings { blob_pixels: 1, blob_edge: 100, blobs_per_frame: 200, ..AgentSettings::default() };
        let mut found: Vec<Vec<u32>> = pieces(mask, width, &settings)
            .into_iter()
            .map(|piece| {
                let mut pixels = piece.pixels;
                pixels.sort_unstable();
                pixels
            })
            .collect();
        found.sort();
        let mut expected = naive_pieces(mask, width);
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}
