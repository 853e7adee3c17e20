//! True actions beside footage: a file that says which keys were held at which frame.
//!
//! `actions.csv` in a folder of pictures, or `film.actions.csv` beside `film.mp4`, has the columns `frame` (from 0 on, counted in
//! the footage, not in the dataset) and `keys` (names joined by `+`, empty for none), or beside `frame` a column for each key with 1
//! where it is held. Keys stay held until the next row.

use std::collections::BTreeSet;

use super::remark::{Remark, RemarkKind};
use super::source::Stored;
use crate::dataset::{is_key, likely_key, pressed};

/// Largest file that is read.
const MOST_BYTES: u64 = 256 << 20;
/// Names of the second of two columns that holds names of keys.
const KEYS: [&str; 8] = [
    "keys", "key", "held", "pressed", "actions", "action", "buttons", "inputs",
];
/// What stands between columns.
const COLUMNS: [char; 3] = [',', ';', '\t'];
/// What stands between the names of keys.
const BETWEEN_KEYS: [char; 6] = ['+', ',', ';', '|', ' ', '\t'];

/// Which keys were held, by frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HeldKeys {
    /// First frame of each segment, and the keys that are held in it.
    rows: Vec<(u64, String)>,
    /// The frame of each row of the file.
    frames: Vec<u64>,
}

impl HeldKeys {
    pub(super) fn read(file: &Stored) -> Result<Self, String> {
        let bytes = file.read(MOST_BYTES)?;
        Self::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|problem| format!("{}: {problem}", file.file_name()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut held = Self::default();
        let text = text.trim_start_matches('\u{feff}');
        let mut columns = Columns::Names;
        let lines = text.lines().enumerate();
        let lines = lines.map(|(number, line)| (number + 1, line.trim()));
        for (place, (number, line)) in lines.filter(|(_, line)| !line.is_empty()).enumerate() {
            let at = |problem: String| format!("line {number}: {problem}");
            if place == 0
                && !line
                    .trim_start_matches('"')
                    .starts_with(|c: char| c.is_ascii_digit())
            {
                columns = Columns::named(line).map_err(at)?;
                continue;
            }
            let (frame, keys) = columns.row(line).map_err(at)?;
            if let Some(before) = held.frames.last().filter(|last| frame <= **last) {
                return Err(at(format!("frame {frame} comes after frame {before}")));
            }
            held.frames.push(frame);
            let keys = keys.into_iter().collect::<Vec<_>>().join("+");
            if held.rows.last().is_none_or(|(_, last)| *last != keys) {
                held.rows.push((frame, keys));
            }
        }
        if held.rows.is_empty() {
            return Err("it has no rows".to_owned());
        }
        Ok(held)
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

    /// What is odd about a file of that name beside footage whose last frame has a number, where all of it was read.
    pub(super) fn remarks(&self, file: &str, last_frame: Option<u64>) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let behind = last_frame.map_or(0, |last| {
            self.frames.len() - self.frames.partition_point(|frame| *frame <= last)
        });
        if let Some(last) = last_frame
            && behind > 0
        {
            remarks.push(Remark::new(
                RemarkKind::Skipped,
                format!(
                    "rows of {file} are behind the last frame, which is number {last} ({behind} of {}): it may belong to other footage",
                    self.frames.len()
                ),
            ));
        }
        let names: BTreeSet<&str> = self
            .rows
            .iter()
            .flat_map(|(_, keys)| pressed(keys))
            .collect();
        let (mut mistyped, mut other) = (Vec::new(), Vec::new());
        for name in names.into_iter().filter(|name| !is_key(name)) {
            match likely_key(name) {
                Some(key) => mistyped.push(format!("{name} (is it {key}?)")),
                None => other.push(name),
            }
        }
        if !mistyped.is_empty() {
            remarks.push(Remark::new(
                RemarkKind::Assumed,
                format!("no key has these names of {file}: {}", mistyped.join(", ")),
            ));
        }
        if !other.is_empty() {
            remarks.push(Remark::new(
                RemarkKind::Noted,
                format!(
                    "no key has these names of {file}, so that a game has to say what they are: {}",
                    other.join(", ")
                ),
            ));
        }
        remarks
    }
}

/// What stands beside the frame's number in a row.
#[derive(Debug, PartialEq, Eq)]
enum Columns {
    /// Names of keys, in one column or more.
    Names,
    /// For each key, by its name, whether it is held.
    Flags(Vec<String>),
}

impl Columns {
    /// By the first line of the file.
    fn named(line: &str) -> Result<Self, String> {
        let mut names = line.split(COLUMNS).map(bare);
        let first = names.next().unwrap_or_default();
        if !matches!(first.as_str(), "frame" | "frames") {
            return Err(format!(
                "expected the columns `frame,keys`, or a frame number and the keys held, such as `12,right+jump`, found {line:?}"
            ));
        }
        let names: Vec<String> = names.collect();
        match names.as_slice() {
            [] => Ok(Self::Names),
            [one] if KEYS.contains(&one.as_str()) => Ok(Self::Names),
            _ if names
                .iter()
                .any(|name| name.is_empty() || KEYS.contains(&name.as_str())) =>
            {
                Err(format!(
                    "expected the columns `frame,keys`, or `frame` and a column for each key, found {line:?}"
                ))
            }
            _ => Ok(Self::Flags(names)),
        }
    }

    /// The frame's number of a row, and the keys that are held.
    fn row(&self, line: &str) -> Result<(u64, BTreeSet<String>), String> {
        let (frame, rest) = line.split_once(COLUMNS).unwrap_or((line, ""));
        let number = bare(frame).parse().map_err(|_| {
            format!(
                "expected a frame number and the keys held, such as `12,right+jump`, found {line:?}"
            )
        })?;
        let fields: Vec<String> = rest.split(COLUMNS).map(bare).collect();
        let Self::Flags(names) = self else {
            let keys: BTreeSet<String> = rest
                .replace('"', " ")
                .split(BETWEEN_KEYS)
                .map(str::to_lowercase)
                .filter(|key| !key.is_empty())
                .collect();
            if fields.len() > 1 && keys.iter().all(|key| matches!(key.as_str(), "0" | "1")) {
                return Err(format!(
                    "it has a column for each key: expected a first line that names them, such as `frame,left,right`, before {line:?}"
                ));
            }
            return Ok((number, keys));
        };
        if fields.len() != names.len() {
            return Err(format!(
                "expected a frame number and {} columns, found {line:?}",
                names.len()
            ));
        }
        let mut keys = BTreeSet::new();
        for (name, field) in names.iter().zip(&fields) {
            match field.as_str() {
                "1" | "true" | "yes" | "x" => {
                    keys.insert(name.clone());
                }
                "0" | "false" | "no" | "" => {}
                _ => {
                    return Err(format!(
                        "the column {name} must be 1 where the key is held and 0 where not, found {field:?}"
                    ));
                }
            }
        }
        Ok((number, keys))
    }
}

/// What stands in a column, without quotes.
fn bare(field: &str) -> String {
    field.trim().trim_matches('"').trim().to_lowercase()
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
        for wrong in ["", "frame,keys\n", "x,right", "3,a\n2,b", "3,a\n5,a\n4,b"] {
            assert!(HeldKeys::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn keys_are_parted_by_whatever_people_write() {
        for row in [
            "0,right+jump",
            "0,\"right,jump\"",
            "0,right,jump",
            "0;right jump",
            "\"0\";\"jump\";\"right\"",
            "0\tright | jump",
        ] {
            let keys = HeldKeys::parse(&format!("frame,keys\n{row}\n")).unwrap();
            assert_eq!(keys.between(0, 1), "jump+right", "{row}");
            assert_eq!(HeldKeys::parse(row).unwrap(), keys, "{row}");
        }
    }

    #[test]
    fn a_table_may_have_a_column_for_each_key() {
        let keys = HeldKeys::parse("Frame;left;right;jump\n0;1;0;0\n2;0;1;1\n4;0;0;0\n").unwrap();
        assert_eq!(
            [0, 2, 4].map(|frame| keys.between(frame, frame + 1)),
            ["left", "jump+right", ""]
        );
        for (wrong, said) in [
            ("0;1;0;0\n1;0;1;1\n", "names them"),
            ("frame;left;right\n0;1\n", "2 columns"),
            ("frame;left;right\n0;1;7\n", "right"),
            ("frame,time,keys\n0,0.1,left\n", "frame,keys"),
            ("seconds,keys\n0.1,left\n", "frame,keys"),
        ] {
            let error = HeldKeys::parse(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn rows_behind_the_footage_and_names_that_no_key_has_are_said() {
        let keys = HeldKeys::parse("0,left\n5,rigth+jump\n61,\n9000,left\n").unwrap();
        let remarks = keys.remarks("actions.csv", Some(59));
        let kinds: Vec<RemarkKind> = remarks.iter().map(|remark| remark.kind).collect();
        let expected = [RemarkKind::Skipped, RemarkKind::Assumed, RemarkKind::Noted];
        assert_eq!(kinds, expected);
        for (remark, said) in remarks.iter().zip([
            "rows of actions.csv are behind the last frame, which is number 59 (2 of 4)",
            "rigth (is it right?)",
            "jump",
        ]) {
            assert!(remark.text.contains(said), "{remark:?}");
        }
        let keys = HeldKeys::parse("0,ArrowLeft\n5,KeyA+Escape\n").unwrap();
        assert_eq!(keys.remarks("actions.csv", Some(5)), []);
    }
}
