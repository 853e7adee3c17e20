//! Tokens that stand next to each other in a frame.

/// Two tokens that touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenPair {
    pub(crate) first: u32,
    pub(crate) second: u32,
    /// Whether the second is below the first, or else to its right.
    pub(crate) below: bool,
}

/// All pairs in a frame of rows of `columns` tokens, each with the place of its first token.
pub(crate) fn token_pairs(
    frame: &[u32],
    columns: usize,
) -> impl Iterator<Item = (usize, TokenPair)> {
    (0..frame.len()).flat_map(move |place| {
        let pair = |second: &u32, below| {
            let pair = TokenPair {
                first: frame[place],
                second: *second,
                below,
            };
            (place, pair)
        };
        let is_last = place % columns + 1 == columns;
        let right = frame.get(place + 1).filter(|_| !is_last);
        let below = frame.get(place + columns);
        let right = right.map(|second| pair(second, false));
        right
            .into_iter()
            .chain(below.map(|second| pair(second, true)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_those_that_touch() {
        // 1 2
        // 3 4
        let found = token_pairs(&[1, 2, 3, 4], 2);
        let found: Vec<_> = found
            .map(|(at, p)| (at, p.first, p.second, p.below))
            .collect();
        let expected = [
            (0, 1, 2, false),
            (0, 1, 3, true),
            (1, 2, 4, true),
            (2, 3, 4, false),
        ];
        assert_eq!(found, expected);
    }
}
