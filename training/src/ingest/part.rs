//! One part of a source becomes clips in a folder of its own, which is there whole or not at all.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use genie_model::{Frame, atomic_file};
use serde::{Deserialize, Serialize};

use super::clip_writer::{ClipWriter, UnitFile};
use super::cutting::{CutSettings, Cutter};
use super::frame_sorter::FrameSorter;
use super::menus::MenuFinder;
use super::preparation::Prepared;
use super::progress::Progress;
use super::remark::Remark;
use super::report::{ClipReport, LeftOutReport};
use super::source::{Source, SourceInfo, Wanted};
use super::span::Span;
use super::thumbs::Thumbs;
use super::ticks::{Taking, TickCounts, Ticks};
use super::{IngestError, IngestOptions};
use crate::dataset::DatasetError;
use crate::pictures::{PictureError, RgbFrame, write_sheet};

/// Name of the result in the folder of a part.
const RESULT: &str = "part.json";

/// All that is known of a finished part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PartResult {
    /// Frames that were read.
    pub(super) source_frames: u64,
    /// Time of the first one, and of the first one behind the part, in seconds from the source's first frame.
    pub(super) first: Option<f64>,
    pub(super) behind: Option<f64>,
    pub(super) clips: Vec<ClipReport>,
    pub(super) left_out: Vec<LeftOutReport>,
    pub(super) ticks: TickCounts,
    pub(super) remarks: Vec<Remark>,
    pub(super) files: Vec<UnitFile>,
    /// Where the source has true actions, the number of each frame of each clip, counted from the first one that was read on.
    pub(super) numbers: Option<Vec<Vec<u64>>>,
    /// Number in the source of the first frame that was read, in the first part; without one, of the first behind it.
    pub(super) first_number: u64,
    /// Frames from the first one that was read to the first one behind the part, or to the last; with those that cannot be read.
    pub(super) numbered_frames: u64,
    /// Names of the sheets in the part's folder.
    pub(super) sheets: Vec<String>,
}

/// Why a part was not finished.
#[derive(Debug)]
pub(super) enum PartError {
    /// The source cannot be read there.
    Unreadable(String),
    /// The import cannot go on.
    Fatal(IngestError),
}

impl From<IngestError> for PartError {
    fn from(error: IngestError) -> Self {
        Self::Fatal(error)
    }
}

impl From<String> for PartError {
    fn from(reason: String) -> Self {
        Self::Unreadable(reason)
    }
}

impl From<DatasetError> for PartError {
    fn from(error: DatasetError) -> Self {
        Self::Fatal(error.into())
    }
}

impl From<PictureError> for PartError {
    fn from(error: PictureError) -> Self {
        Self::Fatal(error.into())
    }
}

/// What all parts of all sources share.
pub(super) struct PartContext<'a> {
    pub(super) options: &'a IngestOptions,
    pub(super) taking: Taking,
    pub(super) pace: f64,
    pub(super) stop: &'a AtomicBool,
    pub(super) progress: &'a Progress,
}

impl PartContext<'_> {
    fn go_on(&self) -> Result<(), IngestError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(IngestError::Stopped);
        }
        Ok(())
    }
}

/// A source of which a part is read.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) source: &'a Source,
    pub(super) info: &'a SourceInfo,
    pub(super) prepared: &'a Prepared,
}

/// The result of a part that was finished before.
pub(super) fn finished_part(folder: &Path) -> Option<PartResult> {
    let text = fs::read(folder.join(RESULT)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Reads a part of a source and writes its clips to a folder.
pub(super) fn run_part(
    whole: Whole<'_>,
    span: Span,
    folder: &Path,
    threads: usize,
    context: &PartContext<'_>,
) -> Result<PartResult, PartError> {
    let partial = folder.with_extension("partial");
    let made = make_part(whole, span, &partial, threads, context);
    if made.is_err() {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_dir_all(&partial);
    }
    let result = match made {
        // What an interrupted decoder says is about the interruption, not about the footage.
        Err(PartError::Unreadable(_)) if context.stop.load(Ordering::Relaxed) => {
            return Err(IngestError::Stopped.into());
        }
        made => made?,
    };
    fs::rename(&partial, folder).map_err(IngestError::io("give its final name to", folder))?;
    Ok(result)
}

fn make_part(
    whole: Whole<'_>,
    span: Span,
    folder: &Path,
    threads: usize,
    context: &PartContext<'_>,
) -> Result<PartResult, PartError> {
    let options = context.options;
    let Whole {
        source,
        info,
        prepared,
    } = whole;
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(IngestError::io("make the folder", folder))?;
    let wanted = Wanted {
        start: span.start,
        end: span.end,
        threads,
        // Files of actions count the frames from the first one on; those of later parts follow on those of the ones before.
        numbered: prepared.keys.is_some() && span.number == 0,
    };
    let mut stream = source.open(info, prepared.geometry, wanted, options)?;
    let mut sorter = FrameSorter {
        writer: ClipWriter::new(folder, options),
        cutter: Cutter::new(CutSettings {
            keep_all: options.keep_all,
            pace: context.pace,
            longest: options.longest_clip,
            shortest: options.shortest_piece,
            usual_change: prepared.usual_change,
        }),
        menus: MenuFinder::new(
            context.pace,
            prepared.usual_change,
            options.width * options.height * 3,
        ),
        clip: Vec::new(),
        clips: Vec::new(),
        left_out: Vec::new(),
        left_frames: Vec::new(),
        numbers: Vec::new(),
        thumbs: Thumbs::default(),
        kept_rows: Vec::new(),
    };
    let mut ticks = Ticks::new(context.taking);
    let (mut source_frames, mut first, mut last_number) = (0_u64, None, 0);
    let mut told = span.start;
    while let Some(frame) = stream.next_frame()? {
        context.go_on()?;
        source_frames += 1;
        first.get_or_insert((frame.time, frame.index));
        last_number = frame.index;
        context.progress.frame(frame.time - told);
        told = told.max(frame.time);
        ticks.push(frame, &mut |tick| sorter.take(tick))?;
    }
    // A decoder that an interruption ended looks as if the footage were over.
    context.go_on()?;
    ticks.finish(stream.end(), &mut |tick| sorter.take(tick))?;
    sorter.finish()?;
    let end = info.seconds.unwrap_or(0.0).min(span.end);
    context.progress.skip(end - told);
    let mut writer = sorter.writer;
    writer.close_file()?;
    let mut sheets = Vec::new();
    for (name, rows) in [
        ("kept.png", &sorter.kept_rows),
        ("left-out.png", &sorter.left_frames),
    ] {
        if !rows.is_empty() {
            let rows: Vec<Vec<RgbFrame<'_>>> = rows
                .iter()
                .map(|row| row.iter().map(picture).collect::<Result<_, _>>())
                .collect::<Result<_, _>>()?;
            write_sheet(&folder.join(name), &rows, 1)?;
            sheets.push(name.to_owned());
        }
    }
    let behind = stream.behind();
    let next_number = behind.map_or(last_number + 1, |(_, number)| number);
    let first_number = match (first, behind) {
        (Some((_, number)), _) | (None, Some((_, number))) => number,
        (None, None) => 0,
    };
    for number in sorter.numbers.iter_mut().flatten() {
        *number -= first_number;
    }
    let result = PartResult {
        source_frames,
        first: first.map(|(time, _)| time),
        behind: behind.map(|(time, _)| time),
        clips: sorter.clips,
        left_out: sorter.left_out,
        ticks: ticks.counts,
        remarks: stream.take_remarks(),
        files: writer.files,
        numbers: prepared.keys.is_some().then_some(sorter.numbers),
        first_number,
        numbered_frames: first.map_or(0, |_| next_number.saturating_sub(first_number)),
        sheets,
    };
    let path = folder.join(RESULT);
    let text = serde_json::to_vec(&result)
        .map_err(|error| IngestError::Request(format!("{}: {error}", path.display())))?;
    atomic_file::write(&path, &text).map_err(IngestError::io("write", &path))?;
    Ok(result)
}

fn picture(frame: &Frame) -> Result<RgbFrame<'_>, PictureError> {
    RgbFrame::new(frame.height(), frame.width(), frame.pixels())
}
