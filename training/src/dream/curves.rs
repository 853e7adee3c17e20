//! Curves as pictures inside a page (SVG).

use std::fmt::Write as _;

use super::metrics::Series;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 46.0;
const EDGE: f64 = 14.0;
const COLOURS: [&str; 4] = ["#2b6cb0", "#c05621", "#2f855a", "#805ad5"];

/// A picture of several series over their steps; nothing where there are no points.
pub(super) fn curves(title: &str, series: &[(&str, &Series)]) -> String {
    let finite = |(step, value): &(f64, f64)| step.is_finite() && value.is_finite();
    let points: Vec<(f64, f64)> = series
        .iter()
        .flat_map(|(_, series)| series.points.iter().copied().filter(finite))
        .collect();
    if points.len() < 2 {
        return String::new();
    }
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (first, last) = bounds(&mut points.iter().map(|point| point.0));
    let (low, high) = bounds(&mut points.iter().map(|point| point.1));
    let span = |low: f64, high: f64| (high - low).max(1e-9);
    let x = |step: f64| LEFT + (step - first) / span(first, last) * (WIDTH - LEFT - EDGE);
    let y = |value: f64| HEIGHT - EDGE - (value - low) / span(low, high) * (HEIGHT - 3.0 * EDGE);
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">"
    );
    for value in [low, high] {
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - EDGE,
            LEFT - 4.0,
            y(value) + 3.0,
            short(value),
            y = y(value),
        );
    }
    for (number, (name, series)) in series.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let mut line = String::new();
        for &(step, value) in series.points.iter().filter(|point| finite(point)) {
            let _ = write!(line, "{:.1},{:.1} ", x(step), y(value));
        }
        let _ = write!(
            svg,
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
            LEFT + 8.0 + 170.0 * number as f64,
            EDGE,
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">step {last:.0}</text></svg></figure>",
        WIDTH - EDGE,
        HEIGHT - 1.0
    );
    svg
}

fn short(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_numbers_do_not_spoil_a_curve() {
        let series = Series {
            points: vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)],
        };
        let svg = curves("loss", &[("loss", &series)]);
        assert!(svg.contains("polyline") && !svg.contains("NaN"), "{svg}");
        assert_eq!(curves("loss", &[("loss", &Series::default())]), "");
    }
}
