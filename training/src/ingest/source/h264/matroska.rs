//! Matroska (mkv) through the `matroska-demuxer` crate.

use std::io::{BufReader, ErrorKind};

use matroska_demuxer::{DemuxError, Frame, MatroskaFile, TrackType};

use super::super::ffmpeg::needs_ffmpeg;
use super::super::stored::{Stored, StoredReader};
use super::container::{Container, Packet, Track};

/// A Matroska file at some packet.
pub(super) struct Matroska {
    stored: Stored,
    file: MatroskaFile<BufReader<StoredReader>>,
    number: u64,
    /// Seconds of a unit of time.
    unit: f64,
    track: Track,
    frame: Frame,
    /// A packet that was looked at and not handed out yet.
    peeked: Option<Packet>,
}

fn damaged(error: &DemuxError) -> String {
    match error {
        DemuxError::IoError(problem) => format!("its container is damaged: {problem}"),
        error => format!("its container is damaged: {error}"),
    }
}

impl Matroska {
    pub(super) fn open(stored: &Stored) -> Result<Self, String> {
        let opened = MatroskaFile::open(BufReader::new(stored.open()?));
        let file = opened.map_err(|error| match &error {
            DemuxError::IoError(problem) if problem.kind() == ErrorKind::UnexpectedEof => {
                needs_ffmpeg("what there is of a film that is cut off")
            }
            _ => damaged(&error),
        })?;
        let entry = file
            .tracks()
            .iter()
            .find(|track| track.track_type() == TrackType::Video)
            .ok_or("it has no film in it")?;
        if entry.codec_id() != "V_MPEG4/ISO/AVC" {
            return Err(needs_ffmpeg(&format!("the codec {}", entry.codec_id())));
        }
        if entry
            .content_encodings()
            .is_some_and(|list| !list.is_empty())
        {
            return Err(needs_ffmpeg("a packed or encrypted track"));
        }
        let configuration = entry
            .codec_private()
            .ok_or_else(|| needs_ffmpeg("H.264 without a decoder configuration"))?
            .to_vec();
        let pixel_aspect = entry.video().and_then(|video| {
            if video.display_unit().is_some_and(|unit| {
                unit != matroska_demuxer::DisplayUnit::Pixels
                    && unit != matroska_demuxer::DisplayUnit::DisplayAspectRatio
            }) {
                return None;
            }
            let (w, h) = (video.display_width()?.get(), video.display_height()?.get());
            let shown = w as f64 / h as f64;
            let stored = video.pixel_width().get() as f64 / video.pixel_height().get() as f64;
            Some(shown / stored)
        });
        let unit = file.info().timestamp_scale().get() as f64 * 1e-9;
        let number = entry.track_number().get();
        let mut this = Self {
            number,
            unit,
            track: Track {
                configuration,
                turns: 0,
                pixel_aspect,
                seconds: file.info().duration().map(|duration| duration * unit),
                pace: entry.default_duration().map(|ns| 1e9 / ns.get() as f64),
                first: 0.0,
            },
            stored: stored.clone(),
            file,
            frame: Frame::default(),
            peeked: None,
        };
        this.peeked = this.read()?;
        this.track.first = this.peeked.as_ref().map_or(0.0, |packet| packet.time);
        Ok(this)
    }

    fn read(&mut self) -> Result<Option<Packet>, String> {
        loop {
            let more = self
                .file
                .next_frame(&mut self.frame)
                .map_err(|error| damaged(&error))?;
            if !more {
                return Ok(None);
            }
            if self.frame.track == self.number {
                return Ok(Some(Packet {
                    time: self.frame.timestamp as f64 * self.unit,
                    bytes: std::mem::take(&mut self.frame.data),
                }));
            }
        }
    }
}

impl Container for Matroska {
    fn track(&self) -> &Track {
        &self.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, String> {
        match self.peeked.take() {
            Some(packet) => Ok(Some(packet)),
            None => self.read(),
        }
    }

    /// Indices of Matroska files cannot be trusted; reading without decoding is fast.
    fn seek(&mut self, seconds: f64) {
        let Ok(mut scan) = Self::open(&self.stored) else {
            return;
        };
        let (mut count, mut last) = (0_u64, 0);
        while let Ok(Some(packet)) = scan.next_packet() {
            if packet.time - self.track.first > seconds {
                break;
            }
            if super::annex_b::is_independent(&packet.bytes, &self.track.configuration) {
                last = count;
            }
            count += 1;
        }
        for _ in 0..last {
            if !matches!(self.next_packet(), Ok(Some(_))) {
                return;
            }
        }
    }
}
