//! What was found in every transition, as a table that other programs read.

use std::fmt::Write as _;
use std::path::Path;

use genie_model::atomic_file;
use genie_training::actions::ClipActions;
use genie_training::dataset::TrueActions;

use crate::cli::CliResult;

/// Writes one line for each transition: its clip and earlier frame, its code, what the code was inferred from, and the true action where that is known.
pub(super) fn write(path: &Path, found: &[ClipActions], truth: Option<&TrueActions>) -> CliResult {
    let mut text = String::from(
        "clip,frame,code,moved_x,moved_y,seen,look_x,look_y,present,x,y,true_action\n",
    );
    for (clip, transitions) in found.iter().enumerate() {
        for (frame, step) in transitions.iter().enumerate() {
            let [moved_x, moved_y] = step.displacement;
            let [look_x, look_y] = step.look;
            let [x, y] = step.position;
            let (seen, present) = (u8::from(step.seen), u8::from(step.present));
            write!(
                text,
                "{clip},{frame},{},{moved_x},{moved_y},{seen},{look_x},{look_y},{present},{x},{y},",
                step.code
            )?;
            if let Some(action) = truth.and_then(|truth| truth.clip(clip)?.get(frame)) {
                write!(text, "{action}")?;
            }
            text.push('\n');
        }
    }
    atomic_file::write_in_new_folders(path, text.as_bytes())?;
    Ok(())
}
