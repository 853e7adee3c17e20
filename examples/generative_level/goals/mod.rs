//! The rules of the game, read out of the dream.
//!
//! The world model generates pictures and counts nothing. Distance is the motion of the hero and of the scenery, a fall is a hero that sinks
//! out of the picture and comes in at the top, and a coin is taken when it vanishes under the hero.

mod coins;
mod hero;
mod scenery;
mod sums;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_genie::triggers::GenieTriggerSystems;

use coins::CoinWatch;
use hero::{CAP, HERO_COLUMNS, TOLERANCE, find_hero};
use scenery::Scenery;

/// Pixels of the dream that count as a metre: the edge of a tile.
const METRE: i32 = 8;
/// Points for a coin; a metre is worth one.
pub(crate) const COIN_POINTS: u32 = 10;
/// Ticks within which a hero that has sunk out of the picture comes in at the top.
const FALL_TICKS: u64 = 4;
/// Names of the triggers.
const AT_BOTTOM: &str = "hero at the bottom";
const AT_TOP: &str = "hero at the top";

/// Rows by which the hero rises at least in the frame in which it leaves the ground.
const TAKE_OFF: u32 = 4;

/// Message: the newest frame shows that something has just happened.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The world with the [`Goals`].
    pub(crate) world: Entity,
    /// What has happened.
    pub(crate) what: Happening,
}

/// What can be seen to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A coin vanished under the hero.
    Coin,
    /// The hero left the ground.
    Jump,
    /// It fell out of the picture.
    Fall,
}

/// What has been seen up to a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Coins taken.
    pub(crate) coins: u32,
    /// Where the hero is, in pixels to the right of where it began.
    pub(crate) position: i32,
    /// The furthest that it has been.
    pub(crate) furthest: i32,
    /// Falls out of the picture.
    pub(crate) falls: u32,
}

impl Tally {
    /// The distance run, in tiles.
    pub(crate) fn metres(&self) -> u32 {
        (self.furthest / METRE).max(0) as u32
    }

    /// Points.
    pub(crate) fn score(&self) -> u32 {
        self.metres() + COIN_POINTS * self.coins
    }
}

/// Keeps score of the world on whose entity it is.
#[derive(Component, Default)]
#[require(GenieTriggers = triggers())]
pub(crate) struct Goals {
    /// The tally of each tick, so that a rewound world has the score that it had.
    history: Vec<Tally>,
    coins: CoinWatch,
    scenery: Scenery,
    hero: Option<URect>,
    /// Column of the picture in which the hero was seen last.
    column: i32,
    /// Whether it rose in the last frame.
    rising: bool,
    /// When the hero was seen sinking out of the picture.
    sank: Option<u64>,
    fell: bool,
}

impl Goals {
    /// The tally of the newest frame.
    pub(crate) fn tally(&self) -> Tally {
        self.history.last().copied().unwrap_or_default()
    }

    /// Where the hero is in the newest frame, if it is in sight.
    pub(crate) fn hero(&self) -> Option<URect> {
        self.hero
    }

    /// The column of the picture in which the hero's left edge is, or was when it was last in sight.
    pub(crate) fn hero_column(&self) -> i32 {
        self.column
    }
}

/// Both look for the red cap in the hero's columns.
fn triggers() -> GenieTriggers {
    /// Share of the region that a part of the cap fills.
    const SHARE: f32 = 0.024;
    let cap = |rows: std::ops::Range<u32>| GenieSense::Colour {
        region: URect::new(HERO_COLUMNS.start, rows.start, HERO_COLUMNS.end, rows.end),
        colour: CAP.into(),
        tolerance: TOLERANCE,
    };
    GenieTriggers::new([
        GenieTrigger::new(AT_BOTTOM, cap(52..64), SHARE),
        GenieTrigger::new(AT_TOP, cap(0..8), SHARE),
    ])
}

/// Evaluates [`Goals`] in `PreUpdate`; systems of `Update` see the newest tally.
pub(crate) struct GoalsPlugin;

impl Plugin for GoalsPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Seen>()
            .add_systems(PreUpdate, keep_score.after(GenieTriggerSystems))
            .add_observer(notice_fall)
            .add_observer(sink_further);
    }
}

fn notice_fall(fired: On<GenieTriggerFired>, mut worlds: Query<&mut Goals>) {
    let Ok(mut goals) = worlds.get_mut(fired.world) else {
        return;
    };
    if fired.name == AT_BOTTOM {
        goals.sank = Some(fired.tick);
    } else if fired.name == AT_TOP {
        let sank = goals.sank.take();
        goals.fell = sank.is_some_and(|at| fired.tick <= at + FALL_TICKS && fired.tick > at);
    }
}

/// The time to come in at the top begins when the cap is out of sight.
fn sink_further(released: On<GenieTriggerReleased>, mut worlds: Query<&mut Goals>) {
    if let Ok(mut goals) = worlds.get_mut(released.world)
        && released.name == AT_BOTTOM
        && goals.sank.is_some()
    {
        goals.sank = Some(released.tick.saturating_sub(1));
    }
}

fn keep_score(
    mut frames: MessageReader<GenieFrame>,
    mut worlds: Query<&mut Goals>,
    mut seen: MessageWriter<Seen>,
) {
    for frame in frames.read() {
        let Ok(mut goals) = worlds.get_mut(frame.world) else {
            continue;
        };
        let world = frame.world;
        let happened = goals.see(frame);
        seen.write_batch(happened.into_iter().map(|what| Seen { world, what }));
    }
}

impl Goals {
    fn see(&mut self, frame: &GenieFrame) -> Vec<Happening> {
        let tick = frame.tick as usize;
        let before = std::mem::replace(&mut self.hero, find_hero(&frame.pixels));
        let fell = std::mem::take(&mut self.fell);
        let column = self.hero.map_or(self.column, |hero| hero.min.x as i32);
        let moved = column - std::mem::replace(&mut self.column, column);
        let rise = match (before, self.hero) {
            (Some(before), Some(now)) if !fell => before.min.y.saturating_sub(now.min.y),
            _ => 0,
        };
        let rose = std::mem::replace(&mut self.rising, rise > 0);
        if tick != self.history.len() || tick == 0 {
            // Begun, rewound, or a jump: the score is what it was then.
            let newest = self.tally();
            self.history.resize(tick + 1, newest);
            self.coins.look(&frame.pixels, self.hero);
            self.scenery.look(&frame.pixels, self.hero);
            self.sank = None;
            return Vec::new();
        }
        let (mut tally, mut happened) = (self.tally(), Vec::new());
        let shift = IVec2::new(self.scenery.follow(&frame.pixels, self.hero), 0);
        tally.position += moved - shift.x;
        tally.furthest = tally.furthest.max(tally.position);
        tally.falls += u32::from(fell);
        let coins = self.coins.taken(&frame.pixels, self.hero, shift);
        tally.coins += coins;
        self.history.push(tally);
        happened.extend((rise >= TAKE_OFF && !rose).then_some(Happening::Jump));
        happened.extend(fell.then_some(Happening::Fall));
        happened.extend((coins > 0).then_some(Happening::Coin));
        happened
    }
}
