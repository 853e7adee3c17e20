//! What the main thread remembers of a world.

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;
use genie_model::SamplerSettings;

use crate::timeline::replay::GenieReplay;
use crate::worker::cpu_time::PassTimes;
use crate::world::starvation::RateWatch;

/// Bookkeeping of one world; what the worker knows of it is kept apart.
#[derive(Component, Debug, Default)]
pub(crate) struct WorldRuntime {
    /// Names the current start of the world: replies to earlier ones are stale.
    pub(crate) generation: u64,
    /// Frames that have been asked for and have not arrived.
    pub(crate) in_flight: u32,
    /// The newest frame that has arrived.
    pub(crate) tick: u64,
    /// Where the rewinds that are under way lead.
    pub(crate) rewinding_to: Option<u64>,
    /// Sampler settings that were last sent to the worker; `None` if they must be sent before the next frame.
    pub(crate) sampler: Option<SamplerSettings>,
    /// The limit that it was resumed at: it ends there only once.
    pub(crate) passed_limit: Option<u64>,
    /// Start as a copy of this world, not from the prompt.
    pub(crate) fork_of: Option<Entity>,
    /// Being played in place of the player's actions.
    pub(crate) replay: Option<Arc<GenieReplay>>,
    /// Time that has passed but has not been ticked, less than two periods.
    pub(crate) debt: Duration,
    /// Single steps that the game has asked for and the worker has not been sent.
    pub(crate) owed_steps: u32,
    /// Time between two ticks at speed 1, as last paced.
    pub(crate) period: Duration,
    /// How the time of the last pass was spent.
    pub(crate) times: Option<PassTimes>,
    /// Whether the world keeps its floor.
    pub(crate) rates: RateWatch,
}

impl WorldRuntime {
    /// Forgets all that belonged to the run so far; actions stay held.
    pub(crate) fn restart(&mut self, generation: u64) {
        self.generation = generation;
        self.in_flight = 0;
        self.tick = 0;
        self.rewinding_to = None;
        self.passed_limit = None;
        self.sampler = None;
        self.fork_of = None;
        self.replay = None;
        self.debt = Duration::ZERO;
        self.owed_steps = 0;
        self.times = None;
        self.rates = RateWatch::default();
    }

    /// Whether its newest frame ends it, with this limit of its clock.
    pub(crate) fn ends_at(&mut self, limit: Option<u64>) -> bool {
        let reached = limit.filter(|&limit| self.tick >= limit);
        if reached.is_none() {
            self.passed_limit = None;
        }
        reached.is_some() && reached != self.passed_limit
    }

    /// A frame that was awaited has come, or will not.
    pub(crate) fn settle(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.in_flight == 0 {
            self.rewinding_to = None;
        }
    }

    /// Counts `elapsed` at a period of `period` per tick. Returns how many ticks must be left out so that the debt
    /// stays below two periods: one tick may wait for the worker, more may not.
    pub(crate) fn accrue(&mut self, elapsed: Duration, period: Duration) -> u64 {
        self.debt += elapsed;
        let Some(over) = self.debt.checked_sub(period * 2) else {
            return 0;
        };
        let surplus = over.as_nanos() / period.as_nanos().max(1) + 1;
        // What is left is the wait of one tick and the part of a period that has passed since.
        let rest = self.debt.as_nanos() - surplus * period.as_nanos().max(1);
        self.debt = Duration::from_nanos(rest as u64);
        surplus as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_worker_owes_one_tick_and_loses_the_others() {
        let ms = Duration::from_millis;
        let mut runtime = WorldRuntime::default();
        assert_eq!(runtime.accrue(ms(150), ms(100)), 0);
        assert_eq!(runtime.debt, ms(150));
        assert_eq!(runtime.accrue(ms(60), ms(100)), 1);
        assert_eq!(runtime.debt, ms(110));
        assert_eq!(runtime.accrue(ms(1000), ms(100)), 10);
        assert_eq!(runtime.debt, ms(110));
    }
}
