//! Token adjacency: which tokens stand next to each other in the footage. A tree has a crown above its trunk.
//!
//! Tokens that one `MaskGIT` step decides are drawn independently, and a small model learns late what the decided tokens of a
//! frame imply for the others. The pairs of adjacent tokens that the footage shows can be counted, and take little memory: in
//! tile-based games a few of a thousand possible pairs occur.

/// All pairs of adjacent tokens of the footage, and the penalty of any other pair.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenAdjacency {
    codes: usize,
    columns: usize,
    pairs: AdjacentPairs,
    penalty: f32,
    /// For the token to the left, to the right, above and below of a place: the tokens that the footage shows at the place.
    after: [Links; 4],
}

/// Pairs of tokens, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdjacentPairs {
    /// A token and the one to its right.
    pub right: Vec<[u32; 2]>,
    /// A token and the one below.
    pub below: Vec<[u32; 2]>,
}

/// For each token, a list of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Links {
    /// `V + 1` offsets into `tokens`.
    starts: Vec<usize>,
    tokens: Vec<u32>,
}

impl Links {
    /// Links the token at index `from` of each pair to the other.
    fn new(codes: usize, pairs: &[[u32; 2]], from: usize) -> Self {
        let mut sorted: Vec<_> = pairs.iter().map(|p| (p[from], p[1 - from])).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let starts = (0..=codes).map(|token| sorted.partition_point(|p| (p.0 as usize) < token));
        Self {
            starts: starts.collect(),
            tokens: sorted.into_iter().map(|(_, other)| other).collect(),
        }
    }

    /// In ascending order.
    fn of(&self, token: u32) -> &[u32] {
        let token = token as usize;
        &self.tokens[self.starts[token]..self.starts[token + 1]]
    }
}

impl TokenAdjacency {
    /// The adjacency of `codes` tokens in frames of rows of `columns`. `penalty`, at least 0, is by how many nats a pair that
    /// is not among `pairs` is less likely than the model predicts.
    ///
    /// `None` if a token of a pair is not below `codes`, `penalty` is out of range or there are no columns.
    pub fn new(codes: usize, columns: usize, pairs: AdjacentPairs, penalty: f32) -> Option<Self> {
        let AdjacentPairs { right, below } = &pairs;
        let mut tokens = right.iter().chain(below).flatten();
        let possible = columns > 0 && penalty >= 0.0 && penalty.is_finite();
        if !possible || tokens.any(|&t| t as usize >= codes) {
            return None;
        }
        let after = [
            Links::new(codes, right, 0),
            Links::new(codes, right, 1),
            Links::new(codes, below, 0),
            Links::new(codes, below, 1),
        ];
        Some(Self {
            codes,
            columns,
            pairs,
            penalty,
            after,
        })
    }

    /// Number `V` of tokens.
    pub fn codes(&self) -> usize {
        self.codes
    }

    /// The pairs that the footage shows.
    pub fn pairs(&self) -> &AdjacentPairs {
        &self.pairs
    }

    /// By how much any other pair is less likely than the model predicts, in nats.
    pub fn penalty(&self) -> f32 {
        self.penalty
    }

    /// For each decided neighbour of a place in a frame's `tokens`: the tokens that the footage shows next to it.
    /// Tokens that are not decided are `V` or above.
    fn allowed<'a>(&'a self, tokens: &[u32], place: usize) -> impl Iterator<Item = &'a [u32]> {
        let (columns, column) = (self.columns, place % self.columns);
        let sides = [
            (column > 0).then(|| place - 1),
            (column + 1 < columns).then_some(place + 1),
            place.checked_sub(columns),
            Some(place + columns),
        ];
        let adjacency = sides.map(|side| tokens.get(side?).copied());
        self.after
            .iter()
            .zip(adjacency)
            .filter_map(|(links, token)| {
                let token = token.filter(|&token| (token as usize) < self.codes)?;
                Some(links.of(token))
            })
    }

    /// Subtracts `share` of the penalty from each of the `logits` `[V]` of a place, once for every decided neighbour beside
    /// which the footage does not show that token.
    pub fn penalise(&self, tokens: &[u32], place: usize, share: f32, logits: &mut [f32]) {
        for allowed in self.allowed(tokens, place) {
            let mut next = 0;
            for (token, logit) in logits.iter_mut().enumerate() {
                if allowed.get(next).is_some_and(|&a| a as usize == token) {
                    next += 1;
                } else {
                    *logit -= share * self.penalty;
                }
            }
        }
    }

    /// Whether the footage shows `token` next to all decided neighbours of a place.
    pub fn fits(&self, tokens: &[u32], place: usize, token: u32) -> bool {
        self.allowed(tokens, place)
            .all(|allowed| allowed.binary_search(&token).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two by two: crown 1 above trunk 2, sky 0 everywhere else.
    fn trees() -> TokenAdjacency {
        let pairs = AdjacentPairs {
            right: vec![[0, 0], [0, 1], [1, 0], [0, 2], [2, 0]],
            below: vec![[0, 0], [1, 2]],
        };
        TokenAdjacency::new(3, 2, pairs, 4.0).unwrap()
    }

    const MASKED: u32 = 3;

    #[test]
    fn a_trunk_wants_a_crown_above() {
        let trees = trees();
        let crown_unknown = [0, MASKED, 0, 2];
        let mut logits = [0.0; 3];
        trees.penalise(&crown_unknown, 1, 0.5, &mut logits);
        // Sky and another trunk are never above a trunk.
        assert!(logits[1].abs() < 1e-6, "{logits:?}");
        assert!((logits[0] + 2.0).abs() < 1e-6, "{logits:?}");
        assert!((logits[2] + 2.0).abs() < 1e-6, "{logits:?}");
        assert!(trees.fits(&crown_unknown, 1, 1));
        assert!(!trees.fits(&crown_unknown, 1, 0));
        let no_crown = [MASKED, 0, 0, MASKED];
        assert!(trees.fits(&no_crown, 3, 0) && !trees.fits(&no_crown, 3, 2));
    }

    #[test]
    fn what_is_not_decided_says_nothing() {
        let mut logits = [1.0, 2.0, 3.0];
        trees().penalise(&[MASKED; 4], 0, 1.0, &mut logits);
        assert_eq!(
            logits.map(f32::to_bits),
            [1.0f32, 2.0, 3.0].map(f32::to_bits)
        );
    }

    #[test]
    fn rows_end() {
        // The last token of a row is not adjacent to the first of the next.
        let trees = trees();
        assert!(trees.fits(&[0, 0, MASKED, 0, MASKED, MASKED], 2, 0));
        let pairs = AdjacentPairs {
            right: vec![[0, 0]],
            below: vec![[1, 0]],
        };
        let others = TokenAdjacency::new(2, 2, pairs, 1.0).unwrap();
        assert!(others.fits(&[1, 1, 2, 0], 2, 0));
    }

    #[test]
    fn a_pair_counts_once_in_whatever_order() {
        let pairs = AdjacentPairs {
            right: vec![[0, 2], [0, 1], [0, 2]],
            below: vec![],
        };
        let some = TokenAdjacency::new(3, 2, pairs, 1.0).unwrap();
        let mut logits = [0.0; 3];
        some.penalise(&[0, MASKED], 1, 1.0, &mut logits);
        assert_eq!(
            logits.map(f32::to_bits),
            [-1.0f32, 0.0, 0.0].map(f32::to_bits)
        );
    }

    #[test]
    fn tokens_that_there_are_not_are_refused() {
        let pairs = AdjacentPairs {
            right: vec![[0, 3]],
            below: vec![],
        };
        assert!(TokenAdjacency::new(3, 2, pairs.clone(), 1.0).is_none());
        assert!(TokenAdjacency::new(4, 2, pairs.clone(), f32::NAN).is_none());
        assert!(TokenAdjacency::new(4, 2, pairs.clone(), -1.0).is_none());
        assert!(TokenAdjacency::new(4, 0, pairs, 1.0).is_none());
    }
}
