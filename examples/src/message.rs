//! Errors as they are shown to people.

/// An error in one line. Those of assets carry a backtrace, and say twice which file it was and which type reads such files; the log has
/// all of that.
pub fn in_short(error: impl ToString) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let (before, rest) = line
        .split_once("Failed to load asset '")
        .unwrap_or((line, ""));
    let loader = rest.split_once("' with asset loader '");
    let reason = loader.and_then(|(_, loader)| Some(loader.split_once("': ")?.1));
    reason.map_or_else(|| line.to_owned(), |reason| format!("{before}{reason}"))
}
