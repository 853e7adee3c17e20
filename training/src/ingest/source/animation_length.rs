//! How long an animation is, by the delays in its file and without a look at its pictures.

use std::io::{BufReader, Read};

use super::stored::{Stored, StoredReader};

/// What viewers show for a delay of 0, in seconds.
const NO_DELAY: f64 = 0.1;

/// How long a frame is shown whose file says so many seconds, and whether that is what it says.
pub(super) fn shown_for(delay: f64) -> (f64, bool) {
    if delay > 0.0 {
        (delay, true)
    } else {
        (NO_DELAY, false)
    }
}

/// The sum of the delays of a GIF, APNG or WebP, as far as its file is whole; `None` where it says none.
pub(super) fn length(file: &Stored) -> Option<f64> {
    let mut delays = Delays {
        reader: BufReader::new(file.open().ok()?),
        seconds: 0.0,
    };
    let start: [u8; 12] = delays.bytes()?;
    // Where the file ends before its end is said, what came before counts.
    let _ = match &start {
        [b'G', b'I', b'F', ..] => delays.gif(start[10]),
        [0x89, b'P', b'N', b'G', ..] => delays.png(),
        [b'R', b'I', b'F', b'F', ..] => delays.webp(),
        _ => None,
    };
    (delays.seconds > 0.0).then_some(delays.seconds)
}

/// The delays that were met so far.
struct Delays {
    reader: BufReader<StoredReader>,
    seconds: f64,
}

impl Delays {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.reader.seek_relative(i64::try_from(count).ok()?).ok()
    }

    fn add(&mut self, delay: f64) {
        self.seconds += shown_for(delay).0;
    }

    /// Bytes of a table of colours, by the flags that say whether there is one.
    fn table(flags: u8) -> u64 {
        if flags & 0x80 == 0 {
            0
        } else {
            3 << ((flags & 7) + 1)
        }
    }

    /// The blocks of a GIF up to an empty one.
    fn skip_blocks(&mut self) -> Option<()> {
        loop {
            match self.bytes::<1>()? {
                [0] => return Some(()),
                [length] => self.skip(u64::from(length))?,
            }
        }
    }

    /// From behind its first twelve bytes on.
    fn gif(&mut self, flags: u8) -> Option<()> {
        self.skip(1 + Self::table(flags))?;
        let mut delay = 0.0;
        loop {
            match self.bytes::<1>()? {
                [0x21] => {
                    let [kind] = self.bytes()?;
                    if kind == 0xF9 {
                        let control: [u8; 5] = self.bytes()?;
                        delay = f64::from(u16::from_le_bytes([control[2], control[3]])) / 100.0;
                    }
                    self.skip_blocks()?;
                }
                [0x2C] => {
                    let picture: [u8; 9] = self.bytes()?;
                    // One byte says the length of codes.
                    self.skip(Self::table(picture[8]) + 1)?;
                    self.skip_blocks()?;
                    self.add(std::mem::take(&mut delay));
                }
                _ => return None,
            }
        }
    }

    /// From behind its first twelve bytes on.
    fn png(&mut self) -> Option<()> {
        // The first chunk has the size of the picture; its length was read.
        self.skip(4 + 13 + 4)?;
        loop {
            let [a, b, c, d, kind @ ..]: [u8; 8] = self.bytes()?;
            let mut length = u64::from(u32::from_be_bytes([a, b, c, d]));
            if &kind == b"fcTL" && length >= 24 {
                self.skip(20)?;
                let [a, b, c, d]: [u8; 4] = self.bytes()?;
                length -= 24;
                let parts = match u16::from_be_bytes([c, d]) {
                    0 => 100,
                    parts => parts,
                };
                self.add(f64::from(u16::from_be_bytes([a, b])) / f64::from(parts));
            }
            // And its checksum.
            self.skip(length + 4)?;
        }
    }

    /// From behind its first twelve bytes on.
    fn webp(&mut self) -> Option<()> {
        loop {
            let [kind @ .., a, b, c, d]: [u8; 8] = self.bytes()?;
            let mut length = u64::from(u32::from_le_bytes([a, b, c, d]));
            // Chunks have an even length.
            length += length % 2;
            if &kind == b"ANMF" && length >= 16 {
                self.skip(12)?;
                let [a, b, c]: [u8; 3] = self.bytes()?;
                length -= 15;
                self.add(f64::from(u32::from_le_bytes([a, b, c, 0])) / 1000.0);
            }
            self.skip(length)?;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::codecs::gif::GifEncoder;
    use image::{Delay, Frame, RgbaImage};

    use super::*;

    fn length_of(bytes: &[u8]) -> Option<f64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("animation");
        std::fs::write(&path, bytes).unwrap();
        length(&Stored::file(&path))
    }

    #[test]
    fn delays_add_up_as_far_as_the_file_is_whole() {
        let mut gif = Vec::new();
        let mut encoder = GifEncoder::new(&mut gif);
        for delay in [100, 0, 250, 40] {
            let delay = Delay::from_numer_denom_ms(delay, 1);
            let picture = RgbaImage::new(300, 20);
            encoder
                .encode_frame(Frame::from_parts(picture, 0, 0, delay))
                .unwrap();
        }
        drop(encoder);
        let seconds = length_of(&gif).unwrap();
        assert!((seconds - 0.49).abs() < 1e-9, "{seconds}");
        let half = length_of(&gif[..gif.len() / 2]).unwrap();
        assert!((0.1..0.49).contains(&half), "{half}");

        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend([0; 17]);
        for (above, below) in [(1_u16, 4_u16), (30, 0)] {
            png.extend(b"\0\0\0\x1afcTL");
            png.extend([0; 20]);
            png.extend(above.to_be_bytes());
            png.extend(below.to_be_bytes());
            // How it is laid over the frame before, and the checksum.
            png.extend([0; 6]);
        }
        let seconds = length_of(&png).unwrap();
        assert!((seconds - 0.55).abs() < 1e-9, "{seconds}");

        let mut webp = b"RIFF\0\0\0\0WEBP".to_vec();
        for milliseconds in [40_u8, 200] {
            webp.extend(b"ANMF\x11\0\0\0");
            webp.extend([0; 12]);
            webp.extend([milliseconds, 0, 0, 0, 9]);
            // Chunks have an even length.
            webp.push(0);
        }
        let seconds = length_of(&webp).unwrap();
        assert!((seconds - 0.24).abs() < 1e-9, "{seconds}");
        assert_eq!(length_of(b"GIF89a nothing"), None);
    }
}
