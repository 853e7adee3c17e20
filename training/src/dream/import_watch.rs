//! How much of a dream's time its import will take, by its first seconds.

use crate::ingest::Finding;

/// Share of the time above which an import leaves too little for the training.
const MOST_SHARE: f64 = 1.0 / 3.0;
/// Seconds from the first footage on after which its speed is known.
const KNOWN_AFTER: f64 = 5.0;

/// Watches an import. All times are seconds from its beginning.
#[derive(Debug, Clone)]
pub(super) struct ImportWatch {
    /// Time of the whole dream.
    time: f64,
    /// When footage was first read, and how many seconds of it.
    first: Option<(f64, f64)>,
    said: bool,
}

impl ImportWatch {
    /// Of an import for a dream of so many seconds.
    pub(super) fn new(time: f64) -> Self {
        Self {
            time,
            first: None,
            said: false,
        }
    }

    /// What to say when so many seconds of the footage are done of so many: once, as soon as it is known that it takes too long.
    pub(super) fn look(&mut self, now: f64, done: f64, total: f64) -> Option<Finding> {
        if self.said || done <= 0.0 {
            return None;
        }
        let (begun, before) = *self.first.get_or_insert((now, done));
        let (took, read) = (now - begun, done - before);
        if took < KNOWN_AFTER || read <= 0.0 {
            return None;
        }
        let all = now + (total - done).max(0.0) * took / read;
        let finding = too_long(all, self.time, "will take about")?;
        self.said = true;
        Some(finding)
    }
}

/// What to say of an import that took so many seconds of the time.
pub(super) fn took_too_long(seconds: f64, time: f64) -> Option<Finding> {
    too_long(seconds, time, "took")
}

fn too_long(seconds: f64, time: f64, verb: &str) -> Option<Finding> {
    if seconds <= MOST_SHARE * time {
        return None;
    }
    let enough = (seconds / MOST_SHARE / 360.0).ceil() / 10.0;
    Some(Finding {
        what: format!(
            "importing the footage {verb} {} of {}, which leaves little for the training",
            in_words(seconds),
            in_words(time)
        ),
        remedy: format!(
            "more time (--hours {enough:.1}), or less footage: fewer films, or a part of each (--start, --end)"
        ),
    })
}

fn in_words(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    if minutes >= 120.0 {
        format!("{:.1} hours", minutes / 60.0)
    } else if minutes >= 2.0 {
        format!("{minutes:.0} minutes")
    } else {
        format!("{seconds:.0} seconds")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is said, and when, of an import of so many seconds of footage that reads so many of them a second.
    fn said(time: f64, total: f64, speed: f64) -> Vec<(f64, Finding)> {
        let mut watch = ImportWatch::new(time);
        let mut said = Vec::new();
        // It is looked for and probed before anything is read.
        for tick in 0..((3.0 + total / speed) / 0.2) as u32 {
            let now = f64::from(tick) * 0.2;
            let done = ((now - 3.0) * speed).clamp(0.0, total);
            said.extend(watch.look(now, done, total).map(|it| (now, it)));
        }
        said
    }

    #[test]
    fn an_import_that_takes_too_much_of_the_time_is_said_once_in_its_first_seconds() {
        // Twenty hours of film at thirty times its pace take forty minutes.
        let found = said(3600.0, 72_000.0, 30.0);
        let [(when, finding)] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(*when < 10.0, "{when}");
        assert!(
            finding.what.contains("40 minutes of 60 minutes"),
            "{finding:?}"
        );
        assert!(finding.remedy.contains("--hours 2.1"), "{finding:?}");
        assert_eq!(said(3.0 * 3600.0, 72_000.0, 30.0), []);
        assert_eq!(said(3600.0, 1_200.0, 30.0), []);
        // Footage that does not say how long it is: known when it has taken that long.
        let mut watch = ImportWatch::new(90.0);
        let late = (1..60).find(|&now| watch.look(f64::from(now), f64::from(now), 0.0).is_some());
        assert_eq!(late, Some(31));
        assert_eq!(took_too_long(20.0, 90.0), None);
        assert!(took_too_long(40.0, 90.0).unwrap().what.contains("took 40"));
    }
}
