//! What a transition is described by before it becomes a code.

/// Values of a description.
pub(crate) const VALUES: usize = 4;

/// What a transition is described by before it becomes a code: which way the anchor goes, [x, y], in it and in the next one, where much of
/// what a player does shows only; and which way it looks, [x, y].
pub(crate) type Description = [f32; VALUES];
