//! The words of the program's log.

/// The last words of a run that failed.
pub(super) fn running_errors(lines: &[String]) -> Option<String> {
    let mut errors = lines.iter().rev().filter(|line| is_error(line));
    errors.next().map(|line| without_tags(line).to_owned())
}

pub(super) fn is_error(line: &str) -> bool {
    line.contains("[error]") || line.contains("[fatal]") || line.contains("[panic]")
}

/// A line of the log without what stands in brackets before it.
pub(super) fn without_tags(line: &str) -> &str {
    let mut rest = line.trim();
    while rest.starts_with('[') {
        let Some(end) = rest.find(']') else { break };
        rest = rest[end + 1..].trim_start();
    }
    rest
}

/// The word behind `key` in a line.
pub(super) fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let at = line.find(key)? + key.len();
    line[at..].trim_start().split([' ', ',', ';']).next()
}

pub(super) fn ratio(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let (above, below): (f64, f64) = (above.parse().ok()?, below.parse().ok()?);
    (above > 0.0 && below > 0.0).then(|| above / below)
}

/// Seconds of `01:02:03.45`.
pub(super) fn clock(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(seconds)
}
