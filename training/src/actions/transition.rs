//! What a found agent does from frame to frame.

/// What the agent does between two frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgentTransition {
    /// Index of the code.
    pub code: usize,
    /// Displacement [x, y] relative to the scene, in pixels of the footage.
    pub displacement: [f32; 2],
    /// Whether the displacement was seen.
    pub seen: bool,
    /// Direction [x, y] read from its looks, less the mean of that over the footage.
    pub look: [f32; 2],
    /// Whether the anchor is there in the earlier frame.
    pub present: bool,
    /// Where it is in the earlier frame, or was last: [x, y] in pixels of the footage.
    pub position: [f32; 2],
}

/// The transitions of one clip, one fewer than its frames.
pub type ClipActions = Vec<AgentTransition>;
