//! The words of the program's log.

/// Errors that the program told.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors {
    pub(super) count: u64,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
}

impl Errors {
    pub(super) fn note(&mut self, line: &str) {
        // Times that are equal once rounded matter to files, not to a pipe of pixels.
        if line.contains("to muxer") {
            return;
        }
        self.count += 1;
        let told = without_tags(line).to_owned();
        self.first.get_or_insert_with(|| told.clone());
        self.last = Some(told);
    }
}

/// Whether a line has the time of a frame.
pub(super) fn is_frame(line: &str) -> bool {
    line.contains(" pts:") && line.contains(" fmt:")
}

pub(super) fn is_error(line: &str) -> bool {
    line.contains("[error]") || line.contains("[fatal]") || line.contains("[panic]")
}

/// A line of the log without what stands in brackets before it.
fn without_tags(line: &str) -> &str {
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
