//! Steps that are not taken because their loss or their gradient is not finite.

use std::collections::BTreeMap;

use super::error::TrainError;
use super::loss_scale::OVERFLOW;

/// Such steps in a row that end a run: one is an accident, more than a few mean that the weights are spoiled.
const MOST_IN_A_ROW: u32 = 5;

/// The skipped steps of a phase.
#[derive(Debug)]
pub(super) struct SkippedSteps {
    phase: &'static str,
    total: u64,
    in_a_row: u32,
}

impl SkippedSteps {
    /// Those of a phase of which `total` were skipped before.
    pub(super) fn new(phase: &'static str, total: u64) -> Self {
        Self {
            phase,
            total,
            in_a_row: 0,
        }
    }

    /// How many steps of the phase were skipped.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Counts a step by its figures: whether it was taken.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] after too many in a row that were not.
    pub(super) fn count(
        &mut self,
        step: u64,
        figures: &BTreeMap<String, f64>,
    ) -> Result<bool, TrainError> {
        let finite = |name: &str| figures.get(name).is_some_and(|value| value.is_finite());
        // A gradient without end spoils the weights before the loss shows it.
        if finite("loss") && finite("gradient_norm") {
            self.in_a_row = 0;
            return Ok(true);
        }
        self.total += 1;
        if figures.contains_key(OVERFLOW) {
            // The next one has a smaller factor.
            return Ok(false);
        }
        self.in_a_row += 1;
        if self.in_a_row >= MOST_IN_A_ROW {
            return Err(TrainError::Diverged {
                phase: self.phase,
                step,
                in_a_row: self.in_a_row,
            });
        }
        tracing::warn!(
            "{} step {step} is skipped: its loss or gradient is not finite ({} skipped so far)",
            self.phase,
            self.total
        );
        Ok(false)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn figures(loss: f64, norm: f64) -> BTreeMap<String, f64> {
        [("loss", loss), ("gradient_norm", norm)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    #[test]
    fn single_ones_are_counted_and_a_few_in_a_row_end_the_run() {
        let mut skipped = SkippedSteps::new("tokenizer", 7);
        let taken = figures(0.5, 1.0);
        for (step, bad) in [
            figures(f64::NAN, 1.0),
            figures(0.5, f64::INFINITY),
            // A step that says nothing was not taken either.
            BTreeMap::new(),
        ]
        .iter()
        .enumerate()
        {
            assert!(!skipped.count(2 * step as u64, bad).unwrap());
            assert!(skipped.count(2 * step as u64 + 1, &taken).unwrap());
        }
        assert_eq!(skipped.total(), 10);
        // What a smaller factor of the loss mends is counted, and is no sign of spoiled weights.
        let mut overflow = figures(0.5, f64::NAN);
        overflow.insert(OVERFLOW.to_owned(), 1.0);
        for step in 0..8 {
            assert!(!skipped.count(step, &overflow).unwrap());
        }
        assert_eq!(skipped.total(), 18);
        for step in 10..14 {
            assert!(!skipped.count(step, &figures(f64::NAN, f64::NAN)).unwrap());
        }
        let said = skipped.count(14, &figures(f64::NAN, 1.0)).unwrap_err();
        let said = said.to_string();
        assert!(
            said.contains("5 steps in a row") && said.contains("step 14"),
            "{said}"
        );
        assert!(said.contains("--set tokenizer.learning_rate"), "{said}");
    }
}
