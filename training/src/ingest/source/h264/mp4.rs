//! The ISO base media file format (mp4, mov, m4v; ISO/IEC 14496-12), as far as one film in it.
//!
//! Nothing that a file claims is believed before it is compared with the length of the file: a few hostile bytes must not
//! cost memory or time.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::super::ffmpeg::needs_ffmpeg;
use super::super::stored::{Stored, StoredReader};
use super::container::{Container, Packet, Track};

/// Largest box of an index that is read.
const MOST_INDEX: u64 = 256 << 20;
/// Largest compressed picture.
const MOST_SAMPLE: u32 = 64 << 20;

/// A box: its kind, and where its contents are.
#[derive(Debug, Clone, Copy)]
struct Header {
    kind: [u8; 4],
    /// First byte of the contents, and the byte behind them.
    start: u64,
    end: u64,
}

/// The boxes inside some bytes.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = u64::from(be32(rest, 0)?);
        let kind = rest.get(4..8)?.try_into().ok()?;
        let (head, size) = match size {
            0 => (8, rest.len() as u64),
            1 => (16, be64(rest, 8)?),
            size => (8, size),
        };
        let size = usize::try_from(size).ok()?.min(rest.len());
        let contents = rest.get(head..size)?;
        rest = &rest[size..];
        Some((kind, contents))
    })
}

fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |inside, kind| {
        boxes(inside)
            .find(|(found, _)| found == *kind)
            .map(|(_, contents)| contents)
    })
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The rows of a table: after version, flags and a count come `fields` numbers a row.
fn rows<const FIELDS: usize>(table: &[u8]) -> impl Iterator<Item = [u32; FIELDS]> {
    let count = be32(table, 4).unwrap_or(0) as usize;
    table
        .get(8..)
        .unwrap_or_default()
        .chunks_exact(4 * FIELDS)
        .take(count)
        .map(|row| std::array::from_fn(|field| be32(row, 4 * field).unwrap_or(0)))
}

/// A compressed picture in the file.
#[derive(Debug, Clone, Copy)]
struct Sample {
    offset: u64,
    size: u32,
    /// Presentation time in units of the track.
    time: i64,
    sync: bool,
}

/// A film in an mp4 file, at some sample.
pub(super) struct Mp4 {
    file: BufReader<StoredReader>,
    samples: Vec<Sample>,
    next: usize,
    timescale: f64,
    /// Presentation times outside are not shown.
    shown: (i64, i64),
    track: Track,
}

/// What the index says of the film's track.
struct Index {
    id: u32,
    timescale: u32,
    shown: (i64, i64),
    track: Track,
}

impl Mp4 {
    pub(super) fn open(stored: &Stored) -> Result<Self, String> {
        let mut file = BufReader::new(stored.open()?);
        let length = file.get_ref().len();
        let (mut moov, mut fragments) = (None, Vec::new());
        for header in top_level(&mut file, length)? {
            match &header.kind {
                b"moov" => moov = Some(contents(&mut file, header)?),
                b"moof" => fragments.push(header),
                _ => {}
            }
        }
        let moov = moov.ok_or(
            "its index (moov) is missing: the recording was not finished, or the file is cut off",
        )?;
        let (index, trak) = film(&moov)?;
        let mut samples = listed_samples(trak, length).ok_or("its index is damaged")?;
        let mut fragment_time = 0;
        for header in fragments {
            let moof = contents(&mut file, header)?;
            let begin = header.start - 8;
            fragment_samples(
                &moof,
                &moov,
                index.id,
                begin,
                length,
                &mut fragment_time,
                &mut samples,
            )
            .ok_or("a fragment of its index is damaged")?;
        }
        if samples.is_empty() {
            return Err("its film has no pictures".to_owned());
        }
        let timescale = f64::from(index.timescale.max(1));
        let mut track = index.track;
        let first = samples
            .iter()
            .map(|sample| sample.time)
            .filter(|&time| time >= index.shown.0)
            .min()
            .unwrap_or(0);
        let last = samples.iter().map(|sample| sample.time).max().unwrap_or(0);
        track.first = (first - index.shown.0.max(0)) as f64 / timescale;
        let seconds = (last - first) as f64 / timescale;
        track.seconds = Some(seconds);
        track.pace = (seconds > 0.0).then(|| (samples.len() - 1) as f64 / seconds);
        Ok(Self {
            file,
            samples,
            next: 0,
            timescale,
            shown: index.shown,
            track,
        })
    }
}

/// The boxes of the file itself.
fn top_level(file: &mut (impl Read + Seek), length: u64) -> Result<Vec<Header>, String> {
    let mut headers = Vec::new();
    let mut at = 0;
    while at + 8 <= length {
        let mut head = [0; 16];
        let count = (length - at).min(16) as usize;
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut head[..count]))
            .map_err(|error| format!("it cannot be read: {error}"))?;
        let kind = [head[4], head[5], head[6], head[7]];
        let (inside, size) = match be32(&head, 0).unwrap_or(0) {
            0 => (8, length - at),
            1 => (16, be64(&head, 8).unwrap_or(0)),
            size => (8, u64::from(size)),
        };
        if size < inside {
            break;
        }
        headers.push(Header {
            kind,
            start: at + inside,
            end: at.saturating_add(size).min(length),
        });
        at = at.saturating_add(size);
        if headers.len() > 1 << 20 {
            return Err("it has more boxes than any film".to_owned());
        }
    }
    Ok(headers)
}

fn contents(file: &mut (impl Read + Seek), header: Header) -> Result<Vec<u8>, String> {
    let length = header.end.saturating_sub(header.start);
    if length > MOST_INDEX {
        return Err(format!("its index of {length} bytes is too large"));
    }
    let mut bytes = vec![0; length as usize];
    file.seek(SeekFrom::Start(header.start))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    Ok(bytes)
}

/// The film's track, and its box.
fn film(moov: &[u8]) -> Result<(Index, &[u8]), String> {
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

/// The samples that the index lists.
fn listed_samples(trak: &[u8], file_length: u64) -> Option<Vec<Sample>> {
    let table = find(trak, &[b"mdia", b"minf", b"stbl"])?;
    let sizes = find(table, &[b"stsz"])?;
    let (one_size, count) = (be32(sizes, 4)?, be32(sizes, 8)?);
    let count = if one_size == 0 {
        u64::from(count).min(sizes.len() as u64 / 4)
    } else {
        u64::from(count).min(file_length / u64::from(one_size))
    };
    let size = |index: u64| {
        if one_size == 0 {
            be32(sizes, 12 + 4 * index as usize)
        } else {
            Some(one_size)
        }
    };
    let mut durations = rows::<2>(find(table, &[b"stts"]).unwrap_or_default());
    let mut shifts = rows::<2>(find(table, &[b"ctts"]).unwrap_or_default());
    let mut syncs = find(table, &[b"stss"]).map(|table| rows::<1>(table).peekable());
    let mut chunks: Box<dyn Iterator<Item = u64>> = if let Some(offsets) = find(table, &[b"stco"]) {
        Box::new(rows::<1>(offsets).map(|[offset]| u64::from(offset)))
    } else {
        let offsets = find(table, &[b"co64"]).unwrap_or_default();
        Box::new(rows::<2>(offsets).map(|[high, low]| u64::from(high) << 32 | u64::from(low)))
    };
    let mut runs = rows::<3>(find(table, &[b"stsc"]).unwrap_or_default()).peekable();
    let (mut chunk, mut per_chunk, mut left, mut offset) = (0_u32, 0_u32, 0_u32, 0_u64);
    let (mut duration, mut duration_left) = (0_u32, 0_u32);
    let (mut shift, mut shift_left) = (0_i32, 0_u32);
    let mut decoded = 0_i64;
    let mut samples = Vec::new();
    for index in 0..count {
        while left == 0 {
            let Some(next) = chunks.next() else {
                return Some(samples);
            };
            offset = next;
            chunk += 1;
            while runs.peek().is_some_and(|[first, ..]| *first <= chunk) {
                per_chunk = runs.next().map_or(0, |[_, count, _]| count);
            }
            left = per_chunk;
        }
        left -= 1;
        if duration_left == 0
            && let Some([count, each]) = durations.find(|row| row[0] > 0)
        {
            (duration_left, duration) = (count, each);
        }
        if shift_left == 0
            && let Some([count, by]) = shifts.find(|row| row[0] > 0)
        {
            (shift_left, shift) = (count, by as i32);
        }
        let number = index as u32 + 1;
        let sync = syncs.as_mut().is_none_or(|syncs| {
            while syncs.next_if(|[sync]| *sync < number).is_some() {}
            syncs.peek() == Some(&[number])
        });
        let size = size(index)?;
        samples.push(Sample {
            offset,
            size,
            time: decoded.saturating_add(i64::from(shift)),
            sync,
        });
        offset = offset.saturating_add(u64::from(size));
        decoded = decoded.saturating_add(i64::from(duration));
        duration_left = duration_left.saturating_sub(1);
        shift_left = shift_left.saturating_sub(1);
    }
    Some(samples)
}

/// The samples of one fragment.
fn fragment_samples(
    moof: &[u8],
    moov: &[u8],
    id: u32,
    begin: u64,
    file_length: u64,
    time: &mut i64,
    samples: &mut Vec<Sample>,
) -> Option<()> {
    let defaults = find(moov, &[b"mvex"]).and_then(|mvex| {
        boxes(mvex)
            .filter(|(kind, trex)| kind == b"trex" && be32(trex, 4) == Some(id))
            .map(|(_, trex)| [be32(trex, 12), be32(trex, 16), be32(trex, 20)])
            .next()
    });
    let [mut duration, mut size, mut flags] =
        defaults.unwrap_or_default().map(|value| value.unwrap_or(0));
    for (_, traf) in boxes(moof).filter(|(kind, _)| kind == b"traf") {
        let tfhd = find(traf, &[b"tfhd"])?;
        if be32(tfhd, 4)? != id {
            continue;
        }
        let present = be32(tfhd, 0)?;
        let mut at = 8;
        let mut base = begin;
        if present & 1 != 0 {
            base = be64(tfhd, at)?;
            at += 8;
        }
        if present & 2 != 0 {
            at += 4;
        }
        for (bit, value) in [(8, &mut duration), (16, &mut size), (32, &mut flags)] {
            if present & bit != 0 {
                *value = be32(tfhd, at)?;
                at += 4;
            }
        }
        if let Some(tfdt) = find(traf, &[b"tfdt"]) {
            *time = if tfdt.first() == Some(&1) {
                be64(tfdt, 4)? as i64
            } else {
                i64::from(be32(tfdt, 4)?)
            };
        }
        let mut offset = base;
        for (_, trun) in boxes(traf).filter(|(kind, _)| kind == b"trun") {
            let present = be32(trun, 0)?;
            let count = be32(trun, 4)?;
            let mut at = 8;
            if present & 1 != 0 {
                offset = base.saturating_add_signed(i64::from(be32(trun, at)? as i32));
                at += 4;
            }
            let mut first_flags = None;
            if present & 4 != 0 {
                first_flags = Some(be32(trun, at)?);
                at += 4;
            }
            for index in 0..count {
                let mut field = |bit: u32, default: u32| {
                    if present & bit == 0 {
                        return Some(default);
                    }
                    at += 4;
                    be32(trun, at - 4)
                };
                let duration = field(0x100, duration)?;
                let size = field(0x200, size)?;
                let own = field(0x400, first_flags.filter(|_| index == 0).unwrap_or(flags))?;
                let shift = field(0x800, 0)? as i32;
                // Every sample has bytes of its own: a count alone costs nothing.
                if size == 0 || offset >= file_length {
                    return Some(());
                }
                samples.push(Sample {
                    offset,
                    size,
                    time: time.saturating_add(i64::from(shift)),
                    sync: own >> 16 & 1 == 0,
                });
                offset = offset.saturating_add(u64::from(size));
                *time = time.saturating_add(i64::from(duration));
            }
        }
    }
    Some(())
}

impl Mp4 {
    fn read(&mut self, sample: Sample) -> Result<Vec<u8>, String> {
        if sample.size > MOST_SAMPLE {
            return Err(format!(
                "a compressed picture of {} bytes is too large",
                sample.size
            ));
        }
        let length = self.file.get_ref().len();
        if sample.offset.saturating_add(u64::from(sample.size)) > length {
            return Err("the file ends before its film does".to_owned());
        }
        let mut bytes = vec![0; sample.size as usize];
        // Samples of a film lie close together: a relative jump keeps what is buffered.
        let at = self
            .file
            .stream_position()
            .map_err(|error| error.to_string())?;
        self.file
            .seek_relative(sample.offset as i64 - at as i64)
            .and_then(|()| self.file.read_exact(&mut bytes))
            .map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(bytes)
    }

    fn seconds(&self, sample: Sample) -> f64 {
        (sample.time - self.shown.0.max(0)) as f64 / self.timescale
    }
}

impl Container for Mp4 {
    fn track(&self) -> &Track {
        &self.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, String> {
        let Some(&sample) = self.samples.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        let bytes = self.read(sample)?;
        let shown = (self.shown.0..self.shown.1).contains(&sample.time);
        Ok(Some(Packet {
            time: if shown {
                self.seconds(sample)
            } else {
                // Decoded, for others depend on it, but before everything that is shown.
                f64::NEG_INFINITY
            },
            bytes,
        }))
    }

    fn seek(&mut self, seconds: f64) {
        let wanted = self.track.first + seconds;
        let mut found = 0;
        for index in (0..self.samples.len()).rev() {
            let sample = self.samples[index];
            if sample.sync
                && self.seconds(sample) <= wanted
                && let Ok(bytes) = self.read(sample)
                && super::annex_b::is_independent(&bytes, &self.track.configuration)
            {
                found = index;
                break;
            }
        }
        self.next = found;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_survived(tail in proptest::collection::vec(any::<u8>(), 0..300), kind in 0_usize..4) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("film.mp4");
            let mut bytes = vec![0, 0, 0, 8];
            bytes.extend(b"ftyp");
            bytes.extend((tail.len() as u32 + 8).to_be_bytes());
            bytes.extend([b"moov", b"moof", b"mdat", b"free"][kind]);
            bytes.extend(tail);
            std::fs::write(&path, bytes).unwrap();
            prop_assert!(Mp4::open(&Stored::file(&path)).is_err());
        }
    }

    #[test]
    fn counts_alone_cost_nothing() {
        // One size of one byte for four thousand million samples, without chunks.
        let mut table = vec![0, 0, 0, 20];
        table.extend(b"stsz");
        table.extend([0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]);
        let wrap = |kind: &[u8; 4], inside: &[u8]| {
            let mut out = (inside.len() as u32 + 8).to_be_bytes().to_vec();
            out.extend(kind);
            out.extend(inside);
            out
        };
        let trak = wrap(b"mdia", &wrap(b"minf", &wrap(b"stbl", &table)));
        assert!(listed_samples(&trak, 1000).unwrap().is_empty());
    }
}
