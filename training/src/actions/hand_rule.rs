//! The hand-written rule that latent actions used to start from, kept as a baseline: signs of motion of the scene and of what
//! moves by itself, made for side-scrolling platformers.

use std::collections::HashMap;

use rayon::prelude::*;

use super::footage::{FrameSource, Planes, WorkingSize, read_window, windows};
use crate::dataset::DatasetError;

/// Signs seen in a smaller share of the transitions count as no motion.
const RARE: f64 = 0.02;
/// A scene that moves along an axis in this share of the transitions is seen by a camera that follows along it.
const CAMERA_FOLLOWS: f64 = 0.1;
const WORKING_EDGE: usize = 64;
const PATCH: usize = 8;

/// The rule, fitted to footage: which axes a camera follows, and which ways occur.
#[derive(Debug, Clone)]
pub struct HandRule {
    camera_follows: [bool; 2],
    /// Whether a sign (-1, 1) of an axis occurs often enough.
    occurs: [[bool; 2]; 2],
    /// Codes of the frequent ways.
    codes: HashMap<[i8; 2], usize>,
}

/// Signs of the scene's and the own motion, [x, y] each.
type Signs = ([i8; 2], [i8; 2]);

impl HandRule {
    /// Fits the rule with at most so many codes.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn fit(source: &dyn FrameSource, actions: usize) -> Result<Self, DatasetError> {
        let signs: Vec<Signs> = signs(source)?.into_iter().flatten().collect();
        let share = |count: usize| count as f64 / signs.len().max(1) as f64;
        let camera_follows = [0, 1].map(|axis| {
            share(signs.iter().filter(|(scene, _)| scene[axis] != 0).count()) >= CAMERA_FOLLOWS
        });
        let mut rule = Self {
            camera_follows,
            occurs: [[true; 2]; 2],
            codes: HashMap::new(),
        };
        let ways: Vec<[i8; 2]> = signs.iter().map(|signs| rule.way(*signs)).collect();
        rule.occurs = [0, 1].map(|axis| {
            [-1, 1].map(|sign| share(ways.iter().filter(|way| way[axis] == sign).count()) >= RARE)
        });
        let mut counts: HashMap<[i8; 2], usize> = HashMap::new();
        for signs in &signs {
            *counts.entry(rule.way(*signs)).or_default() += 1;
        }
        let mut frequent: Vec<([i8; 2], usize)> = counts.into_iter().collect();
        frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        frequent.truncate(actions);
        rule.codes = frequent
            .into_iter()
            .enumerate()
            .map(|(code, (way, _))| (way, code))
            .collect();
        Ok(rule)
    }

    /// The codes of every clip.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn apply(&self, source: &dyn FrameSource) -> Result<Vec<Vec<usize>>, DatasetError> {
        let code = |signs: &Signs| self.codes.get(&self.way(*signs)).copied().unwrap_or(0);
        Ok(signs(source)?
            .iter()
            .map(|clip| clip.iter().map(code).collect())
            .collect())
    }

    fn way(&self, (scene, own): Signs) -> [i8; 2] {
        [0, 1].map(|axis| {
            let sign = if self.camera_follows[axis] {
                -scene[axis]
            } else {
                own[axis]
            };
            let occurs = match sign {
                -1 => self.occurs[axis][0],
                1 => self.occurs[axis][1],
                _ => true,
            };
            if occurs { sign } else { 0 }
        })
    }
}

/// The signs of every transition of every clip.
fn signs(source: &dyn FrameSource) -> Result<Vec<Vec<Signs>>, DatasetError> {
    let size = WorkingSize::new(source.frame_size(), WORKING_EDGE);
    let clips: Vec<usize> = (0..source.clip_count()).collect();
    let windows = windows(source, &clips, 1);
    let parts: Vec<Vec<Signs>> = windows
        .par_iter()
        .map(|window| {
            let frames = read_window(source, window, size)?;
            let used = &frames[window.start - window.read_start..];
            let bytes: Vec<u8> = used.iter().flat_map(Planes::interleaved).collect();
            let (rows, columns) = genie_model::patch_grid(size.height, size.width, PATCH);
            let width = rows * columns * genie_model::MOTION_FEATURES;
            let features = genie_model::motion_features(&bytes, size.height, size.width, PATCH);
            Ok(features
                .chunks_exact(width.max(1))
                .take(window.end - window.start)
                .map(|features| {
                    let found = genie_model::motion_signs(features);
                    (found.scene, found.own)
                })
                .collect())
        })
        .collect::<Result<_, DatasetError>>()?;
    let mut all: Vec<Vec<Signs>> = vec![Vec::new(); source.clip_count()];
    for (window, part) in windows.iter().zip(parts) {
        all[window.clip].extend(part);
    }
    Ok(all)
}
