//! Pictures whose numbers are no sRGB: wide colours, grey of another brightness, inks.

use genie_training::ingest::{IngestOptions, PaceChoice};
use genie_training::pictures::read_image;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::footage::{chunk, clips, import, keeping, save};

/// A colour profile of a space (`RGB ` or `GRAY`), as the specification of the International Color Consortium lays it out.
fn profile(space: [u8; 4], tags: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let (mut table, mut data) = (Vec::new(), Vec::new());
    let begin = 128 + 4 + 12 * tags.len();
    for (name, contents) in tags {
        table.extend(*name);
        table.extend(((begin + data.len()) as u32).to_be_bytes());
        table.extend((contents.len() as u32).to_be_bytes());
        data.extend(contents);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut out = vec![0; 128];
    out[..4].copy_from_slice(&((begin + data.len()) as u32).to_be_bytes());
    out[8] = 4;
    out[12..16].copy_from_slice(b"mntr");
    out[16..20].copy_from_slice(&space);
    out[20..24].copy_from_slice(b"XYZ ");
    out[36..40].copy_from_slice(b"acsp");
    out[68..80].copy_from_slice(&numbers(&[0.9642, 1.0, 0.8249]));
    out.extend((tags.len() as u32).to_be_bytes());
    out.extend(table);
    out.extend(data);
    out
}

/// Numbers with sixteen bits behind the point.
fn numbers(values: &[f64]) -> Vec<u8> {
    let fixed = values.iter().map(|value| (value * 65536.0).round() as i32);
    fixed.flat_map(i32::to_be_bytes).collect()
}

fn xyz(values: [f64; 3]) -> Vec<u8> {
    [b"XYZ \0\0\0\0".to_vec(), numbers(&values)].concat()
}

/// Display P3: its primaries seen under the light of profiles, and the curve of sRGB.
fn display_p3() -> Vec<u8> {
    let curve = [
        b"para\0\0\0\0\0\x03\0\0".to_vec(),
        numbers(&[2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045]),
    ]
    .concat();
    profile(
        *b"RGB ",
        &[
            (b"wtpt", xyz([0.9642, 1.0, 0.8249])),
            (b"rXYZ", xyz([0.51512, 0.24119, -0.00105])),
            (b"gXYZ", xyz([0.29198, 0.69224, 0.04188])),
            (b"bXYZ", xyz([0.15710, 0.06657, 0.78407])),
            (b"rTRC", curve.clone()),
            (b"gTRC", curve.clone()),
            (b"bTRC", curve),
        ],
    )
}

/// Grey whose numbers are proportional to the light.
fn linear_grey() -> Vec<u8> {
    let curve = b"curv\0\0\0\0\0\0\0\0".to_vec();
    profile(
        *b"GRAY",
        &[(b"wtpt", xyz([0.9642, 1.0, 0.8249])), (b"kTRC", curve)],
    )
}

fn png(colour: ExtendedColorType, pixel: &[u8], profile: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(profile).unwrap();
    encoder
        .write_image(&pixel.repeat(16), 4, 4, colour)
        .unwrap();
    bytes
}

/// The same picture as an animation of one frame.
fn animated(png: &[u8]) -> Vec<u8> {
    let at = png.windows(4).position(|name| name == b"IDAT").unwrap() - 4;
    let mut control = 0_u32.to_be_bytes().to_vec();
    for number in [4_u32, 4, 0, 0] {
        control.extend(number.to_be_bytes());
    }
    control.extend([0, 1, 0, 10, 0, 0]);
    [
        png[..at].to_vec(),
        chunk(*b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]),
        chunk(*b"fcTL", &control),
        png[at..].to_vec(),
    ]
    .concat()
}

/// A JPEG of eight by eight pixels in four inks, each stored as what it leaves of the light, as Adobe's programs write it.
fn inks(light: [u8; 4]) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let length = (data.len() as u16 + 2).to_be_bytes();
        [&[0xFF, marker], &length[..], data].concat()
    };
    let mut bits: Vec<u8> = Vec::new();
    for value in light {
        // Of the whole block: eight times the value, in steps of eight.
        let value = i32::from(value) - 128;
        let length = 32 - value.unsigned_abs().leading_zeros();
        let code = if value < 0 {
            value + (1 << length) - 1
        } else {
            value
        };
        let mut put = |number: u32, count: u32| {
            bits.extend((0..count).rev().map(|bit| ((number >> bit) & 1) as u8));
        };
        put(length, 4);
        put(code as u32, length);
        // Nothing else is in the block.
        put(0, 1);
    }
    bits.resize(bits.len().next_multiple_of(8), 1);
    let data = bits.chunks(8).flat_map(|bits| {
        let byte = bits.iter().fold(0, |byte, bit| (byte << 1) | bit);
        if byte == 0xFF {
            vec![0xFF, 0]
        } else {
            vec![byte]
        }
    });
    let data: Vec<u8> = data.collect();
    let mut lengths = vec![0; 16];
    lengths[3] = 9;
    let brightest: Vec<u8> = [vec![0], lengths, (0..9).collect()].concat();
    let mut lengths = vec![0; 16];
    lengths[0] = 1;
    let others: Vec<u8> = [vec![0x10], lengths, vec![0]].concat();
    let components: Vec<u8> = (1..=4).flat_map(|number| [number, 0x11, 0]).collect();
    let scanned: Vec<u8> = (1..=4).flat_map(|number| [number, 0]).collect();
    [
        vec![0xFF, 0xD8],
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"),
        segment(0xDB, &[vec![0], vec![8; 64]].concat()),
        segment(0xC0, &[vec![8, 0, 8, 0, 8, 4], components].concat()),
        segment(0xC4, &brightest),
        segment(0xC4, &others),
        segment(0xDA, &[vec![4], scanned, vec![0, 63, 0]].concat()),
        data,
        vec![0xFF, 0xD9],
    ]
    .concat()
}

/// Both ways into the program, the import and a prompt, must show this colour.
fn assert_shown(name: &str, bytes: &[u8], expected: [u8; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let path = save(&folder.path().join("clip"), name, bytes);
    let out = folder.path().join("out");
    let options = IngestOptions {
        pace: PaceChoice::FramesPerSecond(10.0),
        ..keeping(4, 4)
    };
    import(&path, &out, &options).unwrap();
    let near = |seen: &[u8]| {
        let off = seen.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off <= Some(2), "{name}: {:?}, not {expected:?}", &seen[..3]);
    };
    near(&clips(&out)[0][0][..3]);
    near(&read_image(&path).unwrap().pixels[..3]);
}

// The expected colours were computed from the definitions of the colour spaces by another program.

#[test]
fn wide_colours_come_out_in_srgb() {
    for (pixel, expected) in [
        ([200, 100, 50], [215, 93, 31]),
        ([90, 160, 220], [61, 162, 226]),
        ([128, 128, 128], [128, 128, 128]),
    ] {
        let still = png(ExtendedColorType::Rgb8, &pixel, display_p3());
        assert_shown("p3.png", &still, expected);
        assert_shown("p3.apng", &animated(&still), expected);
        let alpha = [&pixel[..], &[255]].concat();
        let alpha = png(ExtendedColorType::Rgba8, &alpha, display_p3());
        assert_shown("p3a.png", &alpha, expected);
    }
}

#[test]
fn grey_has_the_brightness_that_its_profile_says() {
    for (value, expected) in [(0, 0), (55, 128), (128, 188), (255, 255)] {
        let still = png(ExtendedColorType::L8, &[value], linear_grey());
        assert_shown("grey.png", &still, [expected; 3]);
        assert_shown("grey.apng", &animated(&still), [expected; 3]);
        let alpha = png(ExtendedColorType::La8, &[value, 255], linear_grey());
        assert_shown("grey-alpha.png", &alpha, [expected; 3]);
    }
}

#[test]
fn inks_become_the_colours_that_they_show() {
    for (light, expected) in [
        ([200, 100, 50, 255], [200, 100, 50]),
        ([200, 100, 50, 128], [100, 50, 25]),
        ([255, 255, 255, 255], [255, 255, 255]),
        ([255, 255, 255, 0], [0, 0, 0]),
    ] {
        assert_shown("inks.jpg", &inks(light), expected);
    }
}
