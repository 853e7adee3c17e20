//! The parts of long footage that are read by themselves: several at a time, and none again after an interruption.

use super::IngestOptions;
use super::source::{Source, SourceInfo};

/// Length of a part, in seconds. The last one of a source is up to twice as long.
const PART_SECONDS: f64 = 600.0;
/// Fewer bytes are no such part, whatever a file says of its length.
const PART_BYTES: u64 = 1 << 12;

/// A part of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) number: usize,
    /// Parts of the source.
    pub(super) count: usize,
    /// In seconds from the source's first frame.
    pub(super) start: f64,
    /// Likewise; infinite for the end of the source.
    pub(super) end: f64,
}

impl Span {
    /// All that is asked for of a source.
    pub(super) fn whole(options: &IngestOptions) -> Self {
        Self {
            number: 0,
            count: 1,
            start: options.start,
            end: options.end.unwrap_or(f64::INFINITY),
        }
    }

    /// The parts of a source, in their order: one where the rest cannot be read without it.
    pub(super) fn all(source: &Source, info: &SourceInfo, options: &IngestOptions) -> Vec<Self> {
        let bytes: u64 = source.files().iter().map(|file| file.stamp().0).sum();
        let most = (bytes / PART_BYTES).max(1) as usize;
        Self::of_length(info.seconds.filter(|_| source.can_jump()), most, options)
    }

    fn of_length(seconds: Option<f64>, most: usize, options: &IngestOptions) -> Vec<Self> {
        let whole = Self::whole(options);
        let length = seconds.map_or(0.0, |seconds| seconds.min(whole.end) - whole.start);
        let count = ((length / PART_SECONDS).max(1.0) as usize).min(most);
        let border = |number: usize| whole.start + number as f64 * PART_SECONDS;
        (0..count)
            .map(|number| Self {
                number,
                count,
                start: border(number),
                // A source may be longer than it says.
                end: if number + 1 == count {
                    whole.end
                } else {
                    border(number + 1)
                },
            })
            .collect()
    }

    /// Name of its folder.
    pub(super) fn name(&self) -> String {
        format!("{}-of-{}", self.number + 1, self.count)
    }

    /// How long it is in a source of a length, in seconds.
    pub(super) fn seconds(&self, of_source: Option<f64>) -> f64 {
        (of_source.unwrap_or(0.0).min(self.end) - self.start).max(0.0)
    }

    /// Where it lies, in words.
    pub(super) fn in_words(&self) -> String {
        if self.end.is_finite() {
            format!("from second {:.0} to {:.0}", self.start, self.end)
        } else {
            format!("from second {:.0} on", self.start)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_what_is_asked_for_once() {
        let of = |start, end, seconds| {
            let options = IngestOptions {
                start,
                end,
                ..IngestOptions::default()
            };
            let spans = Span::of_length(seconds, 10, &options).into_iter();
            let spans: Vec<_> = spans.map(|span| (span.start, span.end)).collect();
            spans
        };
        let all = f64::INFINITY;
        assert_eq!(of(0.0, None, Some(1199.0)), [(0.0, all)]);
        assert_eq!(of(0.0, None, None), [(0.0, all)]);
        assert_eq!(of(5.0, None, Some(0.0)), [(5.0, all)]);
        assert_eq!(
            of(0.0, None, Some(1900.0)),
            [(0.0, 600.0), (600.0, 1200.0), (1200.0, all)]
        );
        assert_eq!(
            of(100.0, Some(1500.0), Some(9000.0)),
            [(100.0, 700.0), (700.0, 1500.0)]
        );
        assert_eq!(of(0.0, Some(60.0), Some(9000.0)), [(0.0, 60.0)]);
        // More than there are bytes for.
        assert_eq!(of(0.0, None, Some(1e12)).len(), 10);
    }
}
