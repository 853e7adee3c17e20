//! The three looks of the built-in gameplay and their palettes.

use super::hash::mix;

/// A red-green-blue colour.
pub(crate) type Rgb = [u8; 3];

/// The look of one world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Theme {
    /// A green meadow by day.
    Meadow,
    /// A sandy desert at dusk.
    Desert,
    /// Snowy hills at night.
    Snow,
}

impl Theme {
    /// All themes.
    pub const ALL: [Self; 3] = [Self::Meadow, Self::Desert, Self::Snow];

    /// The theme of the world with that seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self::ALL[(mix(seed, 0x7468_656d) % 3) as usize]
    }

    /// The flat colour of the sky. None comes near the hero's red, blue and skin.
    pub(crate) const fn sky(self) -> Rgb {
        match self {
            Self::Meadow => [152, 212, 248],
            Self::Desert => [196, 142, 178],
            Self::Snow => [30, 34, 66],
        }
    }

    /// The colour that a letter of the tile art stands for; `None` where the sky shows through.
    ///
    /// Letters: `k` outline; `g G d` ground cover light, mid, dark; `l e E` earth light, mid, dark; `u U` stone;
    /// `f F D` leaves; `t T` trunk; `h a b` masonry light, mid, dark; `w v` cloud or snow; `c C y` gold; `p` petals.
    pub(crate) fn colour(self, letter: u8) -> Option<Rgb> {
        let [meadow, desert, snow]: [Rgb; 3] = match letter {
            b'k' => [[38, 32, 44], [50, 30, 46], [14, 16, 34]],
            b'g' => [[168, 226, 92], [255, 226, 150], [246, 250, 255]],
            b'G' => [[98, 184, 72], [240, 194, 112], [214, 228, 244]],
            b'd' => [[48, 128, 64], [208, 150, 84], [160, 180, 212]],
            b'l' => [[190, 140, 96], [226, 168, 104], [122, 124, 150]],
            b'e' => [[150, 102, 70], [200, 140, 88], [92, 94, 122]],
            b'E' => [[116, 74, 56], [166, 110, 76], [66, 68, 96]],
            b'u' => [[176, 170, 160], [236, 196, 140], [154, 160, 186]],
            b'U' => [[126, 118, 116], [150, 98, 74], [56, 58, 84]],
            b'f' => [[132, 208, 84], [122, 182, 92], [92, 150, 124]],
            b'F' => [[72, 160, 72], [78, 140, 78], [52, 110, 98]],
            b'D' => [[40, 108, 64], [46, 96, 68], [34, 78, 76]],
            b't' => [[170, 116, 72], [190, 136, 92], [120, 90, 82]],
            b'T' => [[120, 78, 54], [148, 98, 72], [84, 62, 62]],
            b'h' => [[238, 206, 150], [250, 220, 176], [188, 196, 216]],
            b'a' => [[204, 158, 102], [214, 172, 126], [138, 146, 176]],
            b'b' => [[158, 112, 74], [166, 120, 92], [98, 104, 138]],
            b'w' => [[255, 255, 255], [244, 206, 206], [248, 250, 255]],
            b'v' => [[212, 232, 250], [222, 172, 190], [186, 204, 232]],
            b'c' => [[255, 214, 64]; 3],
            b'C' => [[224, 156, 32]; 3],
            b'y' => [[255, 244, 160]; 3],
            b'p' => [[250, 160, 210], [250, 170, 200], [220, 180, 240]],
            _ => return None,
        };
        Some(match self {
            Self::Meadow => meadow,
            Self::Desert => desert,
            Self::Snow => snow,
        })
    }
}
