//! Frames as sequences of square patches.

use candle_core::Tensor;

use crate::Error;

/// Cuts RGB frames into patches.
///
/// `frames` holds `count` frames of `height * width * 3` bytes. The result is `[count, N, P]` with `P = patch * patch *
/// 3` values between -0.5 and 0.5, patches and pixels in row-major order.
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
    let (rows, columns) = (height / patch, width / patch);
    let mut values = Vec::with_capacity(frames.len());
    for frame in frames.chunks_exact(frame_len) {
        for row in 0..rows {
            for column in 0..columns {
                for y in row * patch..(row + 1) * patch {
                    let start = (y * width + column * patch) * 3;
                    values.extend(
                        frame[start..start + patch * 3]
                            .iter()
                            .map(|&v| f32::from(v) / 255.0 - 0.5),
                    );
                }
            }
        }
    }
    Ok(Tensor::from_vec(
        values,
        (count, rows * columns, patch * patch * 3),
        device,
    )?)
}

/// The inverse of [`frames_to_patches`]: `[.., N, P]` values to RGB bytes, clamped and rounded.
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
    let frame_len = height * width * 3;
    let columns = width / patch;
    let patch_len = patch * patch * 3;
    let mut frames = vec![0; values.len()];
    for (frame, values) in frames
        .chunks_exact_mut(frame_len)
        .zip(values.chunks_exact(frame_len))
    {
        for (index, pixels) in values.chunks_exact(patch_len).enumerate() {
            let (row, column) = (index / columns, index % columns);
            for (y, line) in pixels.chunks_exact(patch * 3).enumerate() {
                let start = ((row * patch + y) * width + column * patch) * 3;
                for (byte, &value) in frame[start..start + patch * 3].iter_mut().zip(line) {
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
}
