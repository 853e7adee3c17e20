//! How long a film is that does not say it.

use std::process::Stdio;

use super::super::stored::Stored;
use super::log::{clock, value};
use super::program::{command, input_options, program};
use super::running::{Running, patience};

/// About the time of a film's last picture, in seconds from its first, found by reading it without decoding: by the order of decoding. Of a film that is cut
/// off it is that of the last picture that is there.
pub(in crate::ingest::source) fn length(file: &Stored) -> Option<f64> {
    let (mut command, input) = command(program()?, file);
    input_options(&mut command, None, 1, &input);
    // Times are counted from the first one.
    command
        .args(["-nocopyts", "-c:v", "copy", "-f", "null", "-"])
        .stdout(Stdio::null());
    let running = Running::spawn(command, patience(file.len().unwrap_or(0))).ok()?;
    let mut last = None;
    while let Ok(line) = running.lines.recv() {
        if line.contains("frame=")
            && let Some(time) = value(&line, " time=").and_then(clock)
        {
            last = Some(time);
        }
    }
    last.filter(|last| *last > 0.0)
}
