//! Metrics of a run, read again.

use std::collections::BTreeMap;
use std::path::Path;

/// One figure over the steps of a phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Series {
    /// Steps and values.
    pub(super) points: Vec<(f64, f64)>,
}

impl Series {
    /// Mean of the last tenth of the values.
    pub(super) fn at_end(&self) -> Option<f64> {
        let count = self.points.len().div_ceil(10);
        let last = &self.points[self.points.len() - count..];
        (count > 0).then(|| last.iter().map(|(_, value)| value).sum::<f64>() / count as f64)
    }
}

/// All figures of a phase by name.
pub(super) type Metrics = BTreeMap<String, Series>;

/// Reads the metrics of a phase; lines that cannot be read are passed over.
pub(super) fn read(run: &Path, phase: &str) -> Metrics {
    let text = std::fs::read_to_string(run.join(phase).join("metrics.jsonl")).unwrap_or_default();
    parse(&text)
}

fn parse(text: &str) -> Metrics {
    let mut metrics = Metrics::new();
    for line in text.lines() {
        let Ok(line) = serde_json::from_str::<BTreeMap<String, f64>>(line) else {
            continue;
        };
        let Some(&step) = line.get("step") else {
            continue;
        };
        for (name, value) in line {
            if name != "step" {
                metrics.entry(name).or_default().points.push((step, value));
            }
        }
    }
    metrics
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_series() {
        let metrics = parse(
            "{\"step\":19,\"loss\":2.0}\nhalf a li\n{\"step\":39,\"loss\":1.0,\"psnr\":20}\n",
        );
        assert_eq!(metrics["loss"].points, [(19.0, 2.0), (39.0, 1.0)]);
        assert_eq!(metrics["psnr"].at_end(), Some(20.0));
        assert_eq!(Series::default().at_end(), None);
    }
}
