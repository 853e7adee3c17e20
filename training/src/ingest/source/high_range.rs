//! Films in high dynamic range or wide colours become sRGB.
//!
//! What is as bright as paper (203 cd/m², ITU-R BT.2408) comes out white, what is darker comes out as bright as it is, and highlights are pressed
//! into what is left above three quarters of white.

/// How code values become light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    /// Perceptual quantizer (SMPTE ST 2084).
    Pq,
    /// Hybrid log-gamma (ARIB STD-B67, ITU-R BT.2100).
    Hlg,
    /// That of ordinary films; only the primaries differ.
    Ordinary,
}

/// What red, green and blue are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primaries {
    Bt709,
    Bt2020,
    /// Those of screens with wide colours (SMPTE EG 432-1).
    DisplayP3,
}

/// Colours that have to be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HighRange {
    pub(super) transfer: Transfer,
    pub(super) primaries: Primaries,
}

/// Light of white paper and of the display for which hybrid log-gamma is meant, in cd/m².
const WHITE: f32 = 203.0;
const HLG_PEAK: f32 = 1000.0;
const HLG_GAMMA: f32 = 1.2;
/// Light up to which nothing is pressed together, of white.
const KNEE: f32 = 0.75;
/// Exponent of displays of ordinary films (ITU-R BT.1886).
const DISPLAY_GAMMA: f32 = 2.4;

impl HighRange {
    /// The conversion that colours of these names, as `ffmpeg` says them, need.
    pub(super) fn of(transfer: &str, primaries: &str) -> Option<Self> {
        let transfer = match transfer {
            "smpte2084" => Transfer::Pq,
            "arib-std-b67" => Transfer::Hlg,
            _ => Transfer::Ordinary,
        };
        let primaries = match primaries {
            "bt2020" => Primaries::Bt2020,
            "smpte432" => Primaries::DisplayP3,
            // Films in high dynamic range that do not say it are in wide colours.
            "" | "unknown" | "unspecified" | "reserved" if transfer != Transfer::Ordinary => {
                Primaries::Bt2020
            }
            _ => Primaries::Bt709,
        };
        let this = Self {
            transfer,
            primaries,
        };
        (transfer != Transfer::Ordinary || primaries != Primaries::Bt709).then_some(this)
    }

    /// What it is, in words.
    pub(super) fn in_words(self) -> &'static str {
        match self.transfer {
            Transfer::Pq | Transfer::Hlg => {
                "it is in high dynamic range: converted to sRGB, highlights pressed together"
            }
            Transfer::Ordinary => "it is in wide colours: converted to sRGB",
        }
    }
}

/// Converts pictures of one film.
#[derive(Debug, Clone)]
pub(super) struct ToSrgb {
    kind: HighRange,
    /// Light of each code value of 16 bits: of white for `Pq` and `Ordinary`, of the scene for `Hlg`.
    light: Vec<f32>,
}

impl ToSrgb {
    pub(super) fn new(kind: HighRange) -> Self {
        let light = (0..=u16::MAX)
            .map(|code| {
                let value = f32::from(code) / f32::from(u16::MAX);
                match kind.transfer {
                    Transfer::Pq => pq(value) / WHITE,
                    Transfer::Hlg => hlg(value),
                    Transfer::Ordinary => value.powf(DISPLAY_GAMMA),
                }
            })
            .collect();
        Self { kind, light }
    }

    /// RGB bytes of code values of 16 bits, little end first.
    pub(super) fn pixels(&self, codes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(codes.len() / 2);
        for pixel in codes.chunks_exact(6) {
            let code = |at: usize| usize::from(u16::from_le_bytes([pixel[at], pixel[at + 1]]));
            let light = [0, 2, 4].map(|at| self.light[code(at)]);
            out.extend(self.pixel(light));
        }
        out
    }

    fn pixel(&self, light: [f32; 3]) -> [u8; 3] {
        let mut light = light;
        if self.kind.transfer == Transfer::Hlg {
            // The display's own curve (BT.2100, table 5).
            let luminance = 0.2627 * light[0] + 0.6780 * light[1] + 0.0593 * light[2];
            let scale = HLG_PEAK / WHITE * luminance.powf(HLG_GAMMA - 1.0);
            light = light.map(|value| value * scale);
        }
        let mut light = match self.kind.primaries {
            Primaries::Bt709 => light,
            Primaries::Bt2020 => times(&FROM_BT2020, light),
            Primaries::DisplayP3 => times(&FROM_DISPLAY_P3, light),
        }
        .map(|value| value.max(0.0));
        if self.kind.transfer == Transfer::Ordinary {
            return light.map(|value| byte(value.min(1.0).powf(1.0 / DISPLAY_GAMMA)));
        }
        let most = light[0].max(light[1]).max(light[2]);
        if most > KNEE {
            let room = 1.0 - KNEE;
            let pressed = KNEE + room * (1.0 - (-(most - KNEE) / room).exp());
            light = light.map(|value| value * pressed / most);
        }
        light.map(|value| byte(srgb(value)))
    }
}

/// BT.2020 and Display P3 to BT.709, all with the white D65.
const FROM_BT2020: [[f32; 3]; 3] = [
    [1.660_491, -0.587_641, -0.072_850],
    [-0.124_550, 1.132_9, -0.008_349],
    [-0.018_151, -0.100_579, 1.118_73],
];
const FROM_DISPLAY_P3: [[f32; 3]; 3] = [
    [1.224_94, -0.224_940, 0.0],
    [-0.042_057, 1.042_057, 0.0],
    [-0.019_638, -0.078_636, 1.098_274],
];

fn times(matrix: &[[f32; 3]; 3], colour: [f32; 3]) -> [f32; 3] {
    matrix.map(|row| row.iter().zip(colour).map(|(a, b)| a * b).sum())
}

/// Light in cd/m² of a value of the perceptual quantizer, 0 to 1.
fn pq(value: f32) -> f32 {
    const M1: f32 = 2610.0 / 16384.0;
    const M2: f32 = 2523.0 / 32.0;
    const C1: f32 = 3424.0 / 4096.0;
    const C2: f32 = 2413.0 / 128.0;
    const C3: f32 = 2392.0 / 128.0;
    let power = value.powf(1.0 / M2);
    10_000.0 * ((power - C1).max(0.0) / (C2 - C3 * power)).powf(1.0 / M1)
}

/// Light of the scene of a value of hybrid log-gamma, both 0 to 1.
fn hlg(value: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 1.0 - 4.0 * A;
    const C: f32 = 0.559_910_7;
    if value <= 0.5 {
        value * value / 3.0
    } else {
        (((value - C) / A).exp() + B) / 12.0
    }
}

/// sRGB of light, both 0 to 1.
fn srgb(light: f32) -> f32 {
    if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    }
}

fn byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn converted(kind: HighRange, codes: [f32; 3]) -> [u8; 3] {
        let bytes: Vec<u8> = (codes.iter())
            .flat_map(|code| ((code * 65535.0).round() as u16).to_le_bytes())
            .collect();
        ToSrgb::new(kind).pixels(&bytes).try_into().unwrap()
    }

    #[test]
    fn known_values_of_the_standards_come_out() {
        // BT.2408, table 1: white paper is 58 % of PQ and 75 % of HLG; BT.2100: PQ 1 is 10,000 cd/m².
        assert!((pq(0.5807) - 203.0).abs() < 1.0);
        assert!((pq(1.0) - 10_000.0).abs() < 1.0 && pq(0.0) == 0.0);
        assert!((hlg(0.5) - 1.0 / 12.0).abs() < 1e-6 && (hlg(1.0) - 1.0).abs() < 1e-4);
        let grey = |name, code| converted(HighRange::of(name, "bt2020").unwrap(), [code; 3]);
        // White paper is nearly white, and half of its light as bright as in sRGB (188).
        for (name, paper, half) in [
            ("smpte2084", 0.5807, 0.5089),
            ("arib-std-b67", 0.75, 0.6326),
        ] {
            let [white, dim, black] = [paper, half, 0.0].map(|code| grey(name, code));
            assert!(
                white.iter().all(|&value| (240..=250).contains(&value)),
                "{name} {white:?}"
            );
            assert!(
                dim.iter().all(|&value| value.abs_diff(188) <= 2),
                "{name} {dim:?}"
            );
            assert_eq!(black, [0; 3]);
            // Highlights stay in order.
            let bright = grey(name, 0.5 * (paper + 1.0));
            assert!(bright[0] > white[0], "{name} {bright:?}");
        }
    }

    #[test]
    fn primaries_are_converted_and_white_stays_white() {
        for primaries in ["bt2020", "smpte432"] {
            let kind = HighRange::of("bt709", primaries).unwrap();
            assert_eq!(converted(kind, [1.0; 3]), [255; 3]);
            // A green of sRGB is less than full in wide colours.
            let [red, green, blue] = converted(kind, [0.3, 0.8, 0.3]);
            assert!(green > 204 && red < 76 && blue < 76, "{red} {green} {blue}");
        }
        assert_eq!(HighRange::of("bt709", "bt709"), None);
        assert_eq!(HighRange::of("unknown", "unknown"), None);
    }
}
