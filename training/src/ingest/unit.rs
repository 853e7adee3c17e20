//! One source becomes clips in a folder of its own, which is there whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use genie_model::{Fnv1a, Frame, PixelRect, atomic_file};
use serde::{Deserialize, Serialize};

use super::actions::HeldKeys;
use super::bars::crop_of;
use super::clip_writer::{ClipWriter, UnitFile};
use super::cutting::{CutSettings, Cutter};
use super::frame_sorter::FrameSorter;
use super::geometry::Geometry;
use super::menus::MenuFinder;
use super::over_cutting::over_cut;
use super::pace::pace_in_words;
use super::progress::Progress;
use super::remark::{Remark, RemarkKind};
use super::report::UnitReport;
use super::source::{Source, SourceInfo, Wanted};
use super::survey::survey;
use super::thumbs::Thumbs;
use super::ticks::{Taking, Ticks};
use super::{CropChoice, IngestError, IngestOptions};
use crate::dataset::DatasetError;
use crate::pictures::{RgbFrame, write_sheet};

/// Changes when the same footage and settings give other bytes.
const VERSION: u32 = 3;
/// Name of the result in the folder of a unit.
const RESULT: &str = "unit.json";
/// Footage from that length on is looked at for how much usually moves in it, in seconds.
const LONG_FOOTAGE: f64 = 60.0;

/// All that is known of a finished unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitResult {
    pub(super) report: UnitReport,
    pub(super) files: Vec<UnitFile>,
    /// Keys of each transition of each clip, where the source has true actions.
    pub(super) actions: Option<Vec<Vec<String>>>,
    /// Names of the sheets in the unit's folder.
    pub(super) sheets: Vec<String>,
}

/// A finished unit and its folder.
pub(super) struct Finished {
    pub(super) folder: PathBuf,
    pub(super) result: UnitResult,
}

/// Why a unit was not finished.
#[derive(Debug)]
pub(super) enum UnitError {
    /// The source cannot be read.
    Unreadable(String),
    /// The import cannot go on.
    Fatal(IngestError),
}

impl From<IngestError> for UnitError {
    fn from(error: IngestError) -> Self {
        Self::Fatal(error)
    }
}

impl From<String> for UnitError {
    fn from(reason: String) -> Self {
        Self::Unreadable(reason)
    }
}

/// What all units share.
pub(super) struct UnitContext<'a> {
    pub(super) options: &'a IngestOptions,
    pub(super) taking: Taking,
    pub(super) pace: f64,
    /// Folder of the unfinished import.
    pub(super) work: &'a Path,
    pub(super) stop: &'a AtomicBool,
    pub(super) progress: &'a Progress,
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

/// The result of a unit that was finished before.
pub(super) fn finished_unit(folder: &Path) -> Option<UnitResult> {
    let text = fs::read(folder.join(RESULT)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Reads a source and writes its clips.
pub(super) fn run_unit(
    source: &Source,
    info: &SourceInfo,
    key: &str,
    threads: usize,
    context: &UnitContext<'_>,
) -> Result<UnitResult, UnitError> {
    let partial = context.work.join(format!("{key}.partial"));
    let folder = context.work.join(key);
    let made = make_unit(source, info, &partial, threads, context);
    if made.is_err() {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_dir_all(&partial);
    }
    let result = match made {
        // What an interrupted decoder says is about the interruption, not about the footage.
        Err(UnitError::Unreadable(_)) if context.stop.load(Ordering::Relaxed) => {
            return Err(IngestError::Stopped.into());
        }
        made => made?,
    };
    fs::rename(&partial, &folder).map_err(IngestError::io("give its final name to", &folder))?;
    Ok(result)
}

fn make_unit(
    source: &Source,
    info: &SourceInfo,
    folder: &Path,
    threads: usize,
    context: &UnitContext<'_>,
) -> Result<UnitResult, UnitError> {
    let options = context.options;
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(IngestError::io("make the folder", folder))?;
    let mut remarks = source.remarks.clone();
    if info.described.contains("pictures")
        && let super::PaceChoice::FromFootage | super::PaceChoice::Every(_) = options.pace
        && let Some(remark) = remarks.iter_mut().find(|r| r.kind == RemarkKind::Assumed)
        && remark.text.contains("assumed (")
        && let Some(pace) = info.pace
    {
        remark.text = remark
            .text
            .replace("assumed (", &format!("{pace} frames a second assumed ("));
    }
    let crop = choose_crop(source, info, options, &mut remarks)?;
    let geometry = Geometry::new(options, crop);
    let keys = source.actions.as_ref().map(HeldKeys::read).transpose()?;
    let usual_change = (!options.keep_all && info.seconds.is_some_and(|s| s > LONG_FOOTAGE))
        .then(|| survey(source, info, geometry, options).ok())
        .flatten()
        .map(|survey| survey.change);
    let wanted = Wanted {
        start: options.start,
        end: options.end.unwrap_or(f64::INFINITY),
        threads,
        // Files of actions count the frames from the first one on.
        numbered: keys.is_some(),
    };
    let mut stream = source.open(info, geometry, wanted, options)?;
    let mut sorter = FrameSorter {
        writer: ClipWriter::new(folder, options),
        cutter: Cutter::new(CutSettings {
            keep_all: options.keep_all,
            pace: context.pace,
            longest: options.longest_clip,
            shortest: options.shortest_piece,
            usual_change,
        }),
        menus: MenuFinder::new(
            context.pace,
            usual_change,
            options.width * options.height * 3,
        ),
        clip: Vec::new(),
        clips: Vec::new(),
        left_out: Vec::new(),
        left_frames: Vec::new(),
        keys,
        actions: Vec::new(),
        thumbs: Thumbs::default(),
        kept_rows: Vec::new(),
    };
    let mut ticks = Ticks::new(context.taking);
    let (mut source_frames, mut last_frame) = (0_u64, 0);
    let mut told = options.start;
    while let Some(frame) = stream.next_frame()? {
        if context.stop.load(Ordering::Relaxed) {
            return Err(IngestError::Stopped.into());
        }
        source_frames += 1;
        last_frame = frame.index;
        context.progress.frame(frame.time - told);
        told = told.max(frame.time);
        ticks.push(frame, &mut |tick| sorter.take(tick))?;
    }
    // A decoder that an interruption ended looks as if the footage were over.
    if context.stop.load(Ordering::Relaxed) {
        return Err(IngestError::Stopped.into());
    }
    ticks.finish(stream.end(), &mut |tick| sorter.take(tick))?;
    sorter.finish()?;
    remarks.extend(stream.take_remarks());
    if source_frames == 0 {
        let why = remarks
            .iter()
            .find(|remark| remark.kind == RemarkKind::Damaged);
        return Err(UnitError::Unreadable(why.map_or_else(
            || "it has no frames in the part that is asked for".to_owned(),
            |remark| remark.text.clone(),
        )));
    }
    context
        .progress
        .skip(info.seconds.unwrap_or(0.0).min(wanted.end) - told);
    remark_on_ticks(&ticks, context.pace, &mut remarks);
    if let (Some(keys), Some(file)) = (&sorter.keys, &source.actions) {
        // Of a part of the footage the other rows are not wanted.
        let last_frame = options.end.is_none().then_some(last_frame);
        remarks.extend(keys.remarks(&file.file_name(), last_frame));
    }
    let mut writer = sorter.writer;
    writer.close_file()?;
    let mut report = UnitReport {
        source: source.name.clone(),
        described: info.described.clone(),
        size: info.size,
        frames_per_second: info.pace,
        crop: crop.map(|area| (area.x, area.y, area.width, area.height)),
        source_frames,
        frames: sorter.clips.iter().map(|clip| clip.frames).sum(),
        clips: sorter.clips,
        left_out: sorter.left_out,
        remarks,
        sheets: Vec::new(),
    };
    report.remarks.extend(over_cut(&report, context.pace));
    let mut sheets = Vec::new();
    for (name, rows) in [
        ("kept.png", &sorter.kept_rows),
        ("left-out.png", &sorter.left_frames),
    ] {
        if !rows.is_empty() {
            let rows: Vec<Vec<RgbFrame<'_>>> = rows
                .iter()
                .map(|row| row.iter().map(picture).collect::<Result<_, _>>())
                .collect::<Result<_, _>>()
                .map_err(IngestError::from)?;
            write_sheet(&folder.join(name), &rows, 1).map_err(IngestError::from)?;
            sheets.push(name.to_owned());
        }
    }
    let result = UnitResult {
        report,
        files: writer.files,
        actions: sorter.keys.is_some().then_some(sorter.actions),
        sheets,
    };
    let path = folder.join(RESULT);
    let text = serde_json::to_vec(&result)
        .map_err(|error| IngestError::Request(format!("{}: {error}", path.display())))?;
    atomic_file::write(&path, &text).map_err(IngestError::io("write", &path))?;
    Ok(result)
}

fn choose_crop(
    source: &Source,
    info: &SourceInfo,
    options: &IngestOptions,
    remarks: &mut Vec<Remark>,
) -> Result<Option<PixelRect>, String> {
    let crop = crop_of(source, info, options)?;
    if options.crop == CropChoice::Auto
        && let Some(area) = crop
    {
        remarks.push(Remark::new(
            RemarkKind::Noted,
            format!(
                "black bars are cut off: {},{},{},{} of its {}x{} pixels is used",
                area.x, area.y, area.width, area.height, info.size.0, info.size.1
            ),
        ));
    }
    Ok(crop)
}

fn remark_on_ticks(ticks: &Ticks, pace: f64, remarks: &mut Vec<Remark>) {
    let counted = [
        (
            ticks.repeated,
            format!(
                "frames show the one before again: the footage has fewer than {} frames a second there",
                pace_in_words(pace)
            ),
        ),
        (
            ticks.slides,
            "pictures stand for more than ten seconds: split there".to_owned(),
        ),
        (
            ticks.disordered,
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

fn picture(frame: &Frame) -> Result<RgbFrame<'_>, crate::pictures::PictureError> {
    RgbFrame::new(frame.height(), frame.width(), frame.pixels())
}

impl From<DatasetError> for UnitError {
    fn from(error: DatasetError) -> Self {
        Self::Fatal(error.into())
    }
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
}
