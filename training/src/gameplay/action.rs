//! The six true actions of the built-in gameplay.

/// Where the player steers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Steer {
    /// Four pixels to the left.
    Left,
    /// Stand still.
    Idle,
    /// Four pixels to the right.
    Right,
}

/// What the player really did in one frame. Training never reads it; evaluation compares latent actions with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrueAction {
    /// Horizontal direction.
    pub steer: Steer,
    /// Whether the jump button is held down.
    pub jump: bool,
}

impl TrueAction {
    /// How many true actions there are.
    pub const COUNT: usize = 6;

    /// All actions, in the order of their [`index`](Self::index).
    pub const ALL: [Self; Self::COUNT] = [
        Self::new(Steer::Left, false),
        Self::new(Steer::Idle, false),
        Self::new(Steer::Right, false),
        Self::new(Steer::Left, true),
        Self::new(Steer::Idle, true),
        Self::new(Steer::Right, true),
    ];

    /// The action that steers so and holds the jump button or not.
    pub const fn new(steer: Steer, jump: bool) -> Self {
        Self { steer, jump }
    }

    /// Position in [`Self::ALL`], 0 to 5: left, idle, right, then the same with jump.
    pub const fn index(self) -> usize {
        self.steer as usize + if self.jump { 3 } else { 0 }
    }

    /// The action with that [`index`](Self::index), or `None` from 6 on.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// A short name such as `right+jump`.
    pub const fn name(self) -> &'static str {
        match (self.steer, self.jump) {
            (Steer::Left, false) => "left",
            (Steer::Idle, false) => "idle",
            (Steer::Right, false) => "right",
            (Steer::Left, true) => "left+jump",
            (Steer::Idle, true) => "idle+jump",
            (Steer::Right, true) => "right+jump",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_list_agree() {
        for (index, action) in TrueAction::ALL.iter().enumerate() {
            assert_eq!(action.index(), index);
            assert_eq!(TrueAction::from_index(index), Some(*action));
        }
        assert_eq!(TrueAction::from_index(6), None);
    }
}
