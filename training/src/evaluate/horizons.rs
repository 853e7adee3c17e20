//! The steps of dreams that are judged.

/// Horizons at which dreams are judged. The later ones are longer: play passes through them anyway.
const HORIZONS: [Horizon; 4] = [
    Horizon { first: 1, last: 3 },
    Horizon { first: 4, last: 7 },
    Horizon {
        first: 16,
        last: 31,
    },
    Horizon {
        first: 64,
        last: 79,
    },
];
/// Horizons up to this one are near.
const NEAR: usize = 4;

/// Successive steps of a dream, counted from 1, that are judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Horizon {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Horizon {
    /// Those that begin up to a step: near ones, reached in dreams from real histories, or the others, reached in random play.
    pub(super) fn up_to(most: usize, near: bool) -> Vec<Self> {
        let wanted = |it: &Self| it.first <= most && (it.first <= NEAR) == near;
        HORIZONS.into_iter().filter(wanted).collect()
    }

    /// Whether a step belongs to it.
    pub(super) fn holds(self, step: usize) -> bool {
        (self.first..=self.last).contains(&step)
    }
}
