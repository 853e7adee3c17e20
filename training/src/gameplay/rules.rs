//! How the hero runs and jumps, and how the camera follows.

use super::{FRAME_SIZE, HERO_SCREEN_X, HERO_WIDTH};

/// The rules of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GameplayRules {
    /// How the hero runs.
    pub run: Run,
    /// What the jump button does.
    pub jump: Jump,
    /// How the camera follows.
    pub camera: Camera,
}

/// How the hero runs, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Most pixels a frame.
    pub speed: i64,
    /// Most change of the speed in a frame.
    pub acceleration: i64,
    /// Horizontal positions are multiples of it; `speed` is one.
    pub grain: i64,
}

/// What the jump button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// It starts a jump on the ground, which is higher while it is held.
    Arc,
    /// It also lifts the hero in the air, so that it shows in every frame.
    Flutter,
}

/// How the camera follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Camera {
    /// It stands while the hero is in the middle of the screen, and is pushed by a hero that leaves it.
    DeadZone,
    /// The hero stays in one column of the screen, which the patches of a tokenizer line up with.
    Aligned,
}

impl GameplayRules {
    /// A platformer like others: it scrolls by one to three pixels, and the hero moves on the screen too.
    pub const FREE: Self = Self {
        run: Run {
            speed: 3,
            acceleration: 2,
            grain: 1,
        },
        jump: Jump::Arc,
        camera: Camera::DeadZone,
    };

    /// A platformer that is made so that a small world model can learn it: scroll steps and the hero's column line up
    /// with eight-pixel patches, so that few distinct ones exist, and every press shows.
    pub const ALIGNED: Self = Self {
        run: Run {
            speed: 4,
            acceleration: 8,
            grain: 4,
        },
        jump: Jump::Flutter,
        camera: Camera::Aligned,
    };

    /// The rules of footage that is called so in `dataset.json`, if it is of the built-in game.
    pub fn of_game(game: &str) -> Option<Self> {
        [Self::FREE, Self::ALIGNED]
            .into_iter()
            .find(|rules| rules.game() == game)
    }

    /// What footage under these rules is called in `dataset.json`.
    pub const fn game(self) -> &'static str {
        match self.camera {
            Camera::DeadZone => super::FREE_GAME,
            Camera::Aligned => super::GAME,
        }
    }
}

impl Default for GameplayRules {
    fn default() -> Self {
        Self::FREE
    }
}

impl Camera {
    /// Screen columns in which the hero's left edge may be, in pixels: the first and the last.
    pub const fn hero_columns(self) -> [usize; 2] {
        match self {
            Self::DeadZone => [
                HERO_SCREEN_X - 4,
                FRAME_SIZE - HERO_WIDTH - HERO_SCREEN_X + 4,
            ],
            Self::Aligned => [HERO_SCREEN_X; 2],
        }
    }

    /// Where in the screen a world begins with its hero.
    pub(super) const fn middle(self) -> i64 {
        let [first, last] = self.hero_columns();
        usize::midpoint(first, last) as i64
    }

    /// The left edge of the screen in the next frame.
    pub(super) fn follow(self, camera_x: i64, hero_x: i64) -> i64 {
        let [first, last] = self.hero_columns();
        camera_x.clamp(hero_x - last as i64, hero_x - first as i64)
    }
}
