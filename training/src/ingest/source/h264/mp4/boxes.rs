//! The boxes that an mp4 file is made of.

use std::io::{Read, Seek, SeekFrom};

/// Largest box of an index that is read.
const MOST_INDEX: u64 = 256 << 20;

/// A box: its kind, and where its contents are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) kind: [u8; 4],
    /// First byte of the contents, and the byte behind them.
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The boxes inside some bytes.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
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

pub(super) fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |inside, kind| {
        boxes(inside)
            .find(|(found, _)| found == *kind)
            .map(|(_, contents)| contents)
    })
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The rows of a table: after version, flags and a count come `fields` numbers a row.
pub(super) fn rows<const FIELDS: usize>(table: &[u8]) -> impl Iterator<Item = [u32; FIELDS]> {
    let count = be32(table, 4).unwrap_or(0) as usize;
    table
        .get(8..)
        .unwrap_or_default()
        .chunks_exact(4 * FIELDS)
        .take(count)
        .map(|row| std::array::from_fn(|field| be32(row, 4 * field).unwrap_or(0)))
}

/// The boxes of the file itself.
pub(super) fn top_level(file: &mut (impl Read + Seek), length: u64) -> Result<Vec<Header>, String> {
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

pub(super) fn contents(file: &mut (impl Read + Seek), header: Header) -> Result<Vec<u8>, String> {
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
