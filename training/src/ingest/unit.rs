//! One source becomes clips in a folder of its own, which is there whole or not at all.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use genie_model::{Frame, PixelRect, atomic_file};
use serde::{Deserialize, Serialize};

use super::actions::HeldKeys;
use super::cutting::{CutSettings, Cutter, LeftOut, Verdict};
use super::geometry::Geometry;
use super::report::{Remark, RemarkKind};
use super::run::Progress;
use super::source::{Source, SourceInfo, Wanted};
use super::survey::{survey, without_bars};
use super::ticks::{Taking, Tick, Ticks};
use super::{CropChoice, IngestError, IngestOptions};
use crate::dataset::{DatasetError, HEADER_BYTES, SHARD_BYTES, ShardHeader};
use crate::pictures::{RgbFrame, write_sheet};

/// Changes when the same footage and settings give other bytes.
const VERSION: u32 = 1;
/// Name of the result in the folder of a unit.
const RESULT: &str = "unit.json";
/// Frames of a clip on a sheet, and clips on a sheet.
const SHEET_FRAMES: usize = 8;
const SHEET_ROWS: usize = 40;
/// Largest edge of a frame on a sheet.
const SHEET_EDGE: usize = 96;
/// Footage from that length on is looked at for how much usually moves in it, in seconds.
const LONG_FOOTAGE: f64 = 60.0;

/// What happened to a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitReport {
    pub(super) source: String,
    pub(super) described: String,
    /// Width and height of its upright picture.
    pub(super) size: (usize, usize),
    /// What is used of it.
    pub(super) crop: Option<(usize, usize, usize, usize)>,
    /// Frames that were read.
    pub(super) source_frames: u64,
    pub(super) frames: u64,
    pub(super) clips: Vec<ClipReport>,
    pub(super) left_out: Vec<LeftOutReport>,
    pub(super) remarks: Vec<Remark>,
    /// Picture sheets in the report's folder.
    pub(super) sheets: Vec<String>,
}

/// A clip, by its times in the source in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClipReport {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) frames: u64,
}

/// Frames that are not in the dataset, by their times in the source in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LeftOutReport {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) frames: u64,
    pub(super) reason: LeftOut,
}

/// A file of frames with the header of a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitFile {
    pub(super) file: String,
    pub(super) clip_frames: Vec<u64>,
    pub(super) checksum: u32,
}

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
pub(super) fn unit_key(source: &Source, context: &UnitContext<'_>) -> String {
    let mut hasher = DefaultHasher::new();
    VERSION.hash(&mut hasher);
    serde_json::to_string(context.options)
        .unwrap_or_default()
        .hash(&mut hasher);
    context.pace.to_bits().hash(&mut hasher);
    source.name.hash(&mut hasher);
    for file in source.files() {
        file.described().hash(&mut hasher);
        file.stamp().hash(&mut hasher);
    }
    super::source::decoders().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
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
    let result = made?;
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
    };
    let mut stream = source.open(info, geometry, wanted, options)?;
    let mut desk = Desk {
        writer: ClipWriter::new(folder, options),
        cutter: Cutter::new(CutSettings {
            keep_all: options.keep_all,
            pace: context.pace,
            longest: options.longest_clip,
            shortest: options.shortest_piece,
            usual_change,
        }),
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
    let mut source_frames = 0_u64;
    let mut told = options.start;
    while let Some(frame) = stream.next_frame()? {
        if context.stop.load(Ordering::Relaxed) {
            return Err(IngestError::Stopped.into());
        }
        source_frames += 1;
        context.progress.frame(frame.time - told);
        told = told.max(frame.time);
        ticks.push(frame, &mut |tick| desk.take(&tick))?;
    }
    // A decoder that an interruption ended looks as if the footage were over.
    if context.stop.load(Ordering::Relaxed) {
        return Err(IngestError::Stopped.into());
    }
    ticks.finish(stream.end(), &mut |tick| desk.take(&tick))?;
    desk.finish()?;
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
    let mut writer = desk.writer;
    writer.close_file()?;
    let result = |sheets: Vec<String>| UnitResult {
        report: UnitReport {
            source: source.name.clone(),
            described: info.described.clone(),
            size: info.size,
            crop: crop.map(|area| (area.x, area.y, area.width, area.height)),
            source_frames,
            frames: desk.clips.iter().map(|clip| clip.frames).sum(),
            clips: desk.clips.clone(),
            left_out: desk.left_out.clone(),
            remarks: remarks.clone(),
            sheets: Vec::new(),
        },
        files: writer.files.clone(),
        actions: desk.keys.is_some().then(|| desk.actions.clone()),
        sheets,
    };
    let mut sheets = Vec::new();
    for (name, rows) in [
        ("kept.png", &desk.kept_rows),
        ("left-out.png", &desk.left_frames),
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
    let result = result(sheets);
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
    if options.crop != CropChoice::Auto {
        return Ok(options.crop.area());
    }
    let crop = without_bars(source, info, options)?;
    if let Some(area) = crop {
        remarks.push(Remark::new(
            RemarkKind::Changed,
            format!(
                "black bars are cut off: {},{},{},{} of its {}x{} pixels is used",
                area.x, area.y, area.width, area.height, info.size.0, info.size.1
            ),
        ));
    }
    Ok(crop)
}

fn remark_on_ticks(ticks: &Ticks, pace: f64, remarks: &mut Vec<Remark>) {
    if ticks.repeated > 0 {
        remarks.push(Remark::new(
            RemarkKind::Changed,
            format!(
                "{} frames show the one before again: the footage has fewer than {pace:.4} frames a second there",
                ticks.repeated
            ),
        ));
    }
    if ticks.slides > 0 {
        remarks.push(Remark::new(
            RemarkKind::Changed,
            format!(
                "{} pictures stand for more than ten seconds: parted there",
                ticks.slides
            ),
        ));
    }
    if ticks.disordered > 0 {
        remarks.push(Remark::new(
            RemarkKind::Changed,
            format!("{} frames have no time of their own", ticks.disordered),
        ));
    }
}

fn picture(frame: &Frame) -> Result<RgbFrame<'_>, crate::pictures::PictureError> {
    RgbFrame::new(frame.height(), frame.width(), frame.pixels())
}

/// Takes frames, and does what the cutter says.
struct Desk {
    writer: ClipWriter,
    cutter: Cutter,
    /// Time and number in the source of each frame of the clip at hand.
    clip: Vec<(f64, u64)>,
    clips: Vec<ClipReport>,
    left_out: Vec<LeftOutReport>,
    /// The first frames of what was left out.
    left_frames: Vec<Vec<Frame>>,
    keys: Option<HeldKeys>,
    actions: Vec<Vec<String>>,
    thumbs: Thumbs,
    kept_rows: Vec<Vec<Frame>>,
}

impl Desk {
    fn take(&mut self, tick: &Tick) -> Result<(), UnitError> {
        for verdict in self.cutter.push(tick) {
            match verdict {
                Verdict::Take => {
                    self.writer.push(tick.frame.pixels())?;
                    self.clip.push((tick.time, tick.index));
                    self.thumbs.push(&tick.frame);
                }
                Verdict::Leave(reason) => {
                    self.leave(tick.time, tick.time, 1, reason, Some(&tick.frame));
                }
                Verdict::End(kept) => self.end(kept)?,
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), UnitError> {
        match self.cutter.finish() {
            Some(Verdict::End(kept)) => self.end(kept),
            _ => Ok(()),
        }
    }

    fn end(&mut self, kept: Result<(), LeftOut>) -> Result<(), UnitError> {
        let clip = std::mem::take(&mut self.clip);
        let thumbs = std::mem::take(&mut self.thumbs).frames;
        let (Some(first), Some(last)) = (clip.first(), clip.last()) else {
            return Ok(());
        };
        let frames = clip.len() as u64;
        match kept {
            Ok(()) => {
                self.writer.end_clip()?;
                if let Some(keys) = &self.keys {
                    self.actions.push(
                        clip.windows(2)
                            .map(|pair| keys.between(pair[0].1, pair[1].1).to_owned())
                            .collect(),
                    );
                }
                self.clips.push(ClipReport {
                    from: first.0,
                    to: last.0,
                    frames,
                });
                if self.kept_rows.len() < SHEET_ROWS {
                    self.kept_rows.push(thumbs);
                }
            }
            Err(reason) => {
                self.writer.discard_clip()?;
                self.leave(first.0, last.0, frames, reason, thumbs.first());
            }
        }
        Ok(())
    }

    fn leave(&mut self, from: f64, to: f64, frames: u64, reason: LeftOut, frame: Option<&Frame>) {
        let ends = self.clips.last().map_or(f64::NEG_INFINITY, |clip| clip.to);
        if let Some(last) = self.left_out.last_mut()
            && last.reason == reason
            && reason != LeftOut::Short
            && reason != LeftOut::Menu
            && last.to >= ends
        {
            last.to = to;
            last.frames += frames;
            return;
        }
        self.left_out.push(LeftOutReport {
            from,
            to,
            frames,
            reason,
        });
        let Some(frame) = frame else { return };
        let frame = thumb(frame);
        let full = self.left_frames.len() >= SHEET_ROWS;
        match self.left_frames.last_mut() {
            Some(row) if row.len() < SHEET_FRAMES => row.push(frame),
            _ if full => {}
            _ => self.left_frames.push(vec![frame]),
        }
    }
}

/// A few frames spread over a clip of unknown length.
#[derive(Default)]
struct Thumbs {
    frames: Vec<Frame>,
    stride: u64,
    seen: u64,
}

impl Thumbs {
    fn push(&mut self, frame: &Frame) {
        self.stride = self.stride.max(1);
        if self.seen.is_multiple_of(self.stride) {
            if self.frames.len() == SHEET_FRAMES {
                let mut at = 0;
                self.frames.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.frames.push(thumb(frame));
            }
        }
        self.seen += 1;
    }
}

fn thumb(frame: &Frame) -> Frame {
    let longest = frame.width().max(frame.height());
    if longest <= SHEET_EDGE {
        return frame.clone();
    }
    let edge = |edge: usize| (edge * SHEET_EDGE / longest).max(1);
    let whole = PixelRect {
        x: 0,
        y: 0,
        width: frame.width(),
        height: frame.height(),
    };
    frame.scaled(whole, edge(frame.width()), edge(frame.height()))
}

/// Writes clips into files with the header of a shard; the clip at hand can be taken back.
struct ClipWriter {
    folder: PathBuf,
    height: u32,
    width: u32,
    files: Vec<UnitFile>,
    open: Option<OpenFile>,
}

struct OpenFile {
    path: PathBuf,
    name: String,
    file: BufWriter<File>,
    clip_frames: Vec<u64>,
    checksum: crc32fast::Hasher,
    /// Bytes and checksum up to the end of the last whole clip.
    whole: (u64, crc32fast::Hasher),
    at: u64,
    frames: u64,
}

impl ClipWriter {
    fn new(folder: &Path, options: &IngestOptions) -> Self {
        Self {
            folder: folder.to_path_buf(),
            height: options.height as u32,
            width: options.width as u32,
            files: Vec::new(),
            open: None,
        }
    }

    fn push(&mut self, frame: &[u8]) -> Result<(), IngestError> {
        if self.open.is_none() {
            let name = format!("part-{:05}.frames", self.files.len());
            let path = self.folder.join(&name);
            let begin = || {
                let mut file = BufWriter::with_capacity(1 << 18, File::create(&path)?);
                file.write_all(&[0; HEADER_BYTES as usize])?;
                Ok(file)
            };
            self.open = Some(OpenFile {
                file: begin().map_err(IngestError::io("write", &path))?,
                path,
                name,
                clip_frames: Vec::new(),
                checksum: crc32fast::Hasher::new(),
                whole: (HEADER_BYTES, crc32fast::Hasher::new()),
                at: HEADER_BYTES,
                frames: 0,
            });
        }
        let open = self.open.as_mut().expect("opened above");
        open.file
            .write_all(frame)
            .map_err(IngestError::io("write", &open.path))?;
        open.checksum.update(frame);
        open.at += frame.len() as u64;
        open.frames += 1;
        Ok(())
    }

    fn end_clip(&mut self) -> Result<(), IngestError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.clip_frames.push(std::mem::take(&mut open.frames));
        open.whole = (open.at, open.checksum.clone());
        if open.at >= SHARD_BYTES {
            self.close_file()?;
        }
        Ok(())
    }

    fn discard_clip(&mut self) -> Result<(), IngestError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let (at, checksum) = open.whole.clone();
        open.file
            .flush()
            .and_then(|()| open.file.get_ref().set_len(at))
            .and_then(|()| open.file.seek(SeekFrom::Start(at)).map(drop))
            .map_err(IngestError::io("write", &open.path))?;
        open.at = at;
        open.checksum = checksum;
        open.frames = 0;
        Ok(())
    }

    fn close_file(&mut self) -> Result<(), IngestError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.clip_frames.is_empty() {
            return fs::remove_file(&open.path).map_err(IngestError::io("remove", &open.path));
        }
        let header = ShardHeader {
            height: self.height,
            width: self.width,
            clips: open.clip_frames.len() as u64,
            frames: open.clip_frames.iter().sum(),
        };
        let path = open.path;
        let close = || {
            let mut file = open
                .file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header.to_bytes())?;
            file.sync_all()
        };
        close().map_err(IngestError::io("write", &path))?;
        self.files.push(UnitFile {
            file: open.name,
            clip_frames: open.clip_frames,
            checksum: open.checksum.finalize(),
        });
        Ok(())
    }
}

impl From<DatasetError> for UnitError {
    fn from(error: DatasetError) -> Self {
        Self::Fatal(error.into())
    }
}
