//! Constant tensors of attention, made once for a device.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::{DType, Device, DeviceLocation, Result, Tensor};

use super::super::constants::MASKED_LOGIT;
use super::super::rotary::{TokenGrid, rotary_angles};

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Table {
    /// Cosines of the rotations of a frame's tokens `[N, d / 2]`.
    GridCosines(TokenGrid, usize),
    /// Their sines.
    GridSines(TokenGrid, usize),
    /// Cosines of the rotations of `streams` times `length` frames, `[streams T, d / 2]`.
    TimeCosines(Frames, usize),
    /// Their sines.
    TimeSines(Frames, usize),
    /// `[streams T, T]`: zero where a frame sees another one within the window, minus infinity elsewhere.
    Window(Frames, usize),
    /// `[2 T, T]`: one on the diagonal of the second half, zero elsewhere.
    Own(usize),
    /// `[2 T, T]`: one minus that.
    Others(usize),
}

/// Frames along time, once for each stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Frames {
    pub(super) length: usize,
    pub(super) streams: usize,
}

thread_local! {
    static TABLES: RefCell<HashMap<(DeviceLocation, DType, Table), Tensor>> = RefCell::default();
}

impl Table {
    /// The table on a device.
    pub(super) fn on(self, device: &Device, dtype: DType) -> Result<Tensor> {
        let key = (device.location(), dtype, self);
        if let Some(known) = TABLES.with_borrow(|tables| tables.get(&key).cloned()) {
            return Ok(known);
        }
        let (values, shape) = self.values();
        let table = Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?;
        TABLES.with_borrow_mut(|tables| tables.insert(key, table.clone()));
        Ok(table)
    }

    fn values(self) -> (Vec<f32>, (usize, usize)) {
        match self {
            Self::GridCosines(grid, d) => (grid.angles(d).0, (grid.tokens(), d / 2)),
            Self::GridSines(grid, d) => (grid.angles(d).1, (grid.tokens(), d / 2)),
            Self::TimeCosines(frames, d) => (frames.angles(d).0, (frames.total(), d / 2)),
            Self::TimeSines(frames, d) => (frames.angles(d).1, (frames.total(), d / 2)),
            Self::Window(frames, window) => {
                let length = frames.length;
                let values = (0..frames.total() * length).map(|i| {
                    let (query, key) = (i / length % length, i % length);
                    let seen = key + window > query && key <= query;
                    if seen { 0.0 } else { -MASKED_LOGIT }
                });
                (values.collect(), (frames.total(), length))
            }
            Self::Own(length) => (own(length).collect(), (2 * length, length)),
            Self::Others(length) => {
                let values = own(length).map(|own| 1.0 - own);
                (values.collect(), (2 * length, length))
            }
        }
    }
}

fn own(length: usize) -> impl Iterator<Item = f32> {
    (0..2 * length * length).map(move |i| {
        let (row, column) = (i / length, i % length);
        f32::from(u8::from(row == length + column))
    })
}

impl Frames {
    fn total(self) -> usize {
        self.length * self.streams
    }

    fn angles(self, head_width: usize) -> (Vec<f32>, Vec<f32>) {
        let times: Vec<u64> = (0..self.length as u64).collect();
        rotary_angles(&times.repeat(self.streams), head_width)
    }
}
