//! Footage of which too much is lost between cuts.

use super::left_out::LeftOut;
use super::pace::pace_in_words;
use super::remark::{Remark, RemarkKind};
use super::report::UnitReport;

/// Share of the frames from which on it is worth a word that they lie in pieces too short to learn from.
const NOTED_SHARE: f64 = 0.2;
/// Fewer such pieces are not more than what happens between scenes.
const LEAST_PIECES: usize = 4;

/// A remark that much of a source was dropped as short pieces when so many frames a second were taken, and what to do.
pub(super) fn over_cut(report: &UnitReport, pace: f64) -> Option<Remark> {
    let short = report.left_out.iter();
    let short = short.filter(|left| left.reason == LeftOut::Short);
    let (pieces, frames) = short.fold((0, 0), |(pieces, frames), left| {
        (pieces + 1, frames + left.frames)
    });
    let left_out: u64 = report.left_out.iter().map(|left| left.frames).sum();
    let share = frames as f64 / (report.frames + left_out).max(1) as f64;
    if share <= NOTED_SHARE || pieces < LEAST_PIECES {
        return None;
    }
    let more = report.frames_per_second.filter(|own| *own > 1.2 * pace);
    let more = more.map_or_else(String::new, |own| {
        format!("--fps {} takes more of them, ", pace_in_words(own))
    });
    Some(Remark::new(
        RemarkKind::Assumed,
        format!(
            "{:.0} % of its frames are dropped, because cuts were found every {:.1} seconds; what moves too fast for {} frames a second \
             looks like cuts: {more}--keep-all cuts nothing",
            100.0 * share,
            frames as f64 / f64::from(pieces as u32) / pace,
            pace_in_words(pace)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::report::LeftOutReport;

    #[test]
    fn what_is_lost_between_cuts_is_said_with_what_helps() {
        let piece = |frames| LeftOutReport {
            from: 0.0,
            to: 1.0,
            frames,
            reason: LeftOut::Short,
        };
        let report = |kept, pieces: &[u64]| UnitReport {
            source: "film.mkv".to_owned(),
            described: String::new(),
            size: (64, 64),
            frames_per_second: Some(30.0),
            crop: None,
            source_frames: 0,
            frames: kept,
            clips: Vec::new(),
            left_out: pieces.iter().map(|frames| piece(*frames)).collect(),
            remarks: Vec::new(),
            sheets: Vec::new(),
        };
        let lost = report(60, &[4; 10]);
        let remark = over_cut(&lost, 10.0).map(|remark| remark.text);
        let remark = remark.unwrap_or_default();
        for said in ["40 %", "every 0.4 seconds", "--fps 30", "--keep-all"] {
            assert!(remark.contains(said), "{said}: {remark}");
        }
        let all = over_cut(&lost, 30.0).map(|remark| remark.text);
        assert!(!all.unwrap_or_default().contains("--fps"));
        // A few flashes between scenes are no such thing.
        assert_eq!(over_cut(&report(900, &[4; 10]), 10.0), None);
        assert_eq!(over_cut(&report(10, &[4; 2]), 10.0), None);
    }
}
