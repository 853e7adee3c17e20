//! Initialisation of the latent actions where the encoder's input is motion: one code for every direction in which the hero, or
//! the camera that follows it, moves.
//!
//! Clusters of raw encoder outputs would follow what varies most, which is scenery. Signs of motion are few, mean the same in
//! every theme, and are a linear function of the encoder's summary.

use std::collections::HashMap;
use std::fmt;

use candle_core::{Device, Result, Tensor};
use genie_model::{MotionSigns, motion_signs};
use nalgebra::DMatrix;

/// Signs seen in a smaller share of the transitions count as no motion.
const RARE: f64 = 0.02;
/// The camera follows along an axis if the scene moves along it in this share of the transitions.
const CAMERA_FOLLOWS: f64 = 0.1;
/// Ridge of the regression, as a share of the mean square of the inputs.
const RIDGE: f64 = 1e-2;

/// A linear read-out of summaries and the codes it reads.
#[derive(Debug)]
pub struct MotionStart {
    /// `[C, S]`.
    pub projection: Tensor,
    /// `[C]`.
    pub bias: Tensor,
    /// `[A, C]` on the unit sphere. Where there are fewer directions than codes, the rest are nearest to no point.
    pub codes: Tensor,
    /// The directions of the codes, in their order.
    pub ways: Vec<WayToMove>,
}

/// A direction in which the hero moves from one frame to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WayToMove {
    /// Signs of the displacement, `[x, y]`, to the right and downwards positive.
    pub signs: [i8; 2],
    /// Share of the transitions that show it.
    pub share: f64,
}

impl fmt::Display for WayToMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y] = self.signs;
        let sideways = ["left", "", "right"][(x.signum() + 1) as usize];
        let upright = ["up", "", "down"][(y.signum() + 1) as usize];
        let way = match (sideways, upright) {
            ("", "") => "no motion".to_owned(),
            ("", one) | (one, "") => one.to_owned(),
            (one, other) => format!("{one} and {other}"),
        };
        write!(f, "{way} {:.0} %", 100.0 * self.share)
    }
}

/// Fits the start of `actions` codes of `dim` values to transitions: their motion features `[M, N, F]` and the encoder's
/// summaries of them `[M, S]`. `None` if the transitions show no motion to start from.
///
/// With `gravity`, downward motion counts as none: falling is no action.
///
/// # Errors
/// When shapes do not match, or summaries are not finite.
pub fn motion_start(
    features: &Tensor,
    summaries: &Tensor,
    actions: usize,
    dim: usize,
    gravity: bool,
) -> Result<Option<MotionStart>> {
    let (_, patches, width) = features.dims3()?;
    let values = features.flatten_all()?.to_vec1::<f32>()?;
    let signs: Vec<MotionSigns> = values
        .chunks_exact(patches * width)
        .map(motion_signs)
        .collect();
    let moves = hero_moves(&signs, gravity);
    // Ways to move, the most frequent first.
    let mut counts: HashMap<[i8; 2], usize> = HashMap::new();
    for way in &moves {
        *counts.entry(*way).or_default() += 1;
    }
    let mut ways: Vec<([i8; 2], usize)> = counts.into_iter().collect();
    ways.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    ways.truncate(actions);
    let targets = place(&moves, dim);
    if ways.len() < 2 || targets.first().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    let (projection, bias) = regression(summaries, &targets, dim)?;
    let points = summaries
        .matmul(&projection.t()?)?
        .broadcast_add(&bias)?
        .to_vec2::<f32>()?;
    let mut codes = Vec::with_capacity(actions * dim);
    for (way, _) in &ways {
        let mut sum = vec![0f32; dim];
        for (_, point) in moves.iter().zip(&points).filter(|(other, _)| *other == way) {
            let length = point.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
            sum.iter_mut()
                .zip(point)
                .for_each(|(s, v)| *s += v / length);
        }
        let length = sum.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
        codes.extend(sum.iter().map(|v| v / length));
    }
    // The last dimension is free: the targets leave it at zero.
    for spare in 0..actions - ways.len() {
        let mut code = vec![0f32; dim];
        code[dim - 1] = if spare % 2 == 0 { 1.0 } else { -1.0 };
        codes.extend(code);
    }
    let ways = ways.into_iter().map(|(signs, count)| WayToMove {
        signs,
        share: count as f64 / moves.len() as f64,
    });
    Ok(Some(MotionStart {
        projection,
        bias,
        codes: Tensor::from_vec(codes, (actions, dim), &Device::Cpu)?,
        ways: ways.collect(),
    }))
}

/// Signs of the hero's motion in every transition; rare signs count as no motion.
///
/// Along an axis on which the camera follows, the hero's motion is the opposite of the scene's, and what moves by itself is
/// something else. Along an axis on which it does not follow, the hero is what moves by itself.
fn hero_moves(signs: &[MotionSigns], gravity: bool) -> Vec<[i8; 2]> {
    let share = |count: usize| count as f64 / signs.len() as f64;
    let camera_follows = [0, 1].map(|axis| {
        let moving = signs.iter().filter(|s| s.scene[axis] != 0);
        share(moving.count()) >= CAMERA_FOLLOWS
    });
    let mut moves: Vec<[i8; 2]> = signs
        .iter()
        .map(|s| {
            let way = |axis: usize| {
                if camera_follows[axis] {
                    -s.scene[axis]
                } else {
                    s.own[axis]
                }
            };
            let falls = way(1) > 0;
            [way(0), if gravity && falls { 0 } else { way(1) }]
        })
        .collect();
    for axis in [0, 1] {
        for sign in [-1, 1] {
            let count = moves.iter().filter(|way| way[axis] == sign).count();
            if share(count) < RARE {
                moves
                    .iter_mut()
                    .filter(|way| way[axis] == sign)
                    .for_each(|way| way[axis] = 0);
            }
        }
    }
    moves
}

/// Points for the ways to move: the corners of a triangle for each axis with three signs, two ends of a line for one with
/// two, so that all ways are equally far from the centre. Axes that `dim` has no room for are left out.
fn place(moves: &[[i8; 2]], dim: usize) -> Vec<Vec<f64>> {
    let mut points = vec![Vec::new(); moves.len()];
    for axis in [0, 1] {
        let mut present: Vec<i8> = moves.iter().map(|way| way[axis]).collect();
        present.sort_unstable();
        present.dedup();
        let room = present.len().saturating_sub(1);
        if room == 0 {
            continue;
        }
        if points[0].len() + room >= dim {
            break;
        }
        for (point, way) in points.iter_mut().zip(moves) {
            if room == 1 {
                point.push(if way[axis] == present[0] { -1.0 } else { 1.0 });
            } else {
                let turn = f64::from(way[axis]) * std::f64::consts::TAU / 3.0;
                point.extend([turn.cos(), turn.sin()]);
            }
        }
    }
    points
}

/// Ridge regression of `targets` on `summaries` with a constant: `[C, S]` and `[C]`.
fn regression(summaries: &Tensor, targets: &[Vec<f64>], dim: usize) -> Result<(Tensor, Tensor)> {
    let (rows, width) = summaries.dims2()?;
    let values: Vec<f64> = summaries
        .flatten_all()?
        .to_vec1::<f32>()?
        .into_iter()
        .map(f64::from)
        .collect();
    let inputs = DMatrix::from_row_slice(rows, width, &values).insert_column(width, 1.0);
    let outputs = DMatrix::from_fn(rows, dim, |row, column| {
        targets[row].get(column).copied().unwrap_or(0.0)
    });
    let mut square = inputs.transpose() * &inputs;
    let ridge = RIDGE * square.trace() / (width + 1) as f64;
    for i in 0..width {
        square[(i, i)] += ridge;
    }
    let Some(solved) = square.cholesky() else {
        candle_core::bail!("the summaries of the transitions are not finite");
    };
    let weights = solved.solve(&(inputs.transpose() * outputs));
    let projection: Vec<f32> = (0..dim)
        .flat_map(|c| (0..width).map(move |s| (s, c)))
        .map(|at| weights[at] as f32)
        .collect();
    let bias: Vec<f32> = (0..dim).map(|c| weights[(width, c)] as f32).collect();
    Ok((
        Tensor::from_vec(projection, (dim, width), &Device::Cpu)?,
        Tensor::from_vec(bias, dim, &Device::Cpu)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gameplay::{GameplayRules, generate_clip};
    use crate::train::Variables;
    use genie_model::{GenieConfig, LatentActionModel};

    fn signs(scene: [i8; 2], own: [i8; 2]) -> MotionSigns {
        MotionSigns { scene, own }
    }

    #[test]
    fn a_camera_that_follows_tells_where_the_hero_goes() {
        // To the right under a camera that follows sideways; up, by itself, while another figure comes from the right; a fall.
        let sideways = [
            signs([-1, 0], [0, 0]),
            signs([0, 0], [-1, -1]),
            signs([0, 0], [0, 1]),
        ];
        assert_eq!(hero_moves(&sideways, true), [[1, 0], [0, -1], [0, 0]]);
        assert_eq!(hero_moves(&sideways, false), [[1, 0], [0, -1], [0, 1]]);
        // The same under one that follows in every direction.
        let everywhere = [
            signs([-1, 0], [0, 0]),
            signs([0, 1], [-1, 0]),
            signs([0, -1], [0, 1]),
        ];
        assert_eq!(hero_moves(&everywhere, true), [[1, 0], [0, -1], [0, 0]]);
        assert_eq!(hero_moves(&everywhere, false), [[1, 0], [0, -1], [0, 1]]);
        // Under one that stands still.
        let still = [signs([0, 0], [1, 0]), signs([0, 0], [0, 0])];
        assert_eq!(hero_moves(&still, true), [[1, 0], [0, 0]]);
    }

    #[test]
    fn ways_to_move_are_told_in_words() {
        let words = |signs| WayToMove { signs, share: 0.25 }.to_string();
        assert_eq!(words([0, 0]), "no motion 25 %");
        assert_eq!(words([-1, 0]), "left 25 %");
        assert_eq!(words([1, -1]), "right and up 25 %");
    }

    #[test]
    fn codes_start_as_directions_and_rises() {
        let clips = 24;
        let (mut pixels, mut truth) = (Vec::new(), Vec::new());
        for clip in 0..clips as u64 {
            let (frames, actions) = generate_clip(GameplayRules::ALIGNED, 3, clip, 16);
            pixels.extend(frames);
            truth.extend(actions);
        }
        let config = GenieConfig::tiny();
        let variables = Variables::new(1, &Device::Cpu);
        let vb = variables.builder().pp("latent_actions");
        let model = LatentActionModel::new(&config, vb).unwrap();
        let features = model.features(&pixels, clips).unwrap();
        let summaries = model.summarise(&features).unwrap().detach();
        let start = motion_start(
            &features.flatten_to(1).unwrap(),
            &summaries.flatten_to(1).unwrap(),
            6,
            8,
            true,
        )
        .unwrap()
        .unwrap();
        assert_eq!(start.ways.len(), 6);
        variables
            .set("latent_actions.encoder.project", &start.projection)
            .unwrap();
        variables
            .set("latent_actions.encoder.project_bias", &start.bias)
            .unwrap();
        variables
            .set("latent_actions.codebook", &start.codes)
            .unwrap();
        // Every true action has a code of its own, which most frames show: not those where a wall or the top of the screen
        // stops the hero.
        let named: Vec<u32> = model.infer(&pixels, clips).unwrap().concat();
        let mut counts = [[0u32; 6]; 6];
        for (&code, &action) in named.iter().zip(&truth) {
            counts[usize::from(action)][code as usize] += 1;
        }
        let mut favourites = Vec::new();
        let mut shown = 0;
        for row in counts {
            let favourite = (0..6).max_by_key(|&code| row[code]).unwrap();
            shown += row[favourite];
            favourites.push(favourite);
        }
        assert!(shown as usize * 4 > truth.len() * 3, "{counts:?}");
        favourites.sort_unstable();
        assert_eq!(favourites, [0, 1, 2, 3, 4, 5], "{counts:?}");
    }
}
