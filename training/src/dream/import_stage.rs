//! The first stage of a dream: films become clips.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::DreamError;
use super::dreamer::Dreamer;
use super::import_watch::ImportWatch;
use super::imported::Imported;
use super::status::Stage;
use crate::dataset::{Dataset, INDEX_NAME, TrueActions};
use crate::ingest::{FootageChanges, FoundFootage, IngestError, IngestOptions, Progress};
use crate::train::ActionSource;

/// Imports the footage, unless that is done; then what came, changed or went since is said.
pub(super) fn import(dreamer: &Dreamer<'_>, paths: &[PathBuf]) -> Result<(), DreamError> {
    dreamer.status(Stage::Import, 0.0);
    if let Some(dataset) = dreamer.workshop.dataset() {
        return take(dreamer, dataset);
    }
    let folder = dreamer.workshop.footage_folder();
    let options = &dreamer.options.footage;
    if folder.join(INDEX_NAME).exists() {
        let found = FoundFootage::look(paths, &folder, options);
        if let Some(text) = in_words(&found.changes()) {
            tracing::warn!("{text}");
        }
        return Ok(());
    }
    let found = FoundFootage::look(paths, &folder, options);
    if dreamer.options.actions == ActionSource::Given
        && let Some(first) = found.without_actions().first()
    {
        return Err(DreamError::Request(format!(
            "--actions given: nothing says what was pressed in {first} (a file actions.csv beside pictures, film.actions.csv beside \
             film.mp4)"
        )));
    }
    if dreamer.options.actions == ActionSource::Labelled && !found.has_actions() {
        return Err(DreamError::Request(
            "--actions labelled: nothing says what was pressed in any of the footage (a file actions.csv beside some pictures, \
             film.actions.csv beside some film.mp4)"
                .to_owned(),
        ));
    }
    let progress = Progress::default();
    let over = AtomicBool::new(false);
    let imported = thread::scope(|scope| {
        scope.spawn(|| {
            let begun = Instant::now();
            let mut watch = ImportWatch::new(dreamer.time());
            while !over.load(Ordering::Relaxed) {
                let now = begun.elapsed().as_secs_f64();
                if let Some(it) = watch.look(now, progress.seconds(), progress.total_seconds()) {
                    tracing::warn!("{}: {}", it.what, it.remedy);
                }
                let share = progress.seconds() / progress.total_seconds().max(1e-9);
                dreamer.status(Stage::Import, share);
                thread::sleep(Duration::from_millis(200));
            }
        });
        let imported = found.ingest(options, &progress, dreamer.stop());
        over.store(true, Ordering::Relaxed);
        imported
    });
    let summary = match imported {
        Err(IngestError::Stopped) => return Err(DreamError::Stopped),
        imported => imported?,
    };
    dreamer.workshop.note_imported(&Imported {
        seconds: dreamer.seconds(),
        ..Imported::of(&summary)
    })
}

/// Takes a dataset as it is: it was imported before.
fn take(dreamer: &Dreamer<'_>, folder: &Path) -> Result<(), DreamError> {
    let wrong = |why: &str| {
        Err(DreamError::Request(format!(
            "{} is a dataset, {why}",
            folder.display()
        )))
    };
    if dreamer.options.footage != IngestOptions::default() {
        return wrong(
            "whose frames are dreamt as they are: --fps, --size, --crop and what else is said of an import go with films",
        );
    }
    let dataset = Dataset::open(folder)?;
    let known = TrueActions::of(&dataset)?.map_or(0, |truth| truth.known_transitions());
    if dreamer.options.actions != ActionSource::Learned && known == 0 {
        return wrong(
            "and nothing says what was pressed in it: import it again with a file actions.csv beside the pictures, or film.actions.csv \
             beside film.mp4",
        );
    }
    dreamer
        .workshop
        .note_imported(&Imported::of_dataset(&dataset))
}

/// What changed in the footage since the dream began.
fn in_words(changes: &FootageChanges) -> Option<String> {
    let parts: Vec<String> = [
        (&changes.new, "came"),
        (&changes.changed, "changed"),
        (&changes.gone, "went"),
    ]
    .into_iter()
    .filter_map(|(names, what)| {
        let first = names.first()?;
        let more = match names.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        Some(format!("{first}{more} {what}"))
    })
    .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "the footage is not what this dream began with: {} since then. It goes on with what it imported; for a world of the footage \
             as it is now, give another --out",
            parts.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_said_with_the_first_of_each_kind() {
        assert_eq!(in_words(&FootageChanges::default()), None);
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let text = in_words(&FootageChanges {
            new: names(&["c.mp4", "d.mp4"]),
            changed: names(&[]),
            gone: names(&["a.mp4"]),
        });
        let text = text.unwrap_or_default();
        assert!(text.contains("c.mp4 and 1 more came, a.mp4 went"), "{text}");
    }
}
