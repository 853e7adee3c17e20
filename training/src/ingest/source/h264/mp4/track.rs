//! What the index says of a film: its codec, its clock, its orientation, and which part of it is shown.

use super::super::super::ffmpeg::needs_ffmpeg;
use super::super::container::Track;
use super::boxes::{be32, be64, boxes, find};

/// What the index says of the film's track.
pub(super) struct Index {
    pub(super) id: u32,
    pub(super) timescale: u32,
    pub(super) shown: (i64, i64),
    pub(super) track: Track,
}

/// The film's track, and its box.
pub(super) fn film(moov: &[u8]) -> Result<(Index, &[u8]), String> {
    let is_film = |trak: &&[u8]| {
        find(trak, &[b"mdia", b"hdlr"]).is_some_and(|handler| handler.get(8..12) == Some(b"vide"))
    };
    let trak = boxes(moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, trak)| trak)
        .find(is_film)
        .ok_or("it has no film in it")?;
    let index = read_track(trak, moov)?;
    Ok((index, trak))
}

fn read_track(trak: &[u8], moov: &[u8]) -> Result<Index, String> {
    let damaged = || "its index is damaged".to_owned();
    let tkhd = find(trak, &[b"tkhd"]).ok_or_else(damaged)?;
    let long = tkhd.first() == Some(&1);
    let id = be32(tkhd, if long { 20 } else { 12 }).ok_or_else(damaged)?;
    let matrix = if long { 52 } else { 40 };
    let entry = |row: usize| be32(tkhd, matrix + 4 * row).map(|value| value as i32 >> 16);
    let turns = match (entry(0), entry(1), entry(3), entry(4)) {
        (Some(0), Some(1), Some(-1), Some(0)) => 1,
        (Some(-1), Some(0), Some(0), Some(-1)) => 2,
        (Some(0), Some(-1), Some(1), Some(0)) => 3,
        (None, ..) | (Some(1), Some(0), Some(0), Some(1)) => 0,
        _ => return Err(needs_ffmpeg("a mirrored or slanted picture")),
    };
    let mdhd = find(trak, &[b"mdia", b"mdhd"]).ok_or_else(damaged)?;
    let timescale =
        be32(mdhd, if mdhd.first() == Some(&1) { 20 } else { 12 }).ok_or_else(damaged)?;
    let stsd = find(trak, &[b"mdia", b"minf", b"stbl", b"stsd"]).ok_or_else(damaged)?;
    let (codec, entry) = boxes(stsd.get(8..).unwrap_or_default())
        .next()
        .ok_or_else(damaged)?;
    if !matches!(&codec, b"avc1" | b"avc3") {
        let name = String::from_utf8_lossy(&codec).into_owned();
        return Err(needs_ffmpeg(&format!("the codec {name}")));
    }
    let inside = entry.get(78..).ok_or_else(damaged)?;
    let configuration = find(inside, &[b"avcC"])
        .ok_or_else(|| needs_ffmpeg("H.264 without a decoder configuration"))?
        .to_vec();
    let pixel_aspect = find(inside, &[b"pasp"]).and_then(|pasp| {
        let (wide, high) = (be32(pasp, 0)?, be32(pasp, 4)?);
        (wide > 0 && high > 0).then(|| f64::from(wide) / f64::from(high))
    });
    Ok(Index {
        id,
        timescale,
        shown: edited(trak, moov, timescale),
        track: Track {
            configuration,
            turns,
            pixel_aspect,
            seconds: None,
            pace: None,
            first: 0.0,
        },
    })
}

/// The part of the track that its edit list shows, in units of the track.
fn edited(trak: &[u8], moov: &[u8], timescale: u32) -> (i64, i64) {
    let everything = (i64::MIN, i64::MAX);
    let Some(list) = find(trak, &[b"edts", b"elst"]) else {
        return everything;
    };
    let long = list.first() == Some(&1);
    let size = if long { 20 } else { 12 };
    let movie = find(moov, &[b"mvhd"])
        .and_then(|mvhd| be32(mvhd, if mvhd.first() == Some(&1) { 20 } else { 12 }))
        .unwrap_or(1000);
    for edit in list.get(8..).unwrap_or_default().chunks_exact(size) {
        let (duration, media) = if long {
            (be64(edit, 0), be64(edit, 8).map(|time| time as i64))
        } else {
            (
                be32(edit, 0).map(u64::from),
                be32(edit, 4).map(|time| i64::from(time as i32)),
            )
        };
        let (Some(duration), Some(media)) = (duration, media) else {
            return everything;
        };
        // A gap before the film.
        if media < 0 {
            continue;
        }
        // Durations are rounded to the clock of the movie.
        let units = (duration as f64 + 1.0) * f64::from(timescale) / f64::from(movie.max(1));
        let end = if duration == 0 {
            i64::MAX
        } else {
            media.saturating_add(units.ceil() as i64)
        };
        return (media, end);
    }
    everything
}
