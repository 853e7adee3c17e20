//! Where the latent actions start when motion is what the encoder sees: one code for every way in which the scene and
//! what moves by itself may go.
//!
//! Clusters of raw encoder outputs follow what varies most, which is scenery. Signs of motion are few, mean the same in
//! every theme, and can be read off the encoder's summary by a linear map.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use genie_model::{MotionSigns, motion_signs};
use nalgebra::DMatrix;

/// Signs seen in a smaller share of the transitions count as no motion.
const RARE: f64 = 0.02;
/// Ridge of the regression, as a share of the mean square of the inputs.
const RIDGE: f64 = 1e-2;

/// A linear read-out of summaries and the codes it reads.
#[derive(Debug)]
pub struct MotionStart {
    /// `[C, S]`.
    pub projection: Tensor,
    /// `[C]`.
    pub bias: Tensor,
    /// `[A, C]` on the unit sphere. Where there are fewer ways to move than codes, the rest are nobody's nearest.
    pub codes: Tensor,
    /// Number of codes that stand for a way to move.
    pub used: usize,
}

/// Fits the start of `actions` codes of `dim` values to transitions: their motion features `[M, N, F]` and the encoder's
/// summaries of them `[M, S]`. `None` if the transitions show no motion to start from.
///
/// With `gravity`, going down by itself counts as no motion: what falls is pulled, not steered.
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
    let axes = common_axes(&signs, gravity);
    // Ways to move, the most frequent first.
    let mut counts: HashMap<&[i8], usize> = HashMap::new();
    for way in &axes {
        *counts.entry(way).or_default() += 1;
    }
    let mut ways: Vec<(&[i8], usize)> = counts.into_iter().collect();
    ways.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ways.truncate(actions);
    let targets = place(&axes, dim);
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
        for (_, point) in axes.iter().zip(&points).filter(|(other, _)| *other == way) {
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
    let used = ways.len();
    Ok(Some(MotionStart {
        projection,
        bias,
        codes: Tensor::from_vec(codes, (actions, dim), &Device::Cpu)?,
        used,
    }))
}

/// The signs of every transition along the axes on which anything moves often enough.
fn common_axes(signs: &[MotionSigns], gravity: bool) -> Vec<Vec<i8>> {
    let mut axes: Vec<[i8; 4]> = signs
        .iter()
        .map(|s| {
            let fall = if gravity { s.own[1].min(0) } else { s.own[1] };
            [s.scene[0], s.scene[1], s.own[0], fall]
        })
        .collect();
    let mut kept = Vec::new();
    for axis in 0..4 {
        for sign in [-1, 1] {
            let count = axes.iter().filter(|way| way[axis] == sign).count();
            if (count as f64) < RARE * axes.len() as f64 {
                axes.iter_mut()
                    .filter(|way| way[axis] == sign)
                    .for_each(|way| way[axis] = 0);
            }
        }
        if axes.iter().any(|way| way[axis] != axes[0][axis]) {
            kept.push(axis);
        }
    }
    axes.iter()
        .map(|way| kept.iter().map(|&axis| way[axis]).collect())
        .collect()
}

/// Points for the ways to move: the corners of a triangle for each axis with three signs, two ends of a line for one with
/// two, so that all ways are equally far from the centre. Axes that `dim` has no room for are left out.
fn place(axes: &[Vec<i8>], dim: usize) -> Vec<Vec<f64>> {
    let count = axes.first().map_or(0, Vec::len);
    let mut points = vec![Vec::new(); axes.len()];
    for axis in 0..count {
        let mut present: Vec<i8> = axes.iter().map(|way| way[axis]).collect();
        present.sort_unstable();
        present.dedup();
        let room = present.len() - 1;
        if points[0].len() + room >= dim {
            break;
        }
        for (point, way) in points.iter_mut().zip(axes) {
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
    use crate::gameplay::generate_clip;
    use crate::train::Variables;
    use genie_model::{GenieConfig, LatentActionModel};

    #[test]
    fn codes_start_as_directions_and_rises() {
        let clips = 24;
        let (mut pixels, mut truth) = (Vec::new(), Vec::new());
        for clip in 0..clips as u64 {
            let (frames, actions) = generate_clip(3, clip, 16);
            pixels.extend(frames);
            truth.extend(actions);
        }
        let config = GenieConfig::platformer();
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
        assert_eq!(start.used, 6);
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
