//! The ISO base media file format (mp4, mov, m4v; ISO/IEC 14496-12), as far as one film in it.
//!
//! Nothing that a file claims is believed before it is compared with the length of the file: a few hostile bytes must not
//! cost memory or time.

mod boxes;
mod samples;
mod track;

use std::io::{BufReader, Read, Seek};

use super::super::stored::{Stored, StoredReader};
use super::container::{Container, Packet, Track};
use boxes::{contents, top_level};
use samples::{Sample, fragment_samples, listed_samples};
use track::film;

/// Largest compressed picture.
const MOST_SAMPLE: u32 = 64 << 20;

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
}
