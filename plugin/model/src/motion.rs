//! Motion features: an input of the latent action model that does not depend on colours.
//!
//! Every patch of the later frame is compared with the earlier frame under a grid of shifts. How much better one shift explains
//! the patch than the others says where the patch came from, so that an action which moves the scene gives the same features
//! in every theme. The features are computed, not learned.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::block_matching::Picture;
use crate::patch::patch_grid;

/// Shifts per axis: from one patch side to the left or up to one to the right or down, in quarters of a patch.
const SHIFTS: usize = 9;

/// Number of features per patch: one for each shift, the difference without a shift, the difference under the best shift,
/// and how much better the best shift of the patch explains it than the shift of the scene.
pub const MOTION_FEATURES: usize = SHIFTS * SHIFTS + 3;

/// Features `[T - 1, N, MOTION_FEATURES]`, flattened, of the transitions between successive frames of a clip.
///
/// `frames` holds `T` RGB frames of `height * width * 3` bytes; `patch` is the side of a patch in pixels. Frames that patches do not
/// divide are padded as by [`frames_to_patches`](crate::frames_to_patches). Shift features
/// are standardised per patch (zeros for a patch that all shifts explain equally well), the next two lie
/// between 0 and 1. The last feature is not negative and far above 0 where something moves by itself: the scene moves by
/// the shift that explains most patches best.
pub fn motion_features(frames: &[u8], height: usize, width: usize, patch: usize) -> Vec<f32> {
    let frame_len = height * width * 3;
    let pairs = (frames.len() / frame_len.max(1)).saturating_sub(1);
    let (rows, columns) = patch_grid(height, width, patch);
    let tokens = rows * columns;
    let mut features = vec![0.0; pairs * tokens * MOTION_FEATURES];
    features
        .par_chunks_exact_mut(tokens * MOTION_FEATURES)
        .enumerate()
        .for_each(|(pair, features)| {
            let before = &frames[pair * frame_len..][..frame_len];
            let after = &frames[(pair + 1) * frame_len..][..frame_len];
            transition_features(before, after, height, width, patch, features);
        });
    features
}

fn transition_features(
    before: &[u8],
    after: &[u8],
    height: usize,
    width: usize,
    patch: usize,
    features: &mut [f32],
) {
    let (rows, columns) = patch_grid(height, width, patch);
    let [whole_height, whole_width] = [rows * patch, columns * patch];
    let [padded_height, padded_width] = [whole_height, whole_width].map(|side| side + 2 * patch);
    let padded = pad(
        before,
        [height, width],
        patch,
        [padded_height, padded_width],
    );
    let after = if [whole_height, whole_width] == [height, width] {
        Cow::Borrowed(after)
    } else {
        Cow::Owned(pad(after, [height, width], 0, [whole_height, whole_width]))
    };
    let (Some(padded), Some(after)) = (
        Picture::rgb(&padded, padded_height, padded_width),
        Picture::rgb(&after, whole_height, whole_width),
    ) else {
        return;
    };
    let mut errors = [0.0f32; SHIFTS * SHIFTS];
    for (token, out) in features.chunks_exact_mut(MOTION_FEATURES).enumerate() {
        let (top, left) = (token / columns * patch, token % columns * patch);
        for (index, error) in errors.iter_mut().enumerate() {
            let from = [
                left + shift_origin(index % SHIFTS, patch),
                top + shift_origin(index / SHIFTS, patch),
            ];
            let sum = after.block_difference([left, top], &padded, from, (patch, patch));
            *error = sum as f32 / (patch * patch * 3) as f32 / 255.0;
        }
        let count = errors.len() as f32;
        let mean = errors.iter().sum::<f32>() / count;
        let variance = errors.iter().map(|e| (e - mean).powi(2)).sum::<f32>() / count;
        let deviation = variance.sqrt();
        // Below about one grey level there is nothing but noise to tell shifts apart.
        let scale = 1.0 / (deviation + 0.004);
        for (value, error) in out.iter_mut().zip(&errors) {
            *value = (mean - error) * scale;
        }
        let best = errors.iter().copied().fold(f32::INFINITY, f32::min);
        let in_place = errors[SHIFTS * SHIFTS / 2];
        out[SHIFTS * SHIFTS] = (10.0 * in_place).tanh();
        out[SHIFTS * SHIFTS + 1] = (10.0 * best).tanh();
    }
    own_motion(features);
}

/// Where a patch at 0 comes from under one of the shifts along an axis, in the padded picture, whose origin is one patch before.
/// Where quarters of a patch are no whole pixels they are rounded alike in both directions.
fn shift_origin(shift: usize, patch: usize) -> usize {
    let quarters = shift.abs_diff(SHIFTS / 2);
    let pixels = (quarters * patch + 2) / 4;
    if shift < SHIFTS / 2 {
        patch - pixels
    } else {
        patch + pixels
    }
}

/// Fills in the last feature of every patch.
fn own_motion(features: &mut [f32]) {
    let scene = strongest(&profile(features, |_| 1.0));
    for patch in features.chunks_exact_mut(MOTION_FEATURES) {
        let best = patch[..SHIFTS * SHIFTS].iter().copied().fold(0.0, f32::max);
        patch[MOTION_FEATURES - 1] = best - patch[scene];
    }
}

/// For each shift, how well it explains the patches: a weighted sum over all of them.
fn profile(features: &[f32], weight: impl Fn(&[f32]) -> f32) -> [f32; SHIFTS * SHIFTS] {
    let mut profile = [0f32; SHIFTS * SHIFTS];
    for patch in features.chunks_exact(MOTION_FEATURES) {
        let weight = weight(patch);
        for (sum, value) in profile.iter_mut().zip(patch) {
            *sum += weight * value;
        }
    }
    profile
}

/// The shift that explains most; the zero shift if all are equal.
fn strongest(profile: &[f32; SHIFTS * SHIFTS]) -> usize {
    (0..profile.len()).fold(profile.len() / 2, |best, shift| {
        if profile[shift] > profile[best] {
            shift
        } else {
            best
        }
    })
}

/// Below this, in deviations of a patch's shift features, nothing moves by itself.
const OWN_MOTION: f32 = 0.5;

/// Directions of motion in one transition: signs of displacements, `[x, y]`, to the right and downwards positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MotionSigns {
    /// Of most of the picture, such as the scenery under a camera that follows.
    pub scene: [i8; 2],
    /// Of what moves differently, such as the hero; 0 where nothing does.
    pub own: [i8; 2],
}

/// The signs of one transition from its features `[N, MOTION_FEATURES]`.
pub fn motion_signs(features: &[f32]) -> MotionSigns {
    let weight = |patch: &[f32]| patch[MOTION_FEATURES - 1].powi(2);
    let weights = 1.0
        + features
            .chunks_exact(MOTION_FEATURES)
            .map(weight)
            .sum::<f32>();
    let sign = |profile: &[f32; SHIFTS * SHIFTS], least: f32| {
        let best = strongest(profile);
        if profile[best] <= least {
            return [0, 0];
        }
        // The search gives where a patch came from: from the left means to the right.
        let centre = SHIFTS / 2;
        [best % SHIFTS, best / SHIFTS].map(|from| (centre as i8 - from as i8).signum())
    };
    MotionSigns {
        scene: sign(&profile(features, |_| 1.0), 0.0),
        own: sign(&profile(features, weight), OWN_MOTION * weights),
    }
}

/// The frame of `[height, width]` with its edge pixels repeated: `margin` times above and to the left, and below and to the right as often
/// as a picture of `padded` height and width takes.
fn pad(frame: &[u8], [height, width]: [usize; 2], margin: usize, padded: [usize; 2]) -> Vec<u8> {
    let [padded_height, padded_width] = padded;
    let mut pixels = Vec::with_capacity(padded_height * padded_width * 3);
    for y in 0..padded_height {
        let y = y.saturating_sub(margin).min(height - 1);
        let row = &frame[y * width * 3..][..width * 3];
        pixels.extend(std::iter::repeat_n(&row[..3], margin).flatten());
        pixels.extend(row);
        let rest = padded_width - margin - width;
        pixels.extend(std::iter::repeat_n(&row[row.len() - 3..], rest).flatten());
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A textured picture whose content is moved by `dx` pixels, in the given colours.
    fn picture(dx: i32, colours: [[u8; 3]; 2]) -> Vec<u8> {
        let texel = |x: i32, y: i32| (x.wrapping_mul(31) ^ y.wrapping_mul(17)).rem_euclid(7) < 3;
        (0..64 * 64)
            .flat_map(|i| colours[usize::from(texel(i % 64 - dx, i / 64))])
            .collect()
    }

    fn best_shift(features: &[f32]) -> usize {
        let shifts = &features[..SHIFTS * SHIFTS];
        (0..shifts.len())
            .max_by(|&a, &b| shifts[a].total_cmp(&shifts[b]))
            .unwrap()
    }

    #[test]
    fn finds_the_shift_and_ignores_colour() {
        let themes = [[[20, 200, 40], [250, 10, 0]], [[0, 0, 90], [255, 250, 240]]];
        let mut seen = Vec::new();
        for colours in themes {
            let clip = [picture(0, colours), picture(4, colours)].concat();
            let features = motion_features(&clip, 64, 64, 8);
            assert_eq!(features.len(), 64 * MOTION_FEATURES);
            // A patch in the middle came from 4 pixels further left: half a patch, two steps left of the centre.
            let patch = &features[(3 * 8 + 4) * MOTION_FEATURES..][..MOTION_FEATURES];
            assert_eq!(best_shift(patch), SHIFTS * SHIFTS / 2 - 2);
            seen.push(patch[..SHIFTS * SHIFTS].to_vec());
        }
        let off = seen[0]
            .iter()
            .zip(&seen[1])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(off < 0.2, "colours change the features by {off}");
    }

    #[test]
    fn what_moves_by_itself_stands_out() {
        let colours = [[20, 200, 40], [250, 10, 0]];
        let (mut before, mut after) = (picture(0, colours), picture(4, colours));
        // An object on the patch in row 3, column 5 rises by two pixels while the scene moves.
        for (frame, top) in [(&mut before, 26), (&mut after, 24)] {
            for y in 0..8 {
                for x in 0..8 {
                    let shade = ((x * 37) ^ (y * 91)) as u8;
                    frame[((top + y) * 64 + 40 + x) * 3..][..3].fill(shade);
                }
            }
        }
        let features = motion_features(&[before, after].concat(), 64, 64, 8);
        let own: Vec<f32> = features
            .chunks_exact(MOTION_FEATURES)
            .map(|patch| patch[MOTION_FEATURES - 1])
            .collect();
        let inside = |token: usize| (2..6).contains(&(token % 8)) && (1..7).contains(&(token / 8));
        let most = (0..64)
            .filter(|&t| inside(t))
            .max_by(|&a, &b| own[a].total_cmp(&own[b]));
        assert_eq!(most, Some(3 * 8 + 5));
        assert!(own.iter().all(|&v| v >= 0.0));
        let signs = motion_signs(&features);
        assert_eq!((signs.scene, signs.own), ([1, 0], [0, -1]));
        let still = motion_features(
            &[picture(0, colours), picture(0, colours)].concat(),
            64,
            64,
            8,
        );
        assert_eq!(motion_signs(&still), MotionSigns::default());
        assert!(own[5 * 8 + 3] < 0.1 * own[3 * 8 + 5]);
    }

    #[test]
    fn shifts_are_the_same_in_both_directions_whatever_the_patch() {
        for patch in 1..=16 {
            let origins: Vec<usize> = (0..SHIFTS).map(|s| shift_origin(s, patch)).collect();
            let mirrored: Vec<usize> = origins.iter().rev().map(|at| 2 * patch - at).collect();
            assert_eq!(origins, mirrored, "patch {patch}");
            assert_eq!((origins[0], origins[SHIFTS - 1]), (0, 2 * patch));
            assert!(origins.is_sorted());
        }
        let of_eight: Vec<usize> = (0..SHIFTS).map(|s| shift_origin(s, 8)).collect();
        assert_eq!(of_eight, [0, 2, 4, 6, 8, 10, 12, 14, 16]);
    }

    #[test]
    fn frames_that_patches_do_not_divide_have_the_motion_of_padded_ones() {
        let colours = [[20, 200, 40], [250, 10, 0]];
        let crop = |frame: &[u8], height: usize, width: usize| -> Vec<u8> {
            let rows = frame.chunks_exact(64 * 3).take(height);
            rows.flat_map(|row| &row[..width * 3]).copied().collect()
        };
        let [before, after] = [picture(0, colours), picture(4, colours)];
        let (height, width) = (45, 50);
        let clip = [crop(&before, height, width), crop(&after, height, width)];
        // The same frames, padded by hand: last columns and rows are repeated.
        let padded = clip.each_ref().map(|frame| {
            let pixel = |y: usize, x: usize| {
                &frame[(y.min(height - 1) * width + x.min(width - 1)) * 3..][..3]
            };
            let places = (0..48 * 56).map(|place| (place / 56, place % 56));
            places
                .flat_map(|(y, x)| pixel(y, x))
                .copied()
                .collect::<Vec<u8>>()
        });
        let features = motion_features(&clip.concat(), height, width, 8);
        assert_eq!(features.len(), 6 * 7 * MOTION_FEATURES);
        assert_eq!(features, motion_features(&padded.concat(), 48, 56, 8));
        // A patch in the middle came from half a patch further left.
        let patch = &features[(3 * 7 + 3) * MOTION_FEATURES..][..MOTION_FEATURES];
        assert_eq!(best_shift(patch), SHIFTS * SHIFTS / 2 - 2);
    }

    #[test]
    fn a_still_flat_picture_gives_zeros() {
        let clip = vec![7u8; 64 * 64 * 3 * 2];
        assert!(motion_features(&clip, 64, 64, 8).iter().all(|&v| v == 0.0));
    }
}
