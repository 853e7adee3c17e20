//! What a transition is described by before it becomes a code.

/// Values of a description.
pub(crate) const VALUES: usize = 4;

/// Which way the anchor goes, [x, y], in a transition and in the next one, where much of what a player does shows only; and which way it
/// looks, [x, y].
pub(crate) type Values = [f32; VALUES];

/// Number of tokens of each kind that a description has: of the displacement, of the next one, and of the looks.
pub(crate) const TOKEN_COUNTS: [usize; 3] = [25, 25, 7];

/// Number of tokens of a change of displacement.
pub(crate) const CHANGE_TOKENS: usize = 25;

/// What a transition is described by: the same in numbers and in tokens, since displacements come in a few sizes and looks in a few poses,
/// which no bell curve fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Description {
    pub(crate) values: Values,
    /// One of each of [`TOKEN_COUNTS`].
    pub(crate) tokens: [u8; TOKEN_COUNTS.len()],
    /// How the displacement differs from the one before, one of [`CHANGE_TOKENS`], where that says what is pressed.
    pub(crate) change: Option<u8>,
}
