//! The order of frames by their names, and what is missing among them.

use std::cmp::Ordering;

use genie_model::percentile;

/// Compares names so that `frame9` comes before `frame10`.
pub(super) fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let (digits_a, digits_b) = (digits(rest_a), digits(rest_b));
        let order = if digits_a > 0 && digits_b > 0 {
            let (number_a, number_b) = (
                rest_a[..digits_a].trim_start_matches('0'),
                rest_b[..digits_b].trim_start_matches('0'),
            );
            (rest_a, rest_b) = (&rest_a[digits_a..], &rest_b[digits_b..]);
            // Without leading zeros the longer number is the larger.
            (number_a.len().cmp(&number_b.len())).then_with(|| number_a.cmp(number_b))
        } else {
            let (mut chars_a, mut chars_b) = (rest_a.chars(), rest_b.chars());
            let (Some(first_a), Some(first_b)) = (chars_a.next(), chars_b.next()) else {
                // Equal but for leading zeros: any fixed order will do.
                return rest_a.len().cmp(&rest_b.len()).then_with(|| a.cmp(b));
            };
            (rest_a, rest_b) = (chars_a.as_str(), chars_b.as_str());
            first_a.cmp(&first_b)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn digits(name: &str) -> usize {
    name.bytes().take_while(u8::is_ascii_digit).count()
}

/// A name taken apart: its text with each number replaced by `#`, its last number, and the numbers before that.
fn scheme(name: &str) -> (String, Option<u64>, Vec<&str>) {
    let (mut pattern, mut numbers, mut rest) = (String::new(), Vec::new(), name);
    while let Some(first) = rest.chars().next() {
        let count = digits(rest);
        if count > 0 {
            pattern.push('#');
            numbers.push(&rest[..count]);
            rest = &rest[count..];
        } else {
            pattern.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    let last = numbers.pop().and_then(|number| number.parse().ok());
    (pattern, last, numbers)
}

/// What the names of a clip's frames say, in their order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FrameOrder {
    /// Indices of the names, in the order of the frames.
    pub(super) order: Vec<usize>,
    /// Frames (places in `order`) that do not follow from the one before them: numbers are missing, or another series of names begins.
    pub(super) breaks: Vec<usize>,
    /// What was assumed or is missing, in words.
    pub(super) remarks: Vec<String>,
}

/// Orders the names of frames (without their extensions).
pub(super) fn order_frames(names: &[String]) -> FrameOrder {
    let mut order: Vec<usize> = (0..names.len()).collect();
    let mut remarks = Vec::new();
    let mut breaks = Vec::new();
    if let Some(values) = fractions(names) {
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
        remarks.push(
            "the names of the frames are numbers with fractions: ordered by their value".to_owned(),
        );
        return FrameOrder {
            order,
            breaks,
            remarks,
        };
    }
    order.sort_by(|&a, &b| compare_names(&names[a], &names[b]).then(a.cmp(&b)));
    let parts: Vec<_> = order.iter().map(|&index| scheme(&names[index])).collect();
    let follows =
        |a: &(String, Option<u64>, Vec<&str>), b: &(String, Option<u64>, Vec<&str>)| match (
            a.1, b.1,
        ) {
            (Some(from), Some(to)) if a.0 == b.0 && a.2 == b.2 => to.checked_sub(from),
            _ => None,
        };
    // The usual step between numbers: one, or more where footage was thinned out.
    let mut steps: Vec<u64> = parts
        .windows(2)
        .filter_map(|pair| follows(&pair[0], &pair[1]))
        .filter(|&step| step > 0)
        .collect();
    steps.sort_unstable();
    let usual = percentile(&steps, 0.25).unwrap_or(1);
    let (mut missing, mut series) = (0, 1);
    for (place, pair) in parts.windows(2).enumerate() {
        if pair[0].0 != pair[1].0 && pair[0].1.is_some() && pair[1].1.is_some() {
            series += 1;
            breaks.push(place + 1);
        } else if let Some(step) = follows(&pair[0], &pair[1])
            && step > usual
            // Names that are times or sparse numbers have no usual step.
            && steps.iter().filter(|&&s| s == usual).count() * 2 > steps.len()
        {
            missing += step / usual - 1;
            breaks.push(place + 1);
        }
    }
    if series > 1 {
        remarks.push(format!(
            "the names of the frames follow {series} schemes: each is a clip of its own"
        ));
    }
    if missing > 0 {
        remarks.push(format!(
            "{missing} frames are missing by the numbers in their names: split there"
        ));
    }
    FrameOrder {
        order,
        breaks,
        remarks,
    }
}

/// The values of names such as `frame_0.5`, `frame_0.25`: where their fractions have different lengths and lie evenly, they
/// are numbers and not versions.
fn fractions(names: &[String]) -> Option<Vec<f64>> {
    let mut prefix = None;
    let mut lengths = Vec::new();
    let mut values = Vec::new();
    for name in names {
        let start = name.find(|c: char| c.is_ascii_digit())?;
        if prefix.is_some_and(|known| known != &name[..start]) {
            return None;
        }
        prefix = Some(&name[..start]);
        let number = &name[start..];
        if number.bytes().any(|b| !b.is_ascii_digit() && b != b'.') {
            return None;
        }
        lengths.push(
            number
                .split_once('.')
                .map_or(0, |(_, fraction)| fraction.len()),
        );
        values.push(number.parse::<f64>().ok()?);
    }
    if lengths.iter().all(|length| Some(length) == lengths.first()) {
        return None;
    }
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let steps: Vec<f64> = sorted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = steps.iter().sum::<f64>() / steps.len().max(1) as f64;
    let even = steps.iter().all(|step| (step / mean - 1.0).abs() < 0.25);
    even.then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ordered(names: &[&str]) -> (Vec<String>, FrameOrder) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let order = order_frames(&names);
        (
            order.order.iter().map(|&at| names[at].clone()).collect(),
            order,
        )
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = vec!["f10", "f9", "f010", "a", "f9b", "f1x2", "f1x10", ""];
        names.sort_by(|a, b| compare_names(a, b));
        assert_eq!(
            names,
            ["", "a", "f1x2", "f1x10", "f9", "f9b", "f010", "f10"]
        );
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[a0-9é.]{0,6}", b in "[a0-9é.]{0,6}", c in "[a0-9é.]{0,6}") {
            prop_assert_eq!(compare_names(&a, &b), compare_names(&b, &a).reverse());
            if compare_names(&a, &b).is_le() && compare_names(&b, &c).is_le() {
                prop_assert!(compare_names(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn fractions_are_ordered_by_their_value_and_versions_are_not() {
        let (names, _) = ordered(&["0.5", "0.25", "1", "0.75"]);
        assert_eq!(names, ["0.25", "0.5", "0.75", "1"]);
        let (names, _) = ordered(&["v1.10", "v1.9", "v1.8", "v1.11"]);
        assert_eq!(names, ["v1.8", "v1.9", "v1.10", "v1.11"]);
        let (names, _) = ordered(&["0.12", "0.04", "0.08"]);
        assert_eq!(names, ["0.04", "0.08", "0.12"]);
    }

    #[test]
    fn gaps_and_other_schemes_part_a_clip() {
        let (_, order) = ordered(&["f1", "f2", "f3", "f7", "f8"]);
        assert_eq!(order.breaks, [3]);
        assert!(
            order.remarks[0].contains("3 frames are missing"),
            "{:?}",
            order.remarks
        );
        let (_, order) = ordered(&["f3", "f6", "f9", "f12"]);
        assert_eq!(
            order,
            FrameOrder {
                order: vec![0, 1, 2, 3],
                ..FrameOrder::default()
            }
        );
        let (names, order) = ordered(&["shot2", "frame1", "frame2", "shot1"]);
        assert_eq!(names, ["frame1", "frame2", "shot1", "shot2"]);
        assert_eq!(order.breaks, [2]);
        // Without numbers there is nothing but the alphabet.
        assert!(ordered(&["b", "a", "c"]).1.breaks.is_empty());
    }
}
