//! The tiles of the three themes, drawn as letters (see [`Theme::colour`]) and turned into pixels once.

use std::sync::LazyLock;

use super::TILE_SIZE;
use super::theme::{Rgb, Theme};

/// A drawn tile: rows of letters.
type Art = [&'static [u8; TILE_SIZE]; TILE_SIZE];
/// A tile in colours, row after row.
pub(crate) type Pixels = [[Rgb; TILE_SIZE]; TILE_SIZE];

/// Scenery without effect on the hero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenery {
    /// One tile on the ground: flowers, a small cactus, a snowy rock.
    Small,
    /// Left half of the wide plant or rock on the ground.
    BushLeft,
    /// Right half of it.
    BushRight,
    /// Upper half of the tall plant.
    TallTop,
    /// Lower half of it.
    TallBottom,
    /// Left half of a cloud, or stars.
    CloudLeft,
    /// Right half of a cloud, or stars.
    CloudRight,
    /// A single thing in the sky: a puff of cloud, the sun, the moon.
    SkySpot,
}

const SCENERY_KINDS: usize = 8;

// Variant tiles differ from the plain ones in their right half only: at half-tile scroll positions a patch holds one
// tile's right half and the next one's left half, and shared halves keep the number of distinct patches low.

const MEADOW_TOP: Art = [
    b"ggggdggg",
    b"gGggGggG",
    b"GGGgGGGG",
    b"GGdGGGdG",
    b"dGdddGdd",
    b"edeeedee",
    b"eeeleeeE",
    b"leeeeEee",
];
const MEADOW_TOP_VARIANT: Art = [
    b"ggggggdg",
    b"gGggggGg",
    b"GGGggGgG",
    b"GGdGgGGG",
    b"dGddGGdG",
    b"edeedede",
    b"eeeleeee",
    b"leeeluUe",
];
const DESERT_TOP: Art = [
    b"gggggggg",
    b"gggGGggg",
    b"GggggGGg",
    b"GGGGGGGG",
    b"dGGGddGG",
    b"GddGGGdd",
    b"eeeddeee",
    b"eleeeeeE",
];
const DESERT_TOP_VARIANT: Art = [
    b"gggggggg",
    b"gggGGggG",
    b"GgggggGG",
    b"GGGGGGGG",
    b"dGGGdGGG",
    b"GddGGddd",
    b"eeeduuee",
    b"eleeUUee",
];
const SNOW_TOP: Art = [
    b"gggggggg",
    b"gggggggg",
    b"gGgggGgg",
    b"GGGgGGGG",
    b"dGGGdGGd",
    b"ddGdddGd",
    b"edddeedd",
    b"eeeleeee",
];
const SNOW_TOP_VARIANT: Art = [
    b"gggggggg",
    b"gggggggg",
    b"gGggggGg",
    b"GGGgGgGG",
    b"dGGGGGdG",
    b"ddGdGddd",
    b"edddddee",
    b"eeeluUee",
];
const FILL: Art = [
    b"eeeeeEee",
    b"eleeeeee",
    b"eeeEeele",
    b"eeeeeeee",
    b"Eeeeeeee",
    b"eeeleeeE",
    b"eeeeeEee",
    b"eEeeeeee",
];
const FILL_VARIANT: Art = [
    b"eeeeeeee",
    b"eleeeuuE",
    b"eeeEuluU",
    b"eeeeuuuU",
    b"EeeeEUUE",
    b"eeeleEEe",
    b"eeeeeeee",
    b"eEeeeele",
];
const BRICK: Art = [
    b"kkkkkkkk",
    b"hhhkhhhh",
    b"aabkaaab",
    b"abbkaabb",
    b"kkkkkkkk",
    b"hhhhhhkh",
    b"baaaabka",
    b"kkkkkkkk",
];
const BLOCK: Art = [
    b"kkkkkkkk",
    b"khhhhhhk",
    b"khaaaabk",
    b"khabhabk",
    b"khahbabk",
    b"khaaaabk",
    b"kbbbbbbk",
    b"kkkkkkkk",
];
const COIN: Art = [
    b"..kkkk..",
    b".kyyyck.",
    b"kycccCck",
    b"kycCycCk",
    b"kycCycCk",
    b"kyccccCk",
    b".kcCCCk.",
    b"..kkkk..",
];

const MEADOW_SCENERY: [Art; SCENERY_KINDS] = [
    [
        b"........",
        b"..w.....",
        b".wcw....",
        b"..w..p..",
        b"..F.pcp.",
        b".fF..p..",
        b"..Ff.F.f",
        b"f.F.fFF.",
    ],
    [
        b"........",
        b".....kkk",
        b"...kkfff",
        b"..kffFff",
        b".kfFffff",
        b".kFfffFf",
        b"kFFFfFFF",
        b"kDFFDFFD",
    ],
    [
        b"........",
        b"k.......",
        b"fkkkk...",
        b"ffffFk..",
        b"FffffFk.",
        b"fFffFfk.",
        b"FfFFFFDk",
        b"FFDFDDDk",
    ],
    [
        b"..kkkk..",
        b".kffffk.",
        b"kffFfffk",
        b"kfffffFk",
        b"kFfffFFk",
        b"kFFFfFDk",
        b"kDFFFDDk",
        b".kkDDkk.",
    ],
    [
        b"..ktTk..",
        b"..ktTk..",
        b"..ktTk..",
        b"..ktTk..",
        b"..ktTk..",
        b"..ktTk..",
        b"..ktTk..",
        b".ktttTk.",
    ],
    [
        b"........",
        b".....www",
        b"...wwwww",
        b"..wwwwww",
        b".wwwwwww",
        b"wwwwwwww",
        b"vwwvwwww",
        b".vvvvvvv",
    ],
    [
        b"........",
        b"w.......",
        b"www.ww..",
        b"wwwwwww.",
        b"wwwwwwww",
        b"wwwwwwww",
        b"wwvvwwwv",
        b"vvvvvvv.",
    ],
    [
        b"........",
        b"........",
        b"...ww...",
        b"..wwwww.",
        b".wwwwwww",
        b"wwwwwwwv",
        b".vvvvvv.",
        b"........",
    ],
];
const DESERT_SCENERY: [Art; SCENERY_KINDS] = [
    [
        b"........",
        b"...p....",
        b"..kkk...",
        b".kfFfk..",
        b"kfFfFfk.",
        b"kFfFfDk.",
        b"kfFfFDk.",
        b".kFDDk..",
    ],
    [
        b"........",
        b"....kkkk",
        b"..kkhhhh",
        b".khhhaah",
        b".khaaaaa",
        b"khaabbaa",
        b"kaaaaaab",
        b"kbabbbaa",
    ],
    [
        b"........",
        b"........",
        b"kk......",
        b"hhkkk...",
        b"ahhhak..",
        b"aaaaabk.",
        b"baaaabbk",
        b"abbbbbbk",
    ],
    [
        b"...kkk..",
        b"..kfFDk.",
        b"..kfFDk.",
        b"kkkfFDk.",
        b"kfkfFDkk",
        b"kFkfFDfk",
        b"kFFfFDFk",
        b".kkfFDDk",
    ],
    [
        b"..kfFDkk",
        b"..kfFDk.",
        b"..kfFDk.",
        b"..kfFDk.",
        b"..kfFDk.",
        b"..kfFDk.",
        b"..kfFDk.",
        b"..kfFDk.",
    ],
    [
        b"........",
        b"........",
        b"......ww",
        b"...wwwww",
        b".wwwwwww",
        b"..vvwwww",
        b"....vvvv",
        b"........",
    ],
    [
        b"........",
        b"........",
        b"www.....",
        b"wwwwww..",
        b"wwwwwwww",
        b"wwwvvv..",
        b"vvv.....",
        b"........",
    ],
    [
        b"..cccc..",
        b".cyyyyc.",
        b"cyyyyyyc",
        b"cyyyyyyc",
        b"cyyyyyyc",
        b"cyyyyyyc",
        b".cyyyyc.",
        b"..cccc..",
    ],
];
const SNOW_SCENERY: [Art; SCENERY_KINDS] = [
    [
        b"........",
        b"........",
        b"..kkk...",
        b".kwwwkk.",
        b"kwwvwwwk",
        b"kvahvhvk",
        b"kaabaabk",
        b"kabbabbk",
    ],
    [
        b"........",
        b".....kkk",
        b"...kkwww",
        b"..kwwwww",
        b".kwvwwwv",
        b".kfvfwvf",
        b"kFfFfFfF",
        b"kDFFDFFD",
    ],
    [
        b"........",
        b"k.......",
        b"wkkkk...",
        b"wwwwwk..",
        b"wwwvwwk.",
        b"vfwfvvk.",
        b"FfFfFFDk",
        b"FFDFDDDk",
    ],
    [
        b"...kk...",
        b"..kwwk..",
        b"..kwfk..",
        b".kwwvFk.",
        b".kfvFDk.",
        b"kwwfFFDk",
        b"kfvFFDDk",
        b".kwwwFk.",
    ],
    [
        b"kwwvfFDk",
        b"kvfFFDDk",
        b"kwwwvfFk",
        b"kwvfFFDk",
        b"kfFFDDDk",
        b".kkkkkk.",
        b"...kTk..",
        b"...kTk..",
    ],
    [
        b"........",
        b"..w.....",
        b".......v",
        b"........",
        b"....v...",
        b"...vwv..",
        b"....v...",
        b".v......",
    ],
    [
        b"........",
        b".....v..",
        b"..v.....",
        b"........",
        b"........",
        b"......w.",
        b".v......",
        b"........",
    ],
    [
        b"..wwww..",
        b".wwwwvw.",
        b"wwvvwwww",
        b"wwvvwwww",
        b"wwwwwwvw",
        b"wwwwwwww",
        b".wwvwww.",
        b"..wwww..",
    ],
];

/// All tiles of one theme in colours. The two flags of an outlined tile: open to the left, open to the right.
pub(crate) struct TileSet {
    pub(crate) sky: Pixels,
    top: [[Pixels; 4]; 2],
    fill: [[Pixels; 4]; 2],
    brick: [Pixels; 4],
    pub(crate) block: Pixels,
    pub(crate) coin: Pixels,
    scenery: [Pixels; SCENERY_KINDS],
}

impl TileSet {
    /// The tiles of a theme, drawn on first use.
    pub(crate) fn of(theme: Theme) -> &'static Self {
        static SETS: LazyLock<[TileSet; 3]> = LazyLock::new(|| Theme::ALL.map(TileSet::draw));
        &SETS[theme as usize]
    }

    /// The ground's uppermost tile.
    pub(crate) fn top(&self, variant: bool, open_left: bool, open_right: bool) -> &Pixels {
        &self.top[usize::from(variant)][edge_index(open_left, open_right)]
    }

    /// Ground below the top.
    pub(crate) fn fill(&self, variant: bool, open_left: bool, open_right: bool) -> &Pixels {
        &self.fill[usize::from(variant)][edge_index(open_left, open_right)]
    }

    /// A tile of a floating platform.
    pub(crate) fn brick(&self, open_left: bool, open_right: bool) -> &Pixels {
        &self.brick[edge_index(open_left, open_right)]
    }

    /// A piece of scenery.
    pub(crate) fn scenery(&self, scenery: Scenery) -> &Pixels {
        &self.scenery[scenery as usize]
    }

    fn draw(theme: Theme) -> Self {
        let (tops, scenery) = match theme {
            Theme::Meadow => ([MEADOW_TOP, MEADOW_TOP_VARIANT], MEADOW_SCENERY),
            Theme::Desert => ([DESERT_TOP, DESERT_TOP_VARIANT], DESERT_SCENERY),
            Theme::Snow => ([SNOW_TOP, SNOW_TOP_VARIANT], SNOW_SCENERY),
        };
        let edged = |art: Art, round: bool| {
            [0, 1, 2, 3].map(|edges| draw_edges(paint(art, theme), theme, edges, round))
        };
        Self {
            sky: [[theme.sky(); TILE_SIZE]; TILE_SIZE],
            top: tops.map(|art| edged(art, true)),
            fill: [FILL, FILL_VARIANT].map(|art| edged(art, false)),
            brick: edged(BRICK, false),
            block: paint(BLOCK, theme),
            coin: paint(COIN, theme),
            scenery: scenery.map(|art| paint(art, theme)),
        }
    }
}

fn edge_index(open_left: bool, open_right: bool) -> usize {
    usize::from(open_left) + 2 * usize::from(open_right)
}

fn paint(art: Art, theme: Theme) -> Pixels {
    art.map(|row| row.map(|letter| theme.colour(letter).unwrap_or(theme.sky())))
}

/// Outlines the open sides; a rounded tile loses its upper corner to the sky.
fn draw_edges(mut tile: Pixels, theme: Theme, edges: usize, round: bool) -> Pixels {
    let outline = theme.colour(b'k').unwrap_or([0; 3]);
    for (flag, side, inner) in [(1, 0, 1), (2, TILE_SIZE - 1, TILE_SIZE - 2)] {
        if edges & flag == 0 {
            continue;
        }
        for row in &mut tile {
            row[side] = outline;
        }
        if round {
            tile[0][side] = theme.sky();
            tile[0][inner] = outline;
        }
    }
    tile
}
