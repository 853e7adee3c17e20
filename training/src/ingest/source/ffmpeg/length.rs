//! How long a film is that does not say it.

use std::process::Stdio;
use std::time::Duration;

use super::super::stored::Stored;
use super::log::{clock, value};
use super::program::{command, input_options, program};
use super::running::Running;

/// How long the program may take, and for so many bytes a second longer.
const PATIENCE: Duration = Duration::from_secs(9);
const SLOWEST_BYTES: u64 = 10 << 20;

/// The time of a film's last picture, in seconds from its first, found by reading it without decoding. Of a film that is cut
/// off it is that of the last picture that is there.
pub(in crate::ingest::source) fn length(file: &Stored) -> Option<f64> {
    let (mut command, input) = command(program()?, file);
    input_options(&mut command, None, 1, &input);
    // Times are counted from the first one.
    command
        .args(["-nocopyts", "-c:v", "copy", "-f", "null", "-"])
        .stdout(Stdio::null());
    let longer = Duration::from_secs(file.len().unwrap_or(0) / SLOWEST_BYTES);
    let running = Running::spawn(command, PATIENCE + longer).ok()?;
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
