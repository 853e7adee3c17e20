//! True actions beside footage: a file that says which keys were held at which frame.
//!
//! `actions.csv` in a folder of pictures, or `film.actions.csv` beside `film.mp4`, has the columns `frame` (from 0 on, counted in
//! the footage, not in the dataset) and `keys` (names joined by `+`, empty for none). Keys stay held until the next row.

use std::collections::BTreeSet;

use super::source::Stored;

/// Largest file that is read.
const MOST_BYTES: u64 = 256 << 20;

/// Which keys were held, by frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HeldKeys {
    /// First frame of each segment, and the keys that are held in it.
    rows: Vec<(u64, String)>,
}

impl HeldKeys {
    pub(super) fn read(file: &Stored) -> Result<Self, String> {
        let bytes = file.read(MOST_BYTES)?;
        Self::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|problem| format!("{}: {problem}", file.file_name()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut rows: Vec<(u64, String)> = Vec::new();
        let text = text.trim_start_matches('\u{feff}');
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let wrong = || {
                format!(
                    "line {}: expected a frame number and the keys held, such as `12,right+jump`, found {line:?}",
                    number + 1
                )
            };
            if line.is_empty() || (rows.is_empty() && line.to_lowercase().starts_with("frame")) {
                continue;
            }
            let (frame, keys) = line.split_once([',', ';', '\t']).unwrap_or((line, ""));
            let frame: u64 = frame.trim().parse().map_err(|_| wrong())?;
            if rows.last().is_some_and(|(last, _)| frame <= *last) {
                return Err(format!(
                    "line {}: frame {frame} comes after a later one",
                    number + 1
                ));
            }
            let keys: BTreeSet<String> = keys
                .trim()
                .trim_matches('"')
                .split(['+', ' '])
                .map(|key| key.trim().to_lowercase())
                .filter(|key| !key.is_empty())
                .collect();
            let keys = keys.into_iter().collect::<Vec<_>>().join("+");
            if rows.last().is_none_or(|(_, last)| *last != keys) {
                rows.push((frame, keys));
            }
        }
        if rows.is_empty() {
            return Err("it has no rows".to_owned());
        }
        Ok(Self { rows })
    }

    /// The keys that were held longest from one frame up to the next, the earlier ones where it is even.
    pub(super) fn between(&self, from: u64, to: u64) -> &str {
        let first = self.rows.partition_point(|(frame, _)| *frame <= from);
        let held = |index: usize| self.rows.get(index).map_or("", |(_, keys)| keys.as_str());
        let Some(mut index) = first.checked_sub(1) else {
            // Before the first row nothing is known to be held.
            return "";
        };
        let (mut best, mut longest, mut at) = ("", 0, from);
        while at < to.max(from + 1) {
            let end = self
                .rows
                .get(index + 1)
                .map_or(u64::MAX, |(frame, _)| *frame);
            let length = end.min(to.max(from + 1)) - at;
            if length > longest {
                (best, longest) = (held(index), length);
            }
            at = end;
            index += 1;
        }
        best
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_held_until_the_next_row_and_the_longest_counts() {
        let keys =
            HeldKeys::parse("\u{feff}frame,keys\n0,\n3,Right\n4,jump+right\n8,\"left\"\n").unwrap();
        assert_eq!(keys.between(0, 1), "");
        assert_eq!(keys.between(3, 4), "right");
        assert_eq!(keys.between(2, 6), "jump+right");
        assert_eq!(keys.between(3, 5), "right");
        assert_eq!(keys.between(900, 901), "left");
        for wrong in ["", "frame,keys\n", "x,right", "3,a\n2,b"] {
            assert!(HeldKeys::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
