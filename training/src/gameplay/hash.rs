//! Seeded hashing: the endless terrain is a pure function of its seed and position.

/// A well-mixed 64-bit value for a seed and a key (the finaliser is `SplitMix64`'s).
pub(crate) const fn mix(seed: u64, key: u64) -> u64 {
    let mut z = seed
        .wrapping_add(key.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A short stream of hashed values, for the decisions inside one piece of terrain.
pub(crate) struct HashStream {
    seed: u64,
    next: u64,
}

impl HashStream {
    /// The stream of that seed and key.
    pub(crate) fn new(seed: u64, key: u64) -> Self {
        Self {
            seed: mix(seed, key),
            next: 0,
        }
    }

    /// A value in `0..bound`; 0 when the bound is 0 or less.
    pub(crate) fn below(&mut self, bound: i64) -> i64 {
        self.next += 1;
        if bound <= 0 {
            return 0;
        }
        ((mix(self.seed, self.next) >> 33) % bound as u64) as i64
    }

    /// A value in `low..=high`; `low` when the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }
}
