//! What the main thread remembers of a world.

use std::time::Duration;

use bevy::prelude::*;

use crate::action::HeldActions;

/// Bookkeeping of one world; what the worker knows of it is kept apart.
#[derive(Component, Debug, Default)]
pub(crate) struct Session {
    /// Names the current start of the world: replies to earlier ones are stale.
    pub(crate) ticket: u64,
    /// A frame has been asked for and has not arrived.
    pub(crate) in_flight: bool,
    /// Time that has passed but has not been ticked, less than two periods.
    pub(crate) debt: Duration,
    /// Single steps that were ordered and not yet asked for.
    pub(crate) owed_steps: u32,
    /// Actions pressed.
    pub(crate) held: HeldActions,
    /// Names of the keys that the keyboard system holds pressed in `held`.
    pub(crate) keys: Vec<String>,
}

impl Session {
    /// Forgets all that belonged to the run so far; actions stay held.
    pub(crate) fn restart(&mut self, ticket: u64) {
        self.ticket = ticket;
        self.in_flight = false;
        self.debt = Duration::ZERO;
        self.owed_steps = 0;
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
        let mut session = Session::default();
        assert_eq!(session.accrue(ms(150), ms(100)), 0);
        assert_eq!(session.debt, ms(150));
        assert_eq!(session.accrue(ms(60), ms(100)), 1);
        assert_eq!(session.debt, ms(110));
        assert_eq!(session.accrue(ms(1000), ms(100)), 10);
        assert_eq!(session.debt, ms(110));
    }
}
