//! What a sequence parameter set contains: size, shape of pixels and colours (ITU-T H.264, 7.3.2.1 and annex E).

use super::super::planes::{Colours, Matrix};

/// Bits from the front, without the bytes that keep start codes unique.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn new(unit: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(unit.len());
        let mut zeros = 0;
        for &byte in unit {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.bit()? == 1)
    }

    fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | self.bit()?))
    }

    /// An unsigned Exp-Golomb code.
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        (1_u32 << zeros)
            .checked_add(self.bits(zeros)?)?
            .checked_sub(1)
    }

    /// A signed Exp-Golomb code.
    fn signed(&mut self) -> Option<i32> {
        let code = self.unsigned()? as i64;
        let half = (code + 1) / 2;
        Some(if code % 2 == 1 { half } else { -half } as i32)
    }
}

/// What a sequence parameter set contains.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sequence {
    /// Width and height of the shown picture.
    pub(super) size: (usize, usize),
    pub(super) pixel_aspect: f64,
    pub(super) colours: Colours,
    /// Whether it is in high dynamic range or wide colours.
    pub(super) other_colours: bool,
    chroma_format: u32,
    bit_depth: u32,
    frames_only: bool,
}

impl Sequence {
    /// Reads the unit, its header included.
    pub(super) fn parse(unit: &[u8]) -> Result<Self, String> {
        let body = unit.get(1..).unwrap_or_default();
        Self::read(&mut Bits::new(body))
            .ok_or_else(|| "its sequence parameter set is damaged".to_owned())
    }

    fn read(bits: &mut Bits) -> Option<Self> {
        let profile = bits.bits(8)?;
        bits.bits(16)?;
        bits.unsigned()?;
        let (mut chroma_format, mut bit_depth) = (1, 8);
        if matches!(
            profile,
            100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
        ) {
            chroma_format = bits.unsigned()?;
            if chroma_format == 3 {
                bits.bit()?;
            }
            bit_depth = bits.unsigned()?.checked_add(8)?;
            bits.unsigned()?;
            bits.bit()?;
            if bits.flag()? {
                for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if bits.flag()? {
                        skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.unsigned()?;
        match bits.unsigned()? {
            0 => {
                bits.unsigned()?;
            }
            1 => {
                bits.bit()?;
                bits.signed()?;
                bits.signed()?;
                for _ in 0..bits.unsigned()?.min(255) {
                    bits.signed()?;
                }
            }
            _ => {}
        }
        bits.unsigned()?;
        bits.bit()?;
        let blocks_across = bits.unsigned()?.checked_add(1)? as usize;
        let blocks_down = bits.unsigned()?.checked_add(1)? as usize;
        let frames_only = bits.flag()?;
        if !frames_only {
            bits.bit()?;
        }
        bits.bit()?;
        let fields = if frames_only { 1 } else { 2 };
        let mut width = blocks_across.checked_mul(16)?;
        let mut height = blocks_down.checked_mul(16 * fields)?;
        if bits.flag()? {
            let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
            let unit_y = fields * if chroma_format == 1 { 2 } else { 1 };
            let mut cut = |unit: usize| {
                let first = bits.unsigned()? as usize;
                let last = bits.unsigned()? as usize;
                first.checked_add(last)?.checked_mul(unit)
            };
            width = width.checked_sub(cut(unit_x)?)?;
            height = height.checked_sub(cut(unit_y)?)?;
        }
        if width == 0 || height == 0 {
            return None;
        }
        let mut sequence = Self {
            size: (width, height),
            pixel_aspect: 1.0,
            colours: Colours {
                full_range: false,
                matrix: Matrix::assumed(height),
            },
            other_colours: false,
            chroma_format,
            bit_depth,
            frames_only,
        };
        if bits.flag().unwrap_or(false) {
            // Cut-off extras leave what was read so far.
            let _ = sequence.read_usability(bits);
        }
        Some(sequence)
    }

    /// Video usability information (annex E), as far as colours.
    fn read_usability(&mut self, bits: &mut Bits) -> Option<()> {
        const ASPECTS: [(u32, u32); 17] = [
            (1, 1),
            (1, 1),
            (12, 11),
            (10, 11),
            (16, 11),
            (40, 33),
            (24, 11),
            (20, 11),
            (32, 11),
            (80, 33),
            (18, 11),
            (15, 11),
            (64, 33),
            (160, 99),
            (4, 3),
            (3, 2),
            (2, 1),
        ];
        if bits.flag()? {
            let index = bits.bits(8)?;
            let (wide, high) = if index == 255 {
                (bits.bits(16)?, bits.bits(16)?)
            } else {
                *ASPECTS.get(index as usize).unwrap_or(&(1, 1))
            };
            if wide > 0 && high > 0 {
                self.pixel_aspect = f64::from(wide) / f64::from(high);
            }
        }
        if bits.flag()? {
            bits.bit()?;
        }
        if bits.flag()? {
            bits.bits(3)?;
            self.colours.full_range = bits.flag()?;
            if bits.flag()? {
                let primaries = bits.bits(8)?;
                let transfer = bits.bits(8)?;
                self.other_colours = primaries == 9 || matches!(transfer, 16 | 18);
                match bits.bits(8)? {
                    1 => self.colours.matrix = Matrix::Bt709,
                    5 | 6 => self.colours.matrix = Matrix::Bt601,
                    9 | 10 => self.colours.matrix = Matrix::Bt2020,
                    _ => {}
                }
            }
        }
        Some(())
    }

    /// What the built-in decoder cannot do of it.
    pub(super) fn unsupported(&self) -> Option<&'static str> {
        if self.size.0 * self.size.1 > 1 << 26 {
            Some("pictures of more than 67 megapixels")
        } else if self.chroma_format != 1 {
            Some("4:2:2, 4:4:4 or grey pictures")
        } else if self.bit_depth != 8 {
            Some("more than 8 bits a colour")
        } else if !self.frames_only {
            Some("interlaced pictures")
        } else {
            None
        }
    }
}

fn skip_scaling_list(bits: &mut Bits, size: usize) -> Option<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed()? + 256).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}
