//! Weights as tensors of a checkpoint file.

use candle_core::{Device, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::error::CheckpointError;
use crate::{Error, ParameterSpec};

/// How a checkpoint file holds weights. In memory they are f32 whatever the file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// Four bytes each, as they were trained.
    F32,
    /// Two bytes each.
    F16,
    /// Matrices of the dynamics take one byte for each weight and four for each row: the nearest of 255 even steps from `-m` to `m`, where `m` is the largest
    /// magnitude in the row. The rest is f16, the tokenizer too: pictures and tokens are sharper than that. About two thirds of an f16 file; nothing is
    /// lost by writing it again.
    Int8,
}

/// Largest number of steps on either side of zero.
const STEPS: f32 = 127.0;
/// Bits of the step of a row that are kept, so that 127 steps are a number that f32 holds exactly, and writing what was read gives the same step.
const KEPT_STEP_BITS: u32 = !0xfff;
const HALF_A_LOST_STEP_BIT: u32 = 0x800;

/// A tensor of a file: its name, shape, bytes and type.
pub(super) type StoredTensor = (String, Vec<usize>, Vec<u8>, Dtype);

/// The name of the steps of a matrix in one byte a weight.
fn step_name(name: &str) -> String {
    format!("{name}.step")
}

/// The tensors that hold a weight tensor.
pub(super) fn stored(
    spec: &ParameterSpec,
    values: &[f32],
    format: WeightFormat,
) -> Vec<StoredTensor> {
    let tensor = |bytes: Vec<u8>, kind| (spec.name.clone(), spec.shape.clone(), bytes, kind);
    let in_steps_of_rows = rows(spec).filter(|_| spec.name.starts_with("dynamics."));
    match (format, in_steps_of_rows) {
        (WeightFormat::F32, _) => {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            vec![tensor(bytes.collect(), Dtype::F32)]
        }
        (WeightFormat::Int8, Some((rows, columns))) => {
            let steps: Vec<f32> = values.chunks_exact(columns).map(step).collect();
            let bytes = (values.chunks_exact(columns).zip(&steps))
                .flat_map(|(row, &step)| row.iter().map(move |&value| in_steps(value, step)))
                .flat_map(i8::to_le_bytes);
            let step_bytes = steps.iter().flat_map(|step| step.to_le_bytes()).collect();
            vec![
                tensor(bytes.collect(), Dtype::I8),
                (step_name(&spec.name), vec![rows], step_bytes, Dtype::F32),
            ]
        }
        (WeightFormat::F16 | WeightFormat::Int8, _) => {
            let halves = values.iter().map(|&value| half::f16::from_f32(value));
            let bytes = halves.flat_map(half::f16::to_le_bytes);
            vec![tensor(bytes.collect(), Dtype::F16)]
        }
    }
}

/// Rows and columns of a matrix, or of a stack of them; `None` of anything else.
fn rows(spec: &ParameterSpec) -> Option<(usize, usize)> {
    let (&columns, before) = spec.shape.split_last()?;
    (!before.is_empty() && columns > 0).then(|| (before.iter().product(), columns))
}

/// The step of a row.
fn step(row: &[f32]) -> f32 {
    let most = row
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let step = most / STEPS;
    f32::from_bits((step.to_bits() + HALF_A_LOST_STEP_BIT) & KEPT_STEP_BITS)
}

/// A value in whole steps; the conversion saturates.
fn in_steps(value: f32, step: f32) -> i8 {
    if step > 0.0 {
        (value / step).round().clamp(-STEPS, STEPS) as i8
    } else {
        0
    }
}

/// Reads a weight tensor, in any of the formats, and the names of the tensors that hold it.
pub(super) fn read_weights(
    source_name: &str,
    spec: &ParameterSpec,
    file: &SafeTensors,
) -> Result<(Tensor, Vec<String>), Error> {
    let tensor = |name: &str| {
        file.tensor(name).map_err(|_| CheckpointError::Missing {
            source_name: source_name.to_owned(),
            tensor: name.to_owned(),
        })
    };
    let wrong = |name: &str, found: &TensorView, expected: String| CheckpointError::Shape {
        source_name: source_name.to_owned(),
        tensor: name.to_owned(),
        found: format!("{:?} of {:?}", found.shape(), found.dtype()),
        expected,
    };
    let view = tensor(&spec.name)?;
    let mut names = vec![spec.name.clone()];
    let values: Option<Vec<f32>> = match (view.dtype(), rows(spec)) {
        (Dtype::F32, _) => Some(floats(&view)),
        (Dtype::F16, _) => {
            let halves = view.data().as_chunks::<2>().0.iter();
            let values = halves.map(|&bytes| half::f16::from_le_bytes(bytes).to_f32());
            Some(values.collect())
        }
        (Dtype::I8, Some((rows, columns))) => {
            let name = step_name(&spec.name);
            let steps = tensor(&name)?;
            if (steps.dtype(), steps.shape()) != (Dtype::F32, &[rows][..]) {
                return Err(wrong(&name, &steps, format!("[{rows}] of F32")).into());
            }
            names.push(name);
            let rows = view.data().chunks_exact(columns).zip(floats(&steps));
            let values = rows.flat_map(|(row, step)| {
                let of_row = row.iter();
                of_row.map(move |&byte| f32::from(byte.cast_signed()) * step)
            });
            Some(values.collect())
        }
        _ => None,
    };
    let fits = view.shape() == spec.shape;
    let Some(values) = values.filter(|values| fits && values.len() == spec.len()) else {
        let expected = format!("{:?} of F16, F32 or, if it is a matrix, I8", spec.shape);
        return Err(wrong(&spec.name, &view, expected).into());
    };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(CheckpointError::NonFinite {
            source_name: source_name.to_owned(),
            tensor: spec.name.clone(),
        }
        .into());
    }
    let tensor = Tensor::from_vec(values, spec.shape.as_slice(), &Device::Cpu)?;
    Ok((tensor, names))
}

fn floats(view: &TensorView) -> Vec<f32> {
    let chunks = view.data().as_chunks::<4>().0.iter();
    chunks.map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
