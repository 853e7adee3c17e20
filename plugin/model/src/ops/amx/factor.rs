//! The factors of a product.

/// One factor: element `(row, column)` at `row * row_stride + column * column_stride`; one of the strides is 1.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Factor<'a> {
    pub(in crate::ops) data: &'a [f32],
    pub(in crate::ops) row_stride: usize,
    pub(in crate::ops) column_stride: usize,
}
