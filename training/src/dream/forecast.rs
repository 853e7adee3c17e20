//! When a dream will be over, by how fast its stages turn out to be.
//!
//! The training fills its time, whatever came before it: until it is over, what is left is the time to its end and what comes after it. What comes
//! after it is expected by the measured speed of the world, and corrected by how long it takes.

use super::status::Stage;

/// Share of a stage, and seconds of it, after which its own speed says how long it takes.
const KNOWN_SHARE: f64 = 0.02;
const KNOWN_SECONDS: f64 = 1.0;
/// Shares of a stage that are remembered lie so far apart.
const SEEN_APART: f64 = 0.005;
/// Share of the training's last phase over which its own speed takes over from its planned end.
const TRUSTED_SHARE: f64 = 0.1;
/// How far what comes after the training may turn out to be from what was expected.
const WRONG: (f64, f64) = (0.2, 5.0);

/// What the stages after the training take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct After {
    pub(super) label: f64,
    pub(super) evaluate: f64,
    pub(super) report: f64,
}

impl After {
    /// A usual division of so many seconds.
    pub(super) fn within(seconds: f64) -> Self {
        Self {
            label: 0.2 * seconds,
            evaluate: 0.7 * seconds,
            report: 0.1 * seconds,
        }
    }

    pub(super) fn total(&self) -> f64 {
        self.label + self.evaluate + self.report
    }
}

/// Watches the stages of a dream. All times are seconds from any one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Forecast {
    after: After,
    training_ends: f64,
    /// How long the tokens of the footage take, which are made between the phases of the training.
    tokens: f64,
    /// When the first phase was done.
    tokens_begun: Option<f64>,
    /// The stage at hand, and when it was first heard of, at which share.
    stage: Stage,
    begun: f64,
    first: f64,
    /// Shares of the stage at hand with their times, a little apart.
    seen: Vec<(f64, f64)>,
    /// How many times as long as expected what comes after the training takes.
    slower: f64,
}

impl Forecast {
    pub(super) fn new(now: f64, training_ends: f64, after: After) -> Self {
        Self {
            after,
            training_ends,
            tokens: 0.0,
            tokens_begun: None,
            stage: Stage::Import,
            begun: now,
            first: 0.0,
            seen: Vec::new(),
            slower: 1.0,
        }
    }

    /// The training ends at another time, since what comes after it takes another one; it is known how long the tokens take.
    pub(super) fn replan(&mut self, training_ends: f64, after: After, tokens: f64) {
        self.training_ends = training_ends;
        self.after = after;
        self.tokens = tokens;
    }

    /// The stage at hand has another number of steps from now on.
    pub(super) fn begin_again(&mut self, now: f64, done: f64) {
        (self.begun, self.first) = (now, done);
        self.seen.clear();
    }

    /// How long what is left of the stage at hand takes at the speed of the last half of what was done: a machine may become busy or idle.
    fn own(&mut self, done: f64, now: f64) -> Option<f64> {
        if self
            .seen
            .last()
            .is_none_or(|last| done - last.0 >= SEEN_APART)
        {
            self.seen.push((done, now));
        }
        let (gone, share) = (now - self.begun, done - self.first);
        if share < KNOWN_SHARE || gone < KNOWN_SECONDS {
            return None;
        }
        let middle = self.first + 0.5 * share;
        let from = self.seen.iter().rev().find(|seen| seen.0 <= middle);
        let (then, when) = from.copied().unwrap_or((self.first, self.begun));
        Some((1.0 - done) * (now - when) / (done - then))
    }

    /// Seconds until the report, when a share of a stage is done.
    pub(super) fn left(&mut self, stage: Stage, done: f64, now: f64) -> f64 {
        if stage != self.stage {
            self.correct(1.0, now);
            self.stage = stage;
            self.begin_again(now, done);
        }
        let gone = now - self.begun;
        let share = done - self.first;
        let own = self.own(done, now);
        let training = (self.training_ends - now).max(0.0);
        let after = self.after;
        match stage {
            Stage::Import | Stage::Plan => training.max(own.unwrap_or(0.0)) + after.total(),
            Stage::Tokenizer => {
                if done >= 1.0 {
                    self.tokens_begun.get_or_insert(now);
                }
                let made = self.tokens_begun.map_or(0.0, |begun| now - begun);
                let tokens = (self.tokens - made).max(0.0);
                training.max(own.unwrap_or(0.0) + tokens) + after.total()
            }
            Stage::Dynamics => {
                let trust = (share / TRUSTED_SHARE).clamp(0.0, 1.0);
                let measured = own.unwrap_or(training);
                trust * measured + (1.0 - trust) * training + after.total()
            }
            Stage::Label => {
                let (own, slower) = self.corrected(after.label, done, gone);
                own + slower * (after.evaluate + after.report)
            }
            Stage::Evaluate => {
                let (own, slower) = self.corrected(after.evaluate, done, gone);
                own + slower * after.report
            }
            Stage::Report => self.corrected(after.report, done, gone).0,
        }
    }

    /// What is left of a stage that was expected to take so long, and how many times as long as expected it takes.
    fn corrected(&self, expected: f64, done: f64, gone: f64) -> (f64, f64) {
        // A stage that goes on from where it was begins with the share that was done.
        let share = ((done - self.first) / (1.0 - self.first).max(1e-9)).clamp(0.0, 1.0);
        let expected = self.slower * expected * (1.0 - self.first);
        let left = (1.0 - share) * ((1.0 - share) * expected + gone);
        let slower = (left + gone) / expected.max(1e-9);
        (left, (self.slower * slower).clamp(WRONG.0, WRONG.1))
    }

    /// Learns from the stage at hand, of which a share is done.
    fn correct(&mut self, done: f64, now: f64) {
        let expected = match self.stage {
            Stage::Label => self.after.label,
            Stage::Evaluate => self.after.evaluate,
            _ => return,
        };
        let gone = now - self.begun;
        // What was done before this call teaches nothing.
        if gone >= KNOWN_SECONDS {
            self.slower = self.corrected(expected, done, gone).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds that each stage takes in truth.
    struct Machine {
        import: f64,
        plan: f64,
        label: f64,
        evaluate: f64,
        report: f64,
    }

    /// Lives through a dream, and returns what was predicted and what was left in truth at each moment.
    fn dream(machine: &Machine, hours: f64, expected: After) -> Vec<(Stage, f64, f64)> {
        let total = hours * 3600.0;
        let ends = total - expected.total();
        let mut forecast = Forecast::new(0.0, ends, expected);
        let mut now = 0.0;
        let mut said = Vec::new();
        let mut stages = vec![(Stage::Import, machine.import), (Stage::Plan, machine.plan)];
        let training = (ends - machine.import - machine.plan).max(20.0);
        // The pacer keeps the training's end within a few hundredths.
        stages.push((Stage::Tokenizer, 0.2 * training));
        stages.push((Stage::Dynamics, 0.81 * training));
        stages.push((Stage::Label, machine.label));
        stages.push((Stage::Evaluate, machine.evaluate));
        stages.push((Stage::Report, machine.report));
        for (stage, takes) in stages {
            for step in 0..100 {
                let done = f64::from(step) / 100.0;
                said.push((
                    stage,
                    forecast.left(stage, done, now + done * takes),
                    now + done * takes,
                ));
            }
            now += takes;
        }
        said.iter()
            .map(|&(stage, said, at)| (stage, said, now - at))
            .collect()
    }

    /// Fails where what was said is off by more than this share of the truth.
    fn assert_within(share: f64, (stage, said, truth): (Stage, f64, f64)) {
        assert!(
            (said / truth - 1.0).abs() < share,
            "{stage:?}: {said:.0} s, and {truth:.0} s were left"
        );
    }

    #[test]
    fn the_time_left_is_right_within_a_fifth_from_the_beginning_to_the_end() {
        let expected = After::within(200.0);
        // As expected, and hours of films.
        for (import, plan, evaluate) in [(30.0, 40.0, 140.0), (900.0, 100.0, 150.0)] {
            let machine = Machine {
                import,
                plan,
                label: 42.0,
                evaluate,
                report: 22.0,
            };
            // The last seconds are counted in seconds.
            for said in dream(&machine, 0.5, expected)
                .into_iter()
                .filter(|it| it.2 > 20.0)
            {
                assert_within(0.2, said);
            }
        }
    }

    #[test]
    fn a_machine_that_becomes_busy_or_idle_after_the_training_is_noticed() {
        let expected = After::within(200.0);
        for times in [0.6, 1.5] {
            let machine = Machine {
                import: 30.0,
                plan: 40.0,
                label: times * 40.0,
                evaluate: times * 140.0,
                report: times * 20.0,
            };
            for (stage, said, truth) in dream(&machine, 0.5, expected) {
                // Nobody can know it before; it is no more than what follows the training.
                let unknown = (times - 1.0).abs() * 200.0 + 0.05 * truth;
                assert!(
                    (said - truth).abs() < unknown + 5.0,
                    "{stage:?}: {said:.0} s, {truth:.0} s"
                );
                if stage == Stage::Evaluate && truth > 20.0 {
                    assert_within(0.2, (stage, said, truth));
                }
            }
        }
    }

    #[test]
    fn a_machine_that_becomes_idle_during_the_training_is_noticed() {
        let mut forecast = Forecast::new(0.0, 2000.0, After::within(100.0));
        // 0.4 of the steps in 1000 seconds, the others in 600.
        for step in 0..1000 {
            let done = f64::from(step) / 1000.0;
            let now = if done < 0.4 {
                2500.0 * done
            } else {
                1000.0 + 1000.0 * (done - 0.4)
            };
            let said = forecast.left(Stage::Dynamics, done, now);
            if done > 0.8 {
                assert_within(0.05, (Stage::Dynamics, said, 1700.0 - now));
            }
        }
    }

    #[test]
    fn an_import_longer_than_the_time_is_told_as_long_as_it_takes() {
        let machine = Machine {
            import: 4000.0,
            plan: 20.0,
            label: 40.0,
            evaluate: 140.0,
            report: 20.0,
        };
        let said = dream(&machine, 0.5, After::within(200.0));
        for said in said.into_iter().filter(|it| it.0 == Stage::Import).skip(5) {
            assert_within(0.2, said);
        }
    }

    #[test]
    fn a_wrong_expectation_is_put_right_by_the_first_stage_after_the_training() {
        let machine = Machine {
            import: 5.0,
            plan: 5.0,
            label: 120.0,
            evaluate: 420.0,
            report: 60.0,
        };
        let said = dream(&machine, 0.5, After::within(200.0));
        for said in said.iter().filter(|it| it.0 == Stage::Evaluate) {
            assert_within(0.2, *said);
        }
        let late = said.iter().filter(|it| it.0 == Stage::Label).nth(60);
        assert_within(0.35, *late.expect("there are a hundred of each stage"));
    }

    #[test]
    fn tokens_that_take_longer_than_the_training_had_are_waited_for() {
        let mut forecast = Forecast::new(0.0, 1000.0, After::within(100.0));
        forecast.left(Stage::Tokenizer, 0.0, 0.0);
        // They fit: the training ends when it should.
        forecast.replan(1000.0, After::within(100.0), 300.0);
        assert!((forecast.left(Stage::Tokenizer, 0.5, 100.0) - 1000.0).abs() < 1e-9);
        forecast.replan(1000.0, After::within(100.0), 3000.0);
        assert!((forecast.left(Stage::Tokenizer, 0.5, 100.0) - 3200.0).abs() < 1e-9);
        for (now, left) in [(200.0, 3100.0), (1200.0, 2100.0), (2200.0, 1100.0)] {
            assert!((forecast.left(Stage::Tokenizer, 1.0, now) - left).abs() < 1e-9);
        }
    }

    #[test]
    fn a_dream_that_goes_on_counts_from_where_it_was() {
        let mut forecast = Forecast::new(0.0, 1000.0, After::within(100.0));
        assert!((forecast.left(Stage::Dynamics, 0.9, 0.0) - 1100.0).abs() < 1e-9);
        // A tenth of it is left and goes by at a hundredth in ten seconds.
        assert!(
            (forecast.left(Stage::Dynamics, 0.95, 50.0) - (0.5 * 50.0 + 0.5 * 950.0 + 100.0)).abs()
                < 1e-6
        );
        forecast.begin_again(50.0, 0.5);
        assert!((forecast.left(Stage::Dynamics, 0.5, 50.0) - 1050.0).abs() < 1e-9);
    }
}
