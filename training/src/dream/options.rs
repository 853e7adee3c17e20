//! Options of a dream.

use super::DreamError;
use crate::ingest::IngestOptions;
use crate::train::ActionSource;

/// How footage becomes a world.
#[derive(Debug, Clone, PartialEq)]
pub struct DreamOptions {
    /// Hours from the beginning to the report.
    pub hours: f64,
    /// Where the world's actions come from.
    pub actions: ActionSource,
    /// Number `A` of latent actions; `None` for as many as the footage shows.
    pub latent_actions: Option<usize>,
    /// Which of the things that move by themselves is the player, from 1, the likeliest.
    pub player: usize,
    /// How the footage is imported.
    pub footage: IngestOptions,
    /// Seed of everything that is random.
    pub seed: u64,
}

impl DreamOptions {
    /// Everything about them that can be wrong without looking at the footage.
    pub(super) fn check(&self) -> Result<(), DreamError> {
        let wrong = |what: String| Err(DreamError::Request(what));
        if !(self.hours > 0.0 && self.hours <= 24.0 * 365.0) {
            return wrong(format!(
                "--hours must be above 0 and up to a year, not {}",
                self.hours
            ));
        }
        if let Some(count) = self.latent_actions
            && !(2..=64).contains(&count)
        {
            return wrong(format!("--latent-actions must be 2 to 64, not {count}"));
        }
        if !(1..=256).contains(&self.player) {
            return wrong(format!("--player must be 1 to 256, not {}", self.player));
        }
        if self.player > 1 && self.actions == ActionSource::Given {
            return wrong("--player: with --actions given nothing is followed".to_owned());
        }
        if self.footage.append {
            return wrong("--append: a dream begins with its own footage".to_owned());
        }
        Ok(())
    }
}
