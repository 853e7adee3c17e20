//! Frames as sequences of square patches.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::Error;

/// Rows and columns of the patches that cover a frame. Where the side of a patch does not divide a side of the frame, the last
/// patches reach beyond it.
pub fn patch_grid(height: usize, width: usize, patch: usize) -> (usize, usize) {
    (height.div_ceil(patch), width.div_ceil(patch))
}

/// Cuts RGB frames into patches.
///
/// `frames` holds `count` frames of `height * width * 3` bytes. The result is `[count, N, P]` with `P = patch * patch *
/// 3` values between -0.5 and 0.5, patches and pixels in row-major order. Frames that patches do not divide are padded at
/// the right and at the bottom by repeating the last column and row, as for the 160x90 footage of the paper.
///
/// # Errors
/// [`Error::FrameSize`] if the bytes are not a whole number of frames.
pub fn frames_to_patches(
    frames: &[u8],
    height: usize,
    width: usize,
    patch: usize,
    device: &candle_core::Device,
) -> Result<Tensor, Error> {
    let frame_len = height * width * 3;
    if frame_len == 0 || !frames.len().is_multiple_of(frame_len) {
        return Err(Error::FrameSize {
            width,
            height,
            channels: 3,
            expected: frame_len,
            actual: frames.len(),
        });
    }
    let count = frames.len() / frame_len;
    let (rows, columns) = patch_grid(height, width, patch);
    let value = |&byte: &u8| f32::from(byte) / 255.0 - 0.5;
    let line_len = patch * 3;
    let patches_len = rows * columns * patch * line_len;
    let mut values = vec![0f32; count * patches_len];
    let cut = |(frame, patches): (&[u8], &mut [f32])| {
        for (index, to) in patches.chunks_exact_mut(line_len).enumerate() {
            // Lines of a patch, patches of a row, rows.
            let (place, line) = (index / patch, index % patch);
            let (row, column) = (place / columns, place % columns);
            let inside = line_len.min((width - column * patch) * 3);
            let y = (row * patch + line).min(height - 1);
            let start = (y * width + column * patch) * 3;
            let from = &frame[start..start + inside];
            for (to, byte) in to.iter_mut().zip(from) {
                *to = value(byte);
            }
            let last = &from[inside - 3..];
            for pixel in to[inside..].chunks_exact_mut(3) {
                for (to, byte) in pixel.iter_mut().zip(last) {
                    *to = value(byte);
                }
            }
        }
    };
    let pairs = frames
        .par_chunks_exact(frame_len)
        .zip(values.par_chunks_exact_mut(patches_len));
    pairs.with_min_len(4).for_each(cut);
    Ok(Tensor::from_vec(
        values,
        (count, rows * columns, patch * patch * 3),
        device,
    )?)
}

/// The inverse of [`frames_to_patches`]: `[.., N, P]` values to RGB bytes, clamped and rounded, without the padding.
///
/// # Errors
/// [`Error::Tensor`] if the values cannot be read.
pub fn patches_to_frames(
    patches: &Tensor,
    height: usize,
    width: usize,
    patch: usize,
) -> Result<Vec<u8>, Error> {
    let values = patches.flatten_all()?.to_vec1::<f32>()?;
    let (rows, columns) = patch_grid(height, width, patch);
    let patch_len = patch * patch * 3;
    let (frame_len, padded_len) = (height * width * 3, rows * columns * patch_len);
    let mut frames = vec![0; values.len() / padded_len.max(1) * frame_len];
    for (frame, values) in frames
        .chunks_exact_mut(frame_len.max(1))
        .zip(values.chunks_exact(padded_len.max(1)))
    {
        for (index, pixels) in values.chunks_exact(patch_len).enumerate() {
            let (top, left) = (index / columns * patch, index % columns * patch);
            let inside = patch.min(width - left) * 3;
            for (y, line) in (top..height).zip(pixels.chunks_exact(patch * 3)) {
                let start = (y * width + left) * 3;
                for (byte, &value) in frame[start..start + inside].iter_mut().zip(line) {
                    *byte = ((value + 0.5) * 255.0).round().clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn patches_are_row_major_and_invert() {
        let (height, width, patch) = (4, 6, 2);
        let frames: Vec<u8> = (0..2 * height * width * 3)
            .map(|i| (i % 251) as u8)
            .collect();
        let patches = frames_to_patches(&frames, height, width, patch, &Device::Cpu).unwrap();
        assert_eq!(patches.dims(), [2, 6, 12]);
        let second = patches
            .get(0)
            .unwrap()
            .get(1)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert!((second[0] - (6.0 / 255.0 - 0.5)).abs() < 1e-6);
        assert_eq!(
            patches_to_frames(&patches, height, width, patch).unwrap(),
            frames
        );
        assert!(frames_to_patches(&frames[1..], height, width, patch, &Device::Cpu).is_err());
    }

    #[test]
    fn frames_that_patches_do_not_divide_are_padded_and_cropped_back() {
        let (height, width, patch) = (5, 7, 4);
        let frames: Vec<u8> = (0..2 * height * width * 3)
            .map(|i| (i * 7 % 251) as u8)
            .collect();
        let patches = frames_to_patches(&frames, height, width, patch, &Device::Cpu).unwrap();
        assert_eq!(patches.dims(), [2, 4, 48]);
        assert_eq!(
            patches_to_frames(&patches, height, width, patch).unwrap(),
            frames
        );
        // The last patch holds the corner pixel of the frame in all of its padding.
        let last = patches.get(0).unwrap().get(3).unwrap();
        let last = last.to_vec1::<f32>().unwrap();
        let corner = &frames[(height * width - 1) * 3..][..3];
        let corner: Vec<f32> = corner.iter().map(|&v| f32::from(v) / 255.0 - 0.5).collect();
        assert_eq!(last[15 * 3..], corner);
        assert_eq!(last[7 * 3..][..3], corner);
    }
}
