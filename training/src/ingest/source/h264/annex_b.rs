//! Access units as the decoder wants them: each unit behind a start code, with the parameter sets before the first one.

use super::container::{Container, Packet};
use super::sequence::Sequence;

const START: [u8; 4] = [0, 0, 0, 1];
/// Most parameter sets of a configuration record.
const MOST_SETS: usize = 64;

/// The parameter sets of a configuration record, each behind a start code, and the number of bytes of a unit's length.
pub(super) fn parameter_sets(record: &[u8]) -> Result<(Vec<Vec<u8>>, usize), String> {
    let cut = || "its decoder configuration is cut off".to_owned();
    let mut sets = Vec::new();
    let length_bytes = usize::from(record.get(4).ok_or_else(cut)? & 3) + 1;
    let mut at = 5;
    for mask in [0x1F, 0xFF] {
        let count = usize::from(*record.get(at).ok_or_else(cut)? & mask);
        at += 1;
        for _ in 0..count.min(MOST_SETS) {
            let length = record.get(at..at + 2).ok_or_else(cut)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            at += 2;
            sets.push(record.get(at..at + length).ok_or_else(cut)?.to_vec());
            at += length;
        }
    }
    if sets.is_empty() {
        return Err("its decoder configuration has no parameter sets".to_owned());
    }
    Ok((sets, length_bytes))
}

/// The first sequence parameter set of a configuration record.
pub(super) fn sequence(record: &[u8]) -> Result<Sequence, String> {
    let (sets, _) = parameter_sets(record)?;
    let set = sets
        .iter()
        .find(|set| set.first().is_some_and(|byte| byte & 0x1F == 7))
        .ok_or("its decoder configuration has no sequence parameter set")?;
    Sequence::parse(set)
}

/// Whether nothing before an access unit is needed to decode it and what follows it.
pub(super) fn is_independent(packet: &[u8], record: &[u8]) -> bool {
    let length_bytes = usize::from(record.get(4).copied().unwrap_or(3) & 3) + 1;
    units(packet, length_bytes).any(|unit| unit[0] & 0x1F == 5)
}

/// The units of a packet, none of them empty.
fn units(packet: &[u8], length_bytes: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = packet;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_at_checked(length_bytes)?;
        let length = length
            .iter()
            .fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
        // A damaged length takes what is there.
        let (unit, after) = after.split_at(length.min(after.len()));
        rest = after;
        Some(unit)
    })
    .filter(|unit| !unit.is_empty())
}

/// An access unit behind start codes.
#[derive(Debug)]
pub(super) struct AccessUnit {
    pub(super) time: f64,
    pub(super) bytes: Vec<u8>,
    /// Whether nothing before it is needed to decode it and what follows it.
    pub(super) independent: bool,
}

/// The access units of a container.
pub(super) struct Packets {
    container: Box<dyn Container>,
    length_bytes: usize,
    /// What every independent access unit is preceded by.
    head: Vec<u8>,
    first: bool,
}

impl Packets {
    pub(super) fn new(container: Box<dyn Container>, record: &[u8]) -> Result<Self, String> {
        let (sets, length_bytes) = parameter_sets(record)?;
        let head = sets
            .iter()
            .flat_map(|set| START.iter().chain(set))
            .copied()
            .collect();
        Ok(Self {
            container,
            length_bytes,
            head,
            first: true,
        })
    }

    pub(super) fn next_unit(&mut self) -> Result<Option<AccessUnit>, String> {
        let Some(packet) = self.container.next_packet()? else {
            return Ok(None);
        };
        Ok(Some(self.convert(&packet)))
    }

    fn convert(&mut self, packet: &Packet) -> AccessUnit {
        let mut bytes = Vec::with_capacity(packet.bytes.len() + 64);
        let mut independent = false;
        for unit in units(&packet.bytes, self.length_bytes) {
            independent |= unit[0] & 0x1F == 5;
            bytes.extend_from_slice(&START);
            bytes.extend_from_slice(unit);
        }
        if independent || std::mem::take(&mut self.first) {
            bytes.splice(0..0, self.head.iter().copied());
        }
        AccessUnit {
            time: packet.time,
            bytes,
            independent,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameter_sets_are_taken_from_their_record() {
        let record = [
            1, 100, 0, 30, 0xFF, 0xE1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 9,
        ];
        let (sets, length) = parameter_sets(&record).unwrap();
        assert_eq!(sets, [vec![0x67, 1, 2], vec![0x68, 9]]);
        assert_eq!(length, 4);
        for cut in 0..record.len() {
            assert!(parameter_sets(&record[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn any_record_is_survived(record in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parameter_sets(&record);
            let _ = sequence(&record);
        }
    }
}
