//! Where the compressed pictures of a film lie, by its index and by its fragments.

use super::boxes::{be32, be64, boxes, find, rows};

/// A compressed picture in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) size: u32,
    /// Presentation time in units of the track.
    pub(super) time: i64,
    pub(super) sync: bool,
}

/// The samples that the index lists.
pub(super) fn listed_samples(trak: &[u8], file_length: u64) -> Option<Vec<Sample>> {
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
pub(super) fn fragment_samples(
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
