//! The search on clips that are seen through the player's eyes: a room that is walked through, drawn here.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::tests::{information, quick};
use super::*;

const EDGE: usize = 64;
/// Edge of the room, and how near to its walls one may come.
const ROOM: f32 = 12.0;
const NEAREST: f32 = 1.0;
/// How far one goes and turns in a frame.
const STRIDE: f32 = 0.35;
const TURN: f32 = 0.14;
/// Rows of a panel below the view.
const PANEL: usize = 8;

/// What can be pressed: nothing, forward, back, left, right.
const COMMANDS: usize = 5;

fn hash(x: i32, y: i32) -> u8 {
    let mixed = (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)).wrapping_mul(83_492_791);
    ((mixed >> 9) & 127) as u8
}

/// The room from a place in it, looking along an angle, above a panel that stays as it is.
fn paint(place: [f32; 2], angle: f32) -> Vec<u8> {
    let height = EDGE - PANEL;
    let mut frame = Vec::with_capacity(EDGE * EDGE * 3);
    let columns: Vec<([f32; 2], f32, f32)> = (0..EDGE)
        .map(|column| {
            let beside = (column as f32 + 0.5) / EDGE as f32 * 2.0 - 1.0;
            let ray = [
                angle.cos() - beside * angle.sin(),
                angle.sin() + beside * angle.cos(),
            ];
            let reach = |axis: usize| {
                let wall = if ray[axis] > 0.0 { ROOM } else { 0.0 };
                let reach = (wall - place[axis]) / ray[axis];
                if reach.is_finite() { reach } else { f32::MAX }
            };
            let depth = reach(0).min(reach(1));
            let hit = [0, 1].map(|axis| place[axis] + depth * ray[axis]);
            (ray, depth, hit[0] - hit[1])
        })
        .collect();
    for row in 0..EDGE {
        for (ray, depth, along) in &columns {
            let value = if row >= height {
                120
            } else {
                let up = (row as f32 + 0.5) / height as f32 * 2.0 - 1.0;
                // Walls are as high as two; what is below them is floor, above them sky.
                if up.abs() * depth < 1.0 {
                    60 + hash(
                        (along * 1.5).floor() as i32,
                        (up * depth * 3.0).floor() as i32,
                    )
                } else if up > 0.0 {
                    let [x, y] = [0, 1].map(|axis| (place[axis] + ray[axis] / up).floor() as i32);
                    20 + hash(x, y) / 2
                } else {
                    10
                }
            };
            frame.extend([value; 3]);
        }
    }
    frame
}

struct Walk {
    clips: ClipsInMemory,
    commands: Vec<Vec<usize>>,
}

/// Somebody who presses at random, each for some frames.
fn walk(clips: usize, frames: usize, seed: u64) -> Walk {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut walk = Walk {
        clips: ClipsInMemory {
            frame_size: (EDGE, EDGE),
            clips: Vec::new(),
        },
        commands: Vec::new(),
    };
    for _ in 0..clips {
        let mut place = [0, 1].map(|_| rng.random_range(3.0..ROOM - 3.0_f32));
        let mut angle = rng.random_range(0.0..std::f32::consts::TAU);
        let (mut command, mut left) = (0, 0);
        let (mut bytes, mut commands) = (Vec::new(), Vec::new());
        for frame in 0..frames {
            bytes.extend(paint(place, angle));
            if frame + 1 == frames {
                break;
            }
            if left == 0 {
                (command, left) = (rng.random_range(0..COMMANDS), rng.random_range(1..6));
            }
            left -= 1;
            let stride = [0.0, STRIDE, -STRIDE, 0.0, 0.0][command];
            angle += [0.0, 0.0, 0.0, -TURN, TURN][command];
            let next = [
                place[0] + stride * angle.cos(),
                place[1] + stride * angle.sin(),
            ];
            if (next.iter()).all(|part| (NEAREST..ROOM - NEAREST).contains(part)) {
                place = next;
            } else {
                // Against a wall nothing is seen of what is pressed.
                (command, left) = (0, 0);
            }
            commands.push(command);
        }
        walk.clips.clips.push(bytes);
        walk.commands.push(commands);
    }
    walk
}

#[test]
fn in_a_game_seen_through_the_players_eyes_the_view_is_the_player() {
    let learnt = walk(12, 80, 1);
    let (agent, found) = AnchoredAgent::fit(&learnt.clips, &quick(), 0).unwrap();
    let report = agent.report();
    assert!(report.anchor().unwrap().view, "{report:?}");
    assert_eq!(report.edges.map(|edge| edge as usize), [EDGE; 2]);
    assert!(found.iter().flatten().all(|step| step.present));
    let told = information(&found, &learnt.commands);
    assert!(told > 1.2, "{told} of {} nats", (COMMANDS as f64).ln());

    // Turning right is to the right, and going on is up.
    let mean = |command: usize, axis: usize| {
        let steps = (found.iter().flatten()).zip(learnt.commands.iter().flatten());
        let of: Vec<f32> = (steps.filter(|(_, pressed)| **pressed == command))
            .map(|(step, _)| step.displacement[axis])
            .collect();
        of.iter().sum::<f32>() / of.len() as f32
    };
    assert!(mean(4, 0) > 2.0 && mean(3, 0) < -2.0);
    assert!(mean(1, 1) < -0.5 && mean(2, 1) > 0.5);

    // So it is in play that nobody has seen, and once it has been in a file.
    let other = walk(4, 80, 2);
    let stored = agent.to_bytes();
    let stored = AnchoredAgent::from_bytes(std::path::Path::new("view"), &stored).unwrap();
    let applied = stored.apply(&other.clips).unwrap();
    assert!(information(&applied, &other.commands) > 1.1);
    assert_eq!(applied, agent.apply(&other.clips).unwrap());
    let shown = candidate_examples(&other.clips, &agent, 2).unwrap();
    assert_eq!(shown[0].len(), 2);
}

/// A pattern that is looked at from straight ahead: the camera goes over it in steps of some pixels.
fn scrolled(steps: &[[i32; 2]]) -> ClipsInMemory {
    let mut at = [0, 0];
    let mut bytes = Vec::new();
    for step in steps {
        at = [at[0] + step[0], at[1] + step[1]];
        for y in 0..EDGE as i32 {
            for x in 0..EDGE as i32 {
                bytes.extend([40 + hash((x + at[0]).div_euclid(5), (y + at[1]).div_euclid(4)); 3]);
            }
        }
    }
    ClipsInMemory {
        frame_size: (EDGE, EDGE),
        clips: vec![bytes],
    }
}

#[test]
fn a_camera_that_is_moved_over_a_scene_is_no_players_view() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let steps: Vec<[i32; 2]> = (0..200)
        .map(|_| [rng.random_range(-5..6), rng.random_range(-3..4)])
        .collect();
    let scene = scrolled(&steps);
    match AnchoredAgent::fit(&scene, &quick(), 0) {
        Ok((agent, _)) => assert!(agent.report().candidates.iter().all(|it| !it.view)),
        Err(error) => assert!(matches!(error, AgentError::NotFound(_)), "{error}"),
    }
}
