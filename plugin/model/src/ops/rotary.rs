//! Rotary positions: the angles by which the pairs of a head are turned at a position in time or in a frame.

/// Rotary positions turn pair `i` of the `d / 2` pairs of a head by `time * ROTARY_BASE^(-i / (d / 2))` radians. A
/// window holds tens of frames, so the slowest pair should turn noticeably within that, hence a small base.
pub const ROTARY_BASE: f64 = 100.0;

/// The grid of the tokens of a frame, for attention that depends on rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenGrid {
    /// Tokens that come first and have no position (an action).
    pub leading: usize,
    /// Rows of tokens.
    pub rows: usize,
    /// Tokens in a row.
    pub columns: usize,
}

impl TokenGrid {
    /// Number of tokens, the leading ones included.
    pub fn tokens(&self) -> usize {
        self.leading + self.rows * self.columns
    }

    /// Cosines and sines `[tokens, d / 2]`: the first half of the pairs turns by the row, the rest by the column.
    pub(super) fn angles(&self, head_width: usize) -> (Vec<f32>, Vec<f32>) {
        let half = head_width / 2;
        let turned = |place: usize, pairs: usize| {
            (0..pairs).map(move |pair| rotary_angle(place as u64, pair, pairs))
        };
        let leading = (0..self.leading).map(|_| (0, 0));
        let places = (0..self.rows * self.columns).map(|i| (i / self.columns, i % self.columns));
        leading
            .chain(places)
            .flat_map(|(row, column)| turned(row, half / 2).chain(turned(column, half - half / 2)))
            .map(|angle| (angle.cos() as f32, angle.sin() as f32))
            .unzip()
    }
}

/// Cosines and sines `[times, d / 2]`, computed in `f64` so that they stay exact after millions of frames.
pub(super) fn rotary_angles(times: &[u64], head_width: usize) -> (Vec<f32>, Vec<f32>) {
    let half = head_width / 2;
    times
        .iter()
        .flat_map(|time| {
            (0..half).map(move |i| {
                let angle = rotary_angle(*time, i, half);
                (angle.cos() as f32, angle.sin() as f32)
            })
        })
        .unzip()
}

/// The angle of pair `pair` of `pairs` at a position, in radians.
fn rotary_angle(place: u64, pair: usize, pairs: usize) -> f64 {
    place as f64 * ROTARY_BASE.powf(-(pair as f64) / pairs as f64)
}
