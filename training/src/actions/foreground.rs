//! What does not belong to the scene: pixels that differ from the same place in most frames around.

use genie_model::block_matching::{Overlap, Shift};

use super::AgentSettings;
use super::footage::Planes;
use crate::dataset::CHANNELS;

/// Frames of a window, and what each is compared with.
pub(crate) struct Comparison<'a> {
    frames: &'a [Planes],
    /// Smallest and largest value around each pixel, where the camera moves.
    surroundings: Option<Vec<(Planes, Planes)>>,
    /// Place of the scene in each frame, [x, y], in working pixels.
    places: Vec<[f32; 2]>,
    settings: &'a AgentSettings,
}

impl<'a> Comparison<'a> {
    /// `scrolls` gives the scene's displacement from each frame to the next; `tolerant` compares with the surroundings of a pixel.
    pub(crate) fn new(
        frames: &'a [Planes],
        scrolls: &[[f32; 2]],
        tolerant: bool,
        settings: &'a AgentSettings,
    ) -> Self {
        let mut place = [0.0_f32; 2];
        let places = (0..frames.len())
            .map(|index| {
                let here = place;
                if let Some(scroll) = scrolls.get(index) {
                    place = [place[0] + scroll[0], place[1] + scroll[1]];
                }
                here
            })
            .collect();
        Self {
            frames,
            surroundings: tolerant.then(|| frames.iter().map(Planes::surroundings).collect()),
            places,
            settings,
        }
    }

    /// The foreground of a frame, [H, W].
    pub(crate) fn foreground(&self, frame: usize) -> Vec<bool> {
        let picture = &self.frames[frame];
        let (height, width) = (picture.height, picture.width);
        let mut differing = vec![0_u8; height * width];
        let mut compared = vec![0_u8; height * width];
        let mut row_difference = vec![0_u8; width];
        for &offset in &self.settings.compared_frames {
            let Some(other) = frame
                .checked_add_signed(offset as isize)
                .filter(|&other| other < self.frames.len())
            else {
                continue;
            };
            let (low, high) = match &self.surroundings {
                Some(all) => (&all[other].0, &all[other].1),
                None => (&self.frames[other], &self.frames[other]),
            };
            // Where the scene was in the other frame, seen from this one.
            let [right, down] = [0, 1]
                .map(|axis| (self.places[frame][axis] - self.places[other][axis]).round() as i32);
            let Overlap { columns, rows } = Overlap::new(height, width, Shift { right, down });
            if columns.is_empty() {
                continue;
            }
            for y in rows {
                let here = y * width + columns.start..y * width + columns.end;
                let there = (y as i64 - i64::from(down)) as usize * width;
                let there = (there as i64 + columns.start as i64 - i64::from(right)) as usize;
                let there = there..there + columns.len();
                let difference = &mut row_difference[..columns.len()];
                difference.fill(0);
                for channel in 0..CHANNELS {
                    largest_excess(
                        difference,
                        &picture.plane(channel)[here.clone()],
                        &low.plane(channel)[there.clone()],
                        &high.plane(channel)[there.clone()],
                    );
                }
                let threshold = self.settings.foreground_difference;
                for ((votes, count), &difference) in (differing[here.clone()].iter_mut())
                    .zip(&mut compared[here])
                    .zip(&*difference)
                {
                    *votes += u8::from(difference > threshold);
                    *count += 1;
                }
            }
        }
        let (least, share) = (
            self.settings.foreground_votes,
            self.settings.foreground_share,
        );
        differing
            .iter()
            .zip(&compared)
            .map(|(&votes, &count)| {
                count >= least && f32::from(votes) >= share * f32::from(count) - 1e-4
            })
            .collect()
    }
}

/// Raises each difference to how far the value lies outside of its bounds.
fn largest_excess(difference: &mut [u8], values: &[u8], low: &[u8], high: &[u8]) {
    for (((difference, &value), &low), &high) in
        difference.iter_mut().zip(values).zip(low).zip(high)
    {
        let excess = low.saturating_sub(value).max(value.saturating_sub(high));
        *difference = (*difference).max(excess);
    }
}
