//! One source as a whole: what it is known by, and what its parts come to.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use genie_model::Fnv1a;

use super::IngestOptions;
use super::clip_writer::UnitFile;
use super::keys_of_clips::KeysOfClips;
use super::over_cutting::over_cut;
use super::pace::pace_in_words;
use super::part::{PartContext, PartError, PartResult, Whole, finished_part, run_part};
use super::preparation::Prepared;
use super::remark::{Remark, RemarkKind};
use super::report::UnitReport;
use super::source::{ROUNDING, Source, SourceInfo};
use super::span::Span;
use super::ticks::TickCounts;

/// Changes when the same footage and settings give other bytes.
const VERSION: u32 = 4;

/// All that is known of a finished unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UnitResult {
    pub(super) report: UnitReport,
    /// Files of clips, in their order, from the unit's folder on.
    pub(super) files: Vec<UnitFile>,
    /// Keys of each transition of each clip, where the source has true actions.
    pub(super) actions: Option<Vec<Vec<String>>>,
    /// Picture sheets, from the unit's folder on, and what they are called in a report.
    pub(super) sheets: Vec<(PathBuf, String)>,
}

/// A finished unit and its folder.
pub(super) struct Finished {
    pub(super) folder: PathBuf,
    pub(super) result: UnitResult,
}

/// What was read of a part, or why it cannot be read.
pub(super) type ReadPart = (Span, Result<PartResult, String>);

/// The parts of a source, in their order, up to that in which its end was met. `None` if one does not begin with the frame that the one before
/// met behind its end: frames cannot be found by their times, so that only the source as a whole can be read.
pub(super) fn connected(mut parts: Vec<ReadPart>) -> Option<Vec<ReadPart>> {
    let behind = |(_, part): &ReadPart| part.as_ref().ok()?.behind;
    let first = |(_, part): &ReadPart| part.as_ref().ok()?.first;
    // What others found behind the end could not be read as a whole either.
    let going_on = parts.iter().map_while(behind).count();
    parts.truncate(going_on + 1);
    let meet = |pair: &[ReadPart]| Some((behind(&pair[0])? - first(&pair[1])?).abs() < ROUNDING);
    parts
        .windows(2)
        .all(|pair| meet(pair) == Some(true))
        .then_some(parts)
}

/// The name of a source's unit: another one when the footage or a setting is another.
pub(super) fn unit_key(source: &Source, options: &IngestOptions, pace: f64) -> String {
    // What says how it is worked on, and not what comes out of it, is left aside.
    let options = IngestOptions {
        append: false,
        strict: false,
        threads: 0,
        ..options.clone()
    };
    let mut parts = vec![
        VERSION.to_string(),
        serde_json::to_string(&options).unwrap_or_default(),
        pace.to_bits().to_string(),
        source.name.clone(),
    ];
    for file in source.files() {
        let (length, changed) = file.stamp();
        parts.extend([file.described(), format!("{length} {changed}")]);
    }
    parts.push(format!("{:?}", super::source::decoders()));
    key_of(&parts)
}

/// The name for these parts: the same on every machine and in every build, so that a newer program finds what an older one finished.
fn key_of(parts: &[String]) -> String {
    let mut hash = Fnv1a::new();
    for part in parts {
        // With its length, so that no part can run into the next one.
        hash.write(part.len() as u64);
        part.bytes().for_each(|byte| hash.write(byte));
    }
    format!("{:016x}", hash.finish())
}

/// A source that is read, in one or several parts.
pub(super) struct Unit<'a> {
    source: &'a Source,
    pub(super) info: &'a SourceInfo,
    pub(super) key: String,
    prepared: OnceLock<Result<Prepared, String>>,
    /// The first part after which there is nothing more, as far as is known.
    last_part: AtomicUsize,
}

impl<'a> Unit<'a> {
    pub(super) fn new(
        source: &'a Source,
        info: &'a SourceInfo,
        options: &IngestOptions,
        pace: f64,
    ) -> Self {
        Self {
            source,
            info,
            key: unit_key(source, options, pace),
            prepared: OnceLock::new(),
            last_part: AtomicUsize::new(usize::MAX),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    pub(super) fn spans(&self, options: &IngestOptions) -> Vec<Span> {
        Span::all(self.source, self.info, options)
    }

    /// What all its parts share; looked at by the first one.
    fn prepared(&self, options: &IngestOptions) -> Result<&Prepared, String> {
        self.prepared
            .get_or_init(|| Prepared::of(self.source, self.info, options))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Reads a part into a folder below that of unfinished work, unless it was finished before; and whether it was.
    pub(super) fn run(
        &self,
        span: Span,
        work: &Path,
        threads: usize,
        context: &PartContext<'_>,
    ) -> Result<(PartResult, bool), PartError> {
        let folder = work.join(&self.key).join(span.name());
        let is_behind = self.last_part.load(Ordering::Relaxed) < span.number;
        let finished = finished_part(&folder).map(|part| (part, true));
        let known = finished.or_else(|| is_behind.then(|| (PartResult::default(), false)));
        let read = if let Some(known) = known {
            context.progress.skip(span.seconds(self.info.seconds));
            Ok(known)
        } else {
            let prepared = self.prepared(context.options).map_err(PartError::from);
            prepared.and_then(|prepared| {
                let whole = Whole {
                    source: self.source,
                    info: self.info,
                    prepared,
                };
                run_part(whole, span, &folder, threads, context).map(|part| (part, false))
            })
        };
        if !read.as_ref().is_ok_and(|(part, _)| part.behind.is_some()) {
            self.last_part.fetch_min(span.number, Ordering::Relaxed);
        }
        read
    }

    /// Joins what was read of its [`connected`] parts.
    ///
    /// # Errors
    /// If nothing of it can be read, in words.
    pub(super) fn join(
        &self,
        parts: Vec<ReadPart>,
        context: &PartContext<'_>,
    ) -> Result<UnitResult, String> {
        let prepared = self.prepared(context.options)?;
        let mut remarks = prepared.remarks.clone();
        let own = remarks.len();
        let mut report = UnitReport {
            source: self.source.name.clone(),
            described: self.info.described.clone(),
            size: self.info.size,
            frames_per_second: self.info.pace,
            crop: (prepared.geometry.crop).map(|area| (area.x, area.y, area.width, area.height)),
            source_frames: 0,
            frames: 0,
            clips: Vec::new(),
            left_out: Vec::new(),
            remarks: Vec::new(),
            sheets: Vec::new(),
        };
        let (mut files, mut sheets) = (Vec::new(), Vec::new());
        let mut keys_of = KeysOfClips::new(prepared.keys.as_ref());
        let mut ticks = TickCounts::default();
        let mut unreadable = None;
        for (span, part) in parts {
            let folder = span.name();
            let part = match part {
                Ok(part) => part,
                Err(reason) => {
                    unreadable = Some(reason);
                    continue;
                }
            };
            keys_of.add(&part);
            report.source_frames += part.source_frames;
            report.frames += part.clips.iter().map(|clip| clip.frames).sum::<u64>();
            report.clips.extend(part.clips);
            report.left_out.extend(part.left_out);
            ticks.add(part.ticks);
            files.extend(part.files.into_iter().map(|file| UnitFile {
                file: format!("{folder}/{}", file.file),
                ..file
            }));
            sheets.extend(part.sheets.into_iter().map(|sheet| {
                let path = Path::new(&folder).join(&sheet);
                let name = if span.count > 1 {
                    format!("{folder}-{sheet}")
                } else {
                    sheet
                };
                (path, name)
            }));
            add_remarks(&mut remarks, own, part.remarks, span);
        }
        if report.source_frames == 0 {
            let damaged = remarks.iter().find(|r| r.kind == RemarkKind::Damaged);
            let why = unreadable.or_else(|| damaged.map(|remark| remark.text.clone()));
            return Err(
                why.unwrap_or_else(|| "it has no frames in the part that is asked for".to_owned())
            );
        }
        remark_on_ticks(ticks, context.pace, &mut remarks);
        if let (Some(keys), Some(file)) = (&prepared.keys, &self.source.actions) {
            // Of a part of the footage the other rows are not wanted.
            let last_frame = context.options.end.is_none().then(|| keys_of.last_frame());
            remarks.extend(keys.remarks(&file.file_name(), last_frame));
        }
        report.remarks = remarks;
        report.remarks.extend(over_cut(&report, context.pace));
        Ok(UnitResult {
            report,
            files,
            actions: keys_of.found(),
            sheets,
        })
    }
}

/// Adds what was noticed in a part; what was noticed in another one before is not said again.
fn add_remarks(all: &mut Vec<Remark>, own: usize, new: Vec<Remark>, span: Span) {
    for mut remark in new {
        if span.count > 1 && remark.kind == RemarkKind::Damaged {
            remark.text = format!("{}: {}", span.in_words(), remark.text);
        }
        if !all[own..].contains(&remark) {
            all.push(remark);
        }
    }
}

fn remark_on_ticks(counts: TickCounts, pace: f64, remarks: &mut Vec<Remark>) {
    let counted = [
        (
            counts.repeated,
            format!(
                "frames show the one before again: the footage has fewer than {} frames a second there",
                pace_in_words(pace)
            ),
        ),
        (
            counts.slides,
            "pictures stand for more than ten seconds: split there".to_owned(),
        ),
        (
            counts.disordered,
            "frames have no time of their own".to_owned(),
        ),
    ];
    remarks.extend(
        counted
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| Remark::new(RemarkKind::Changed, format!("{count} {what}"))),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_in_every_build_and_parts_do_not_run_into_each_other() {
        let key = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            key_of(&parts)
        };
        // Computed by another program.
        assert_eq!(key(&["1", "film.mp4"]), "b91c0acfe22f030a");
        assert_ne!(key(&["1", "film.mp4"]), key(&["1f", "ilm.mp4"]));
        assert_ne!(key(&["1", "film.mp4"]), key(&["1film.mp4"]));
    }

    #[test]
    fn parts_meet_where_the_next_frame_is_the_next_ones_first() {
        let part = |first: Option<f64>, behind: Option<f64>| PartResult {
            source_frames: u64::from(first.is_some()),
            first,
            behind,
            ..PartResult::default()
        };
        let spans =
            |count: usize| std::iter::repeat_n(Span::whole(&IngestOptions::default()), count);
        // How many of the parts are used, if they meet.
        let meet = |parts: Vec<Result<PartResult, String>>| {
            let parts = spans(parts.len()).zip(parts).collect();
            connected(parts).map(|parts| parts.len())
        };
        let one = || Ok(part(Some(0.0), Some(600.02)));
        let two = || Ok(part(Some(600.0201), Some(1200.0)));
        assert_eq!(meet(vec![one(), Ok(part(Some(600.0201), None))]), Some(2));
        // A frame is missing between them, or all that follows.
        assert_eq!(meet(vec![one(), Ok(part(Some(600.06), None))]), None);
        assert_eq!(meet(vec![one(), Ok(part(None, None))]), None);
        assert_eq!(meet(vec![one(), Err("damaged".to_owned())]), None);
        // It ended before; what was found behind that is not used.
        assert_eq!(
            meet(vec![Ok(part(Some(0.0), None)), Ok(part(None, None))]),
            Some(1)
        );
        assert_eq!(
            meet(vec![Ok(part(Some(0.0), None)), two(), Ok(part(None, None))]),
            Some(1)
        );
        assert_eq!(meet(vec![Err("damaged".to_owned()), two()]), Some(1));
    }
}
