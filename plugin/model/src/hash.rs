//! A hash that stays the same between machines, builds and versions.

/// FNV-1a over 64-bit words, taken in one by one. Fast, and good enough to notice a flipped bit; it does not protect
/// against collisions made on purpose.
#[derive(Clone, Copy, Debug)]
pub struct Fnv1a(u64);

impl Fnv1a {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Takes in a word. Bytes taken in one by one give the usual FNV-1a of those bytes.
    pub fn write(&mut self, word: impl Into<u64>) {
        self.0 = (self.0 ^ word.into()).wrapping_mul(0x0100_0000_01b3);
    }

    /// The hash of all words so far.
    pub const fn finish(self) -> u64 {
        self.0
    }

    /// The hash of some words.
    pub fn of<W: Into<u64>>(words: impl IntoIterator<Item = W>) -> u64 {
        let mut hash = Self::new();
        for word in words {
            hash.write(word);
        }
        hash.finish()
    }
}

impl Default for Fnv1a {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vectors of 64-bit FNV-1a.
    #[test]
    fn bytes_give_the_published_values() {
        assert_eq!(Fnv1a::of(b"".iter().copied()), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Fnv1a::of(b"a".iter().copied()), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Fnv1a::of(b"foobar".iter().copied()), 0x8594_4171_f739_67e8);
    }
}
