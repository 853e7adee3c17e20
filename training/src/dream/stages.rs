//! The stages of a dream, one after the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use candle_core::Device;

use super::dreamer::Dreamer;
use super::import_stage::import;
use super::judging_stage::{evaluate, label, report};
use super::outputs::Outputs;
use super::status::Status;
use super::training_stage::{plan, train};
use super::workshop::Workshop;
use super::{DreamError, DreamOptions, Dreamt};

/// Makes a world of the footage under `paths`, with a report and prompts beside it, within the time that the options give.
///
/// A dream that was stopped goes on where it was when it is called again with the same; with more hours it goes on from its end.
/// `show` is called from any thread with the progress.
///
/// # Errors
/// Whatever stops a stage; [`DreamError::Stopped`] when `stop` was raised.
pub fn dream(
    paths: &[PathBuf],
    out: &Path,
    options: &DreamOptions,
    device: &Device,
    show: &(dyn Fn(&Status) + Sync),
    stop: &AtomicBool,
) -> Result<Dreamt, DreamError> {
    options.check()?;
    let outputs = Outputs::of(out);
    outputs.check(paths)?;
    let workshop = Workshop::open(&outputs.work, paths, options)?;
    let dreamer = Dreamer::new(options, device, workshop, show, stop);
    let over = AtomicBool::new(false);
    let made = thread::scope(|scope| {
        scope.spawn(|| dreamer.keep_telling(&over));
        // Said however the stages end, since the thread waits for it.
        let _said = Said(&over);
        all(&dreamer, paths, &outputs)
    });
    dreamer.note_spent()?;
    if !matches!(made, Ok(_) | Err(DreamError::Stopped)) {
        dreamer.workshop.remove_if_empty();
    }
    made
}

/// Raises a flag when it is dropped.
struct Said<'a>(&'a AtomicBool);

impl Drop for Said<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn all(dreamer: &Dreamer<'_>, paths: &[PathBuf], outputs: &Outputs) -> Result<Dreamt, DreamError> {
    import(dreamer, paths)?;
    dreamer.note_spent()?;
    let mut config = plan(dreamer)?;
    dreamer.note_spent()?;
    train(dreamer, &mut config)?;
    dreamer.note_spent()?;
    label(dreamer)?;
    dreamer.note_spent()?;
    let evaluation = evaluate(dreamer)?;
    dreamer.note_spent()?;
    report(dreamer, outputs, &config, &evaluation)
}
