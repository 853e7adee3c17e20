//! Recognises a place by the model's own tokens.

use genie_model::block_matching::{Shift, cheapest, shifts_in_rows};

use crate::output::frame::GenieTokens;

/// The tokens of a place, made ready to be compared with frames.
///
/// A token stands for how a patch looks, so that equal tokens are equal patches whatever noise or blur is in the pixels;
/// but a scene that has scrolled by a part of a patch has other tokens. [`Place`](super::Place) compares pixels, and at
/// any shift. Tokens that are often in the picture, such as those of sky, together count as much as one that is there
/// once.
#[derive(Clone, Debug, Default)]
pub struct TokenPlace {
    tokens: GenieTokens,
    /// 1 divided by the number of patches with the same token.
    weights: Vec<f32>,
}

impl TokenPlace {
    /// The place of a frame: [`GenieFrame::tokens`](crate::GenieFrame::tokens) of an earlier visit, or of the first frame
    /// of a world whose prompt is a picture of it.
    pub fn new(tokens: GenieTokens) -> Self {
        let weights = tokens
            .tokens
            .iter()
            .map(|token| 1.0 / tokens.tokens.iter().filter(|t| *t == token).count() as f32)
            .collect();
        Self { tokens, weights }
    }

    /// The tokens.
    pub fn tokens(&self) -> &GenieTokens {
        &self.tokens
    }

    /// How much (0 to 1) of the place's tokens, by their weight, a frame has where the place has them, after moving the
    /// whole place by up to `slack` patches each way to fit best. 0 for a frame of another size.
    ///
    /// Costs one look at each token for each of the `(2 slack + 1)^2` shifts.
    pub fn likeness(&self, frame: &GenieTokens, slack: u32) -> f32 {
        let columns = self.tokens.columns;
        let (own, other) = (&self.tokens.tokens, &frame.tokens);
        if columns == 0 || columns != frame.columns || own.len() != other.len() {
            return 0.0;
        }
        let rows = own.len() / columns;
        let reach = |side: usize| slack.min(side as u32 - 1);
        let seen_at = |shift: Shift| -> f32 {
            let seen = own.iter().zip(&self.weights).enumerate();
            seen.filter(|(at, (token, _))| {
                let x = (at % columns).checked_add_signed(shift.right as isize);
                let y = (at / columns).checked_add_signed(shift.down as isize);
                let there = x.filter(|&x| x < columns).zip(y.filter(|&y| y < rows));
                there.is_some_and(|(x, y)| other[y * columns + x] == **token)
            })
            .map(|(_, (_, weight))| weight)
            .sum()
        };
        let shifts = shifts_in_rows(reach(columns), reach(rows.max(1)));
        let best = cheapest(shifts, |shift, _| Some(-seen_at(shift)))
            .map_or(0.0, |(_, unseen)| (-unseen).max(0.0));
        let all: f32 = self.weights.iter().sum();
        if all > 0.0 { best / all } else { 0.0 }
    }
}
