//! The hero's sprites, and its signature colours, which nothing else in the game uses.

use super::theme::Rgb;
use super::{HERO_HEIGHT, HERO_WIDTH};

/// Which picture of the hero is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pose {
    /// Standing on the ground.
    Idle,
    /// Running, legs apart.
    RunWide,
    /// Running, legs together.
    RunClose,
    /// Falling.
    Air,
    /// Rising, the scarf spread.
    Flutter,
}

impl Pose {
    /// All poses.
    pub(crate) const ALL: [Self; 5] = [
        Self::Idle,
        Self::RunWide,
        Self::RunClose,
        Self::Air,
        Self::Flutter,
    ];
}

/// One row of a sprite; a dot is transparent.
type Row = [u8; HERO_WIDTH];

/// Head in a woollen cap, and scarf; shared by all poses on the ground so that they share their upper patches too.
const HEAD: [Row; 8] = [
    *b".ooooo..",
    *b"orrrrro.",
    *b"orrrrrro",
    *b"oRRRRRRo",
    *b"ohsseseo",
    *b"ohsssso.",
    *b".osSsSo.",
    *b"rorrrro.",
];
const IDLE_BODY: [Row; 8] = [
    *b"obbbrrbo",
    *b"obBbbrbo",
    *b"osbbbbso",
    *b".oyyyyo.",
    *b".obbbbo.",
    *b".obooBo.",
    *b".onoono.",
    *b".onnonno",
];
const RUN_WIDE_BODY: [Row; 8] = [
    *b"obbbrrbo",
    *b"sbBbbrbs",
    *b"oobbbboo",
    *b".oyyyyo.",
    *b"obbbbbbo",
    *b"oBbooBbo",
    *b"nno..onn",
    *b"on....on",
];
const RUN_CLOSE_BODY: [Row; 8] = [
    *b".obbrro.",
    *b".obsrbo.",
    *b".obbbbo.",
    *b".oyyyyo.",
    *b".oBbbbo.",
    *b".oBBbbo.",
    *b"..onnno.",
    *b"..onnno.",
];
const AIR_HEAD: [Row; 8] = [
    *b".ooooo..",
    *b"orrrrro.",
    *b"orrrrrro",
    *b"oRRRRRRo",
    *b"ohsseseo",
    *b"ohsssso.",
    *b"s.oSsSos",
    *b"borrrrob",
];
const AIR_BODY: [Row; 8] = [
    *b"obbbrrbo",
    *b".obbbrr.",
    *b".obbbbo.",
    *b".oyyyyo.",
    *b"obbbbbbo",
    *b"oBBoobbn",
    *b"onno.onn",
    *b".on...on",
];
const FLUTTER_HEAD: [Row; 8] = [
    *b".ooooo..",
    *b"orrrrro.",
    *b"orrrrrro",
    *b"oRRRRRRo",
    *b"ohsseseo",
    *b"rhssssor",
    *b"rroSsorr",
    *b"rrrrrrrr",
];
/// The legs of a fall: their patches serve both.
const FLUTTER_BODY: [Row; 8] = [
    *b"srbbbbrs",
    *b"o.bBbb.o",
    *b".obbbbo.",
    *b".oyyyyo.",
    *b"obbbbbbo",
    *b"oBBoobbn",
    *b"onno.onn",
    *b".on...on",
];

/// The colour of a sprite letter, or `None` where the background shows through.
fn colour(letter: u8) -> Option<Rgb> {
    Some(match letter {
        b'o' | b'e' => [34, 22, 34],
        b'r' => [228, 40, 44],
        b'R' => [176, 24, 44],
        b's' => [255, 208, 164],
        b'S' => [232, 164, 120],
        b'h' => [96, 54, 34],
        b'b' => [52, 100, 240],
        b'B' => [32, 60, 176],
        b'y' => [255, 226, 90],
        b'n' => [104, 60, 38],
        _ => return None,
    })
}

/// One sprite in colours, row after row; `None` is transparent.
pub(crate) type Sprite = [[Option<Rgb>; HERO_WIDTH]; HERO_HEIGHT];

/// The sprite of a pose; facing left is the mirror image of facing right.
pub(crate) fn sprite(pose: Pose, faces_left: bool) -> Sprite {
    let (head, body) = match pose {
        Pose::Idle => (&HEAD, &IDLE_BODY),
        Pose::RunWide => (&HEAD, &RUN_WIDE_BODY),
        Pose::RunClose => (&HEAD, &RUN_CLOSE_BODY),
        Pose::Air => (&AIR_HEAD, &AIR_BODY),
        Pose::Flutter => (&FLUTTER_HEAD, &FLUTTER_BODY),
    };
    let mut out = [[None; HERO_WIDTH]; HERO_HEIGHT];
    for (y, row) in head.iter().chain(body).enumerate() {
        for (x, &letter) in row.iter().enumerate() {
            let shown_at = if faces_left { HERO_WIDTH - 1 - x } else { x };
            out[y][shown_at] = colour(letter);
        }
    }
    out
}
