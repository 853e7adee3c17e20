//! What a picture of the screen shows.

use image::RgbImage;
use image::imageops::crop_imm;

/// A part of a picture, given in thousandths of its width and height: left, top, width, height.
pub fn part(shot: &RgbImage, [left, top, width, height]: [u32; 4]) -> RgbImage {
    let of = |share: u32, whole: u32| share * whole / 1000;
    let (w, h) = shot.dimensions();
    crop_imm(shot, of(left, w), of(top, h), of(width, w), of(height, h)).to_image()
}

/// Share of the pixels that differ visibly between two pictures of one size.
pub fn changed(a: &RgbImage, b: &RgbImage) -> f64 {
    let differs = |(a, b): (&image::Rgb<u8>, &image::Rgb<u8>)| {
        let apart = |i: usize| u32::from(a.0[i].abs_diff(b.0[i]));
        apart(0) + apart(1) + apart(2) > 40
    };
    let pairs = a.pixels().zip(b.pixels());
    let count = pairs.filter(|pair| differs(*pair)).count();
    count as f64 / f64::from((a.width() * a.height()).max(1))
}

/// Share of the pixels that are like a colour.
pub fn share_of(shot: &RgbImage, colour: [u8; 3], tolerance: u8) -> f64 {
    let like = |pixel: &&image::Rgb<u8>| {
        let pairs = pixel.0.iter().zip(colour);
        pairs.into_iter().all(|(a, b)| a.abs_diff(b) <= tolerance)
    };
    let count = shot.pixels().filter(like).count();
    count as f64 / f64::from((shot.width() * shot.height()).max(1))
}

/// How many different colours a picture has.
pub fn colours(shot: &RgbImage) -> usize {
    let all: std::collections::HashSet<_> = shot.pixels().map(|pixel| pixel.0).collect();
    all.len()
}
