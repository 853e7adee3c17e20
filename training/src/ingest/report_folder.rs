//! The report as a folder: everything in one file of JSON, and sheets of pictures.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use genie_model::atomic_file;

use super::IngestError;
use super::remark::{Remark, Unreadable};
use super::report::{Report, Summary, left_out_by_reason};
use super::unit::Finished;

/// Writes the report of finished units into a folder, and says what they came to.
pub(super) fn write_report(
    (width, height): (usize, usize),
    folder: &Path,
    units: &[Finished],
    general: &[Remark],
    unreadable: &[Unreadable],
    pace: f64,
    why: &str,
) -> Result<Summary, IngestError> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(IngestError::io("make the folder", folder))?;
    let mut sources = Vec::new();
    for (number, unit) in units.iter().enumerate() {
        let mut report = unit.result.report.clone();
        for (sheet, name) in &unit.result.sheets {
            let name = format!("{number:04}-{name}");
            let to = folder.join(&name);
            fs::copy(unit.folder.join(sheet), &to).map_err(IngestError::io("write", &to))?;
            report.sheets.push(name);
        }
        sources.push(report);
    }
    let mut remarks: Vec<(String, Remark)> = general
        .iter()
        .map(|remark| (String::new(), remark.clone()))
        .collect();
    let mut left_out: BTreeMap<String, u64> = BTreeMap::new();
    for report in &sources {
        remarks.extend(
            report
                .remarks
                .iter()
                .map(|remark| (report.source.clone(), remark.clone())),
        );
        for (reason, frames) in left_out_by_reason(report) {
            *left_out.entry(reason.to_owned()).or_default() += frames;
        }
    }
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (_, remark) in &remarks {
        *counts.entry(remark.kind.name().to_owned()).or_default() += 1;
    }
    let report = Report {
        width,
        height,
        frames_per_second: pace,
        pace: why.to_owned(),
        clips: sources.iter().map(|source| source.clips.len() as u64).sum(),
        frames: sources.iter().map(|source| source.frames).sum(),
        remarks: counts,
        general: general.to_vec(),
        unreadable: unreadable.to_vec(),
        sources,
    };
    let path = folder.join("report.json");
    let text = serde_json::to_vec_pretty(&report)
        .map_err(|error| IngestError::Request(format!("{}: {error}", path.display())))?;
    atomic_file::write(&path, &text).map_err(IngestError::io("write", &path))?;
    Ok(Summary {
        clips: report.clips,
        frames: report.frames,
        source_frames: 0,
        frames_per_second: pace,
        pace: report.pace,
        resumed: 0,
        remarks,
        unreadable: report.unreadable,
        left_out,
        report: folder.to_path_buf(),
    })
}
