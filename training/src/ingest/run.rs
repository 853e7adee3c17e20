//! The whole import, from paths to a dataset.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::assembled_actions::{KnownActions, check_actions};
use super::assembly::assemble;
use super::beforehand::FoundFootage;
use super::discover::Found;
use super::ledger::{Fingerprints, Ledger};
use super::over_cutting::over_cut;
use super::parallel::parallel;
use super::part::{PartContext, PartError};
use super::progress::Progress;
use super::remark::{Remark, RemarkKind, Unreadable};
use super::report::{Summary, left_out_by_reason};
use super::report_folder::write_report;
use super::source::Source;
use super::span::Span;
use super::taking::{Probed, Taken, choose_taking};
use super::target::{check_thinned, existing, remove_unlisted, report_folder};
use super::unit::{Finished, ReadPart, Unit, connected, unit_key};
use super::{IngestError, IngestOptions};
use crate::dataset::{FrameFormat, Index};

/// Folder of an unfinished import in that of the dataset.
const WORK: &str = ".import";

/// Turns the footage under `paths` into a dataset in the folder `out`, or adds it to the one that is there.
///
/// An import that was stopped (by `stop`, a signal or a power cut) goes on where it was when it is called again with the same
/// footage and settings, and gives the same bytes.
///
/// # Errors
/// Settings that do not fit, no footage that can be read, a dataset that is there already, or a failing disk. Single files that
/// cannot be read are in the summary instead.
pub fn ingest(
    paths: &[PathBuf],
    out: &Path,
    options: &IngestOptions,
    progress: &Progress,
    stop: &AtomicBool,
) -> Result<Summary, IngestError> {
    options.check()?;
    // What stands against it is said before any folder is searched.
    existing(out, options)?;
    import_found(
        FoundFootage::look(paths, out, options),
        options,
        progress,
        stop,
    )
}

impl FoundFootage {
    /// As [`ingest`], of what was found.
    ///
    /// # Errors
    /// As [`ingest`].
    pub fn ingest(
        self,
        options: &IngestOptions,
        progress: &Progress,
        stop: &AtomicBool,
    ) -> Result<Summary, IngestError> {
        import_found(self, options, progress, stop)
    }
}

fn import_found(
    footage: FoundFootage,
    options: &IngestOptions,
    progress: &Progress,
    stop: &AtomicBool,
) -> Result<Summary, IngestError> {
    options.check()?;
    let FoundFootage { found, paths, out } = footage;
    let out = out.as_path();
    let existing = existing(out, options)?;
    let described = || {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        paths.join(", ")
    };
    if found.sources.is_empty() {
        return Err(match found.unreadable.first() {
            Some(first) => {
                IngestError::NothingReadable(format!("{}: {}", first.source, first.reason))
            }
            None => IngestError::NoFootage(described()),
        });
    }
    let made = !out.exists();
    let work = out.join(WORK);
    fs::create_dir_all(&work).map_err(IngestError::io("make the folder", &work))?;
    let lock_path = work.join("lock");
    let lock = File::create(&lock_path).map_err(IngestError::io("write", &lock_path))?;
    if lock.try_lock().is_err() {
        return Err(IngestError::Busy {
            path: out.to_path_buf(),
        });
    }
    let run = Run {
        options,
        out,
        work: &work,
        progress,
        stop,
    };
    let ended = run.all(found, existing);
    drop(lock);
    match &ended {
        // What is finished is not done again by the next call.
        Err(IngestError::Stopped) => {
            let _ = fs::remove_file(&lock_path);
        }
        Err(_) => {
            // Nothing is left of what failed; a full disk least of all.
            let _ = fs::remove_dir_all(&work);
            remove_unlisted(out);
            if made {
                let _ = fs::remove_dir(out);
            }
        }
        Ok(_) => {
            fs::remove_dir_all(&work).map_err(IngestError::io("remove", &work))?;
        }
    }
    ended
}

/// What all steps of one import share.
struct Run<'a> {
    options: &'a IngestOptions,
    out: &'a Path,
    work: &'a Path,
    progress: &'a Progress,
    stop: &'a AtomicBool,
}

impl Run<'_> {
    fn all(&self, found: Found, existing: Option<Index>) -> Result<Summary, IngestError> {
        let mut unreadable = found.unreadable;
        let mut general = found.remarks;
        // As it is now: what changes while it is read is another footage.
        let fingerprints = Fingerprints::of(&found.sources);
        let probed = self.probe(found.sources, &mut unreadable)?;
        if probed.is_empty() {
            return Err(IngestError::NothingReadable(first_reason(&unreadable)));
        }
        let chosen = choose_taking(
            &probed,
            existing.as_ref(),
            self.options,
            self.threads(),
            &mut general,
        );
        self.go_on()?;
        let taken = chosen?;
        check_thinned(self.out, existing.as_ref(), &taken)?;
        let Taken { taking, pace, why } = taken;
        let context = PartContext {
            options: self.options,
            taking,
            pace,
            stop: self.stop,
            progress: self.progress,
        };
        let mut ledger = match existing {
            Some(_) => Ledger::read(self.out),
            None => Ledger::new(self.out),
        };
        let probed = self.new_footage(probed, &context, &ledger, &mut general)?;
        let (units, resumed) = self.units(&probed, &context, &mut unreadable)?;
        self.go_on()?;
        if units.is_empty() {
            return Err(IngestError::NothingReadable(first_reason(&unreadable)));
        }
        let clips: usize = units
            .iter()
            .map(|unit| unit.result.report.clips.len())
            .sum();
        if clips == 0 {
            return Err(IngestError::NothingReadable(nothing_left(&units, pace)));
        }
        let format = FrameFormat {
            height: self.options.height,
            width: self.options.width,
            frames_per_second: existing
                .as_ref()
                .map_or(pace, |index| index.frames_per_second),
        };
        let known_actions = KnownActions::of(self.out, existing.as_ref());
        general.extend(check_actions(&units, &known_actions));
        if self.options.strict {
            Self::refuse_remarks(&units, &general, &unreadable)?;
        }
        let report = report_folder(self.out, existing.as_ref());
        let mut summary = None;
        assemble(
            self.out,
            format,
            &units,
            existing,
            &known_actions,
            &mut || {
                let made = write_report(
                    (self.options.width, self.options.height),
                    &report,
                    &units,
                    &general,
                    &unreadable,
                    pace,
                    &why,
                )?;
                summary = Some(made);
                Ok(())
            },
        )?;
        let added = units.iter().filter_map(|unit| unit.folder.file_name());
        let added = added.map(|key| key.to_string_lossy().into_owned());
        ledger.add(added, fingerprints)?;
        let mut summary =
            summary.ok_or_else(|| IngestError::Request("no report was written".to_owned()))?;
        summary.resumed = resumed;
        summary.source_frames = self.progress.frames();
        Ok(summary)
    }

    /// An error if the import was stopped: what interrupted programs said then is not about the footage.
    fn go_on(&self) -> Result<(), IngestError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(IngestError::Stopped);
        }
        Ok(())
    }

    /// Looks at all sources, several at a time.
    fn probe(
        &self,
        sources: Vec<Source>,
        unreadable: &mut Vec<Unreadable>,
    ) -> Result<Vec<Probed>, IngestError> {
        let infos = parallel(self.threads(), &sources, |source| {
            source.probe(self.options)
        })?;
        self.go_on()?;
        let mut probed = Vec::new();
        for (source, info) in sources.into_iter().zip(infos) {
            match info {
                Ok(info) => {
                    let end = self.options.end.unwrap_or(f64::INFINITY);
                    let seconds = info.seconds.unwrap_or(0.0).min(end) - self.options.start;
                    self.progress.expect(seconds);
                    probed.push(Probed { source, info });
                }
                Err(reason) => unreadable.push(Unreadable {
                    source: source.name,
                    reason,
                }),
            }
        }
        Ok(probed)
    }

    /// Leaves out footage that the dataset holds already.
    fn new_footage(
        &self,
        probed: Vec<Probed>,
        context: &PartContext<'_>,
        ledger: &Ledger,
        general: &mut Vec<Remark>,
    ) -> Result<Vec<Probed>, IngestError> {
        let (held, new): (Vec<Probed>, Vec<Probed>) = probed.into_iter().partition(|probed| {
            ledger.holds(&unit_key(&probed.source, context.options, context.pace))
        });
        if new.is_empty() {
            return Err(IngestError::Request(format!(
                "all of this footage is in {} already",
                self.out.display()
            )));
        }
        general.extend(held.iter().map(|probed| {
            let text = format!("{}: it is in the dataset already", probed.source.name);
            Remark::new(RemarkKind::Skipped, text)
        }));
        Ok(new)
    }

    /// Reads all sources, several parts at a time; those that an earlier run finished are taken over.
    fn units(
        &self,
        probed: &[Probed],
        context: &PartContext<'_>,
        unreadable: &mut Vec<Unreadable>,
    ) -> Result<(Vec<Finished>, usize), IngestError> {
        let units: Vec<Unit<'_>> = probed
            .iter()
            .map(|probed| Unit::new(&probed.source, &probed.info, context.options, context.pace))
            .collect();
        self.remove_others(&units)?;
        let spans = units.iter().map(|unit| unit.spans(context.options));
        let (read, mut resumed) = self.parts(&units, spans.collect(), context)?;
        let mut finished = Vec::new();
        for (unit, parts) in units.iter().zip(read) {
            let parts = if let Some(parts) = connected(parts) {
                parts
            } else {
                let span = Span::whole(context.options);
                self.progress.expect(span.seconds(unit.info.seconds));
                let unit = std::slice::from_ref(unit);
                let (read, more) = self.parts(unit, vec![vec![span]], context)?;
                resumed += more;
                read.into_iter().flatten().collect()
            };
            match unit.join(parts, context) {
                Ok(result) => finished.push(Finished {
                    folder: self.work.join(&unit.key),
                    result,
                }),
                Err(reason) => unreadable.push(Unreadable {
                    source: unit.name().to_owned(),
                    reason,
                }),
            }
        }
        Ok((finished, resumed))
    }

    /// Reads parts of sources, several at a time; and how many were finished by an earlier run.
    fn parts(
        &self,
        units: &[Unit<'_>],
        spans: Vec<Vec<Span>>,
        context: &PartContext<'_>,
    ) -> Result<(Vec<Vec<ReadPart>>, usize), IngestError> {
        let jobs: Vec<(usize, Span)> = spans
            .iter()
            .enumerate()
            .flat_map(|(unit, spans)| spans.iter().map(move |span| (unit, *span)))
            .collect();
        // Decoders use what other parts leave free.
        let share = self.threads().div_ceil(jobs.len().clamp(1, self.threads()));
        let results = parallel(self.threads(), &jobs, |&(unit, span)| {
            self.go_on()?;
            units[unit].run(span, self.work, share, context)
        })?;
        let mut read: Vec<Vec<ReadPart>> = spans.iter().map(|_| Vec::new()).collect();
        let mut resumed = 0;
        for (&(unit, span), result) in jobs.iter().zip(results) {
            let part = match result {
                Ok((part, finished)) => {
                    resumed += usize::from(finished);
                    Ok(part)
                }
                Err(PartError::Unreadable(reason)) => Err(reason),
                Err(PartError::Fatal(error)) => return Err(error),
            };
            read[unit].push((span, part));
        }
        Ok((read, resumed))
    }

    /// Removes what an import of other footage or with other settings left.
    fn remove_others(&self, units: &[Unit<'_>]) -> Result<(), IngestError> {
        let entries = fs::read_dir(self.work).map_err(IngestError::io("list", self.work))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && !units.iter().any(|unit| unit.key == name) {
                fs::remove_dir_all(&path).map_err(IngestError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn threads(&self) -> usize {
        match self.options.threads {
            0 => thread::available_parallelism().map_or(2, std::num::NonZero::get),
            threads => threads,
        }
    }

    fn refuse_remarks(
        units: &[Finished],
        general: &[Remark],
        unreadable: &[Unreadable],
    ) -> Result<(), IngestError> {
        let told = unreadable
            .iter()
            .map(|file| format!("{}: {}", file.source, file.reason))
            .chain(counted(general).map(|remark| remark.text.clone()))
            .chain(units.iter().flat_map(|unit| {
                let report = &unit.result.report;
                let remarks = counted(&report.remarks).map(|remark| remark.text.clone());
                let left_out = left_out_by_reason(report);
                let left_out = left_out.into_iter().map(|(reason, frames)| {
                    format!("{frames} frames are left out, {reason} (--keep-all keeps them)")
                });
                let named = |text: String| format!("{}: {text}", report.source);
                remarks.chain(left_out).map(named).collect::<Vec<_>>()
            }));
        let told: Vec<String> = told.collect();
        match told.first() {
            None => Ok(()),
            Some(first) => Err(IngestError::Strict {
                count: told.len(),
                first: first.clone(),
            }),
        }
    }
}

/// Remarks that count as something skipped, changed or assumed.
fn counted(remarks: &[Remark]) -> impl Iterator<Item = &Remark> {
    let remarks = remarks.iter();
    remarks.filter(|remark| remark.kind != RemarkKind::Noted)
}

/// Why all footage was left out at a pace, in words.
fn nothing_left(units: &[Finished], pace: f64) -> String {
    let why =
        "all of it is blank, frozen or too short between cuts (--keep-all takes it nevertheless)";
    let reports = units.iter().map(|unit| &unit.result.report);
    let mut cut = reports.filter_map(|report| Some((report, over_cut(report, pace)?)));
    match cut.next() {
        None => why.to_owned(),
        Some((report, remark)) => format!("{why}; {}: {}", report.source, remark.text),
    }
}

fn first_reason(unreadable: &[Unreadable]) -> String {
    unreadable.first().map_or_else(
        || "it has no frames".to_owned(),
        |first| format!("{}: {}", first.source, first.reason),
    )
}
