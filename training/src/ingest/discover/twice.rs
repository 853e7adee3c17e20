//! Frames that are there twice, in several formats.

use std::collections::{BTreeMap, BTreeSet};

use super::super::source::Stored;
use super::kinds::extension;
use super::words::{counted, few};

/// Formats of pictures, the most faithful one first.
const FAITHFUL: [&str; 4] = ["png", "bmp", "webp", "jpg"];

/// Each frame once: of those whose names differ in their endings alone the one in the most faithful format. The names of the others go
/// to `left`.
pub(super) fn once(files: Vec<Stored>, left: &mut Vec<String>) -> Vec<Stored> {
    let rank = |name: &str| {
        let ending = extension(name);
        FAITHFUL
            .iter()
            .position(|known| *known == ending)
            .unwrap_or(FAITHFUL.len())
    };
    let mut best: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let names: Vec<String> = files.iter().map(Stored::file_name).collect();
    for (place, name) in names.iter().enumerate() {
        let stem = name
            .rsplit_once('.')
            .map_or(name.as_str(), |(stem, _)| stem);
        let this = (rank(name), place);
        let known = best.entry(stem.to_owned()).or_insert(this);
        *known = this.min(*known);
    }
    if best.len() == files.len() {
        return files;
    }
    let kept: BTreeSet<usize> = best.into_values().map(|(_, place)| place).collect();
    let mut once = Vec::new();
    for (place, (file, name)) in files.into_iter().zip(names).enumerate() {
        if kept.contains(&place) {
            once.push(file);
        } else {
            left.push(name);
        }
    }
    once
}

/// What is said of frames that were left aside for another format.
pub(super) fn twice(left: &[String]) -> String {
    format!(
        "{} there in another format too, and left aside: {}",
        counted(left.len(), "frame is", "frames are"),
        few(left)
    )
}
