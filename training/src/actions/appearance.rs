//! Which blobs are the same thing: classes of looks, and groups of classes that turn into each other as things change their pose.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::AgentSettings;
use super::blobs::{LOOK_VALUES, look_colour};
use super::k_means::{nearest, settle};
use super::observation::{Blob, ClipObservation};

/// Links outward that every class is given on top: rare classes must not be merged by a handful.
const PRIOR_LINKS: f32 = 20.0;

/// Centres of the classes of looks.
pub(crate) type ClassCentres = Vec<[f32; LOOK_VALUES]>;

/// Fits classes to the looks of blobs; fewer than asked for where there are few blobs.
pub(crate) fn fit_classes(
    clips: &[ClipObservation],
    settings: &AgentSettings,
    seed: u64,
) -> ClassCentres {
    let looks: Vec<&[f32; LOOK_VALUES]> = clips
        .iter()
        .flat_map(|clip| clip.blobs.iter().flatten())
        .map(|blob| &blob.look)
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let count = looks.len().min(settings.class_samples);
    let samples: Vec<[f32; LOOK_VALUES]> = sample(&mut rng, looks.len(), count)
        .into_iter()
        .map(|index| *looks[index])
        .collect();
    // Starts drawn evenly, not by distance: frequent looks deserve several classes, oddities none.
    let mut centres: ClassCentres = samples.iter().take(settings.classes).copied().collect();
    settle(&samples, &mut centres, settings.class_rounds);
    centres
}

/// The class of every blob of every frame.
pub(crate) fn classify(clip: &ClipObservation, centres: &ClassCentres) -> Vec<Vec<usize>> {
    clip.blobs
        .iter()
        .map(|blobs| {
            blobs
                .iter()
                .map(|blob| nearest(&blob.look, centres).0)
                .collect()
        })
        .collect()
}

/// How often classes turn into each other, and occur together.
struct ClassCounts {
    classes: usize,
    /// [from, to]: links between blobs of consecutive frames.
    links: Vec<f32>,
    /// Frames in which both occur; the diagonal holds each class's own frames.
    together: Vec<f32>,
}

impl ClassCounts {
    fn new(classes: usize) -> Self {
        Self {
            classes,
            links: vec![0.0; classes * classes],
            together: vec![0.0; classes * classes],
        }
    }

    fn add(mut self, other: &Self) -> Self {
        for (sum, value) in self.links.iter_mut().zip(&other.links) {
            *sum += value;
        }
        for (sum, value) in self.together.iter_mut().zip(&other.together) {
            *sum += value;
        }
        self
    }

    fn of_clip(
        clip: &ClipObservation,
        labels: &[Vec<usize>],
        classes: usize,
        settings: &AgentSettings,
    ) -> Self {
        let mut counts = Self::new(classes);
        for (frame, (blobs, labels_here)) in clip.blobs.iter().zip(labels).enumerate() {
            let mut present = labels_here.clone();
            present.sort_unstable();
            present.dedup();
            for &a in &present {
                for &b in &present {
                    counts.together[a * classes + b] += 1.0;
                }
            }
            let Some(next) = clip.blobs.get(frame + 1) else {
                continue;
            };
            for (blob, &from) in blobs.iter().zip(labels_here) {
                if let Some(to) = linked(blob, next, settings) {
                    counts.links[from * classes + labels[frame + 1][to]] += 1.0;
                }
            }
        }
        counts
    }
}

/// The blob of the next frame that a blob has become.
fn linked(blob: &Blob, next: &[Blob], settings: &AgentSettings) -> Option<usize> {
    let found = blob
        .forward
        .filter(|found| found.cost < settings.link_cost)?;
    let expected = [
        blob.centre[0] + found.shift[0],
        blob.centre[1] + found.shift[1],
    ];
    let distance = |other: &Blob| {
        let [x, y] = [0, 1].map(|axis| (other.centre[axis] - expected[axis]).abs());
        x.max(y)
    };
    next.iter()
        .map(distance)
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, distance)| *distance < settings.link_distance)
        .map(|(index, _)| index)
}

/// A set of classes that are one kind of thing.
pub(crate) type Group = Vec<usize>;

/// Merges classes that turn into each other, the pair with most links relative to the rarer one's first.
pub(crate) fn group_classes(
    clips: &[ClipObservation],
    labels: &[Vec<Vec<usize>>],
    centres: &ClassCentres,
    settings: &AgentSettings,
) -> Vec<Group> {
    let classes = centres.len();
    let counts = clips
        .par_iter()
        .zip(labels)
        .map(|(clip, labels)| ClassCounts::of_clip(clip, labels, classes, settings))
        // Sums of whole numbers: the order does not matter.
        .reduce(|| ClassCounts::new(classes), |a, b| a.add(&b));
    let mut groups: Vec<Group> = (0..classes).map(|class| vec![class]).collect();
    loop {
        let frames = frames_with(clips, labels, &groups, classes);
        let mut best: Option<(f32, usize, usize)> = None;
        for a in 0..groups.len() {
            for b in a + 1..groups.len() {
                if !may_merge(
                    &groups[a],
                    &groups[b],
                    &frames,
                    (a, b),
                    centres,
                    &counts,
                    settings,
                ) {
                    continue;
                }
                let affinity = affinity(&groups[a], &groups[b], &counts);
                if affinity >= settings.merge_share && best.is_none_or(|(most, ..)| affinity > most)
                {
                    best = Some((affinity, a, b));
                }
            }
        }
        let Some((_, a, b)) = best else {
            return groups;
        };
        let merged = groups.remove(b);
        groups[a].extend(merged);
    }
}

/// Frames in which each group occurs, and in which each pair does: [groups, groups] with the groups' own on the diagonal.
fn frames_with(
    clips: &[ClipObservation],
    labels: &[Vec<Vec<usize>>],
    groups: &[Group],
    classes: usize,
) -> Vec<f32> {
    let count = groups.len();
    let mut group_of = vec![0; classes];
    for (index, group) in groups.iter().enumerate() {
        for &class in group {
            group_of[class] = index;
        }
    }
    let group_of = &group_of;
    clips
        .par_iter()
        .zip(labels)
        .map(|(_, labels)| {
            let mut sums = vec![0.0_f32; count * count];
            for frame in labels {
                let mut present: Vec<usize> = frame.iter().map(|&class| group_of[class]).collect();
                present.sort_unstable();
                present.dedup();
                for &a in &present {
                    for &b in &present {
                        sums[a * count + b] += 1.0;
                    }
                }
            }
            sums
        })
        .reduce(
            || vec![0.0; count * count],
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            },
        )
}

fn may_merge(
    a: &[usize],
    b: &[usize],
    frames: &[f32],
    (index_a, index_b): (usize, usize),
    centres: &ClassCentres,
    counts: &ClassCounts,
    settings: &AgentSettings,
) -> bool {
    let groups = frames.len().isqrt();
    let rarer = frames[index_a * groups + index_a].min(frames[index_b * groups + index_b]);
    if frames[index_a * groups + index_b] > settings.merge_together * rarer {
        return false;
    }
    let mean = |group: &[usize]| {
        let (mut sum, mut weight) = ([0.0; 3], 0.0);
        for &class in group {
            let frames = counts.together[class * counts.classes + class] + 1.0;
            let colour = look_colour(&centres[class]);
            sum.iter_mut()
                .zip(colour)
                .for_each(|(sum, value)| *sum += frames * value);
            weight += frames;
        }
        sum.map(|sum| sum / weight)
    };
    let (colour_a, colour_b) = (mean(a), mean(b));
    colour_a
        .iter()
        .zip(colour_b)
        .all(|(a, b)| (a - b).abs() <= settings.merge_colour)
}

/// Links between two groups, as a share of those that lead out of the one with fewer.
fn affinity(a: &[usize], b: &[usize], counts: &ClassCounts) -> f32 {
    let links = |from: &[usize], to: &[usize]| -> f32 {
        from.iter()
            .flat_map(|&x| to.iter().map(move |&y| (x, y)))
            .map(|(x, y)| counts.links[x * counts.classes + y])
            .sum()
    };
    let all: Vec<usize> = (0..counts.classes).collect();
    let outward = |group: &[usize]| {
        links(group, &all) + links(&all, group) + PRIOR_LINKS * group.len() as f32
            - 2.0 * links(group, group)
    };
    (links(a, b) + links(b, a)) / outward(a).min(outward(b)).max(1.0)
}
