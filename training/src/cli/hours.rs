//! A time in hours, as people write it.

/// Hours from what was typed: `1.5`, `1h`, `90m`, `1h30m`.
///
/// # Errors
/// What was expected, in words.
pub(super) fn parse_hours(typed: &str) -> Result<f64, String> {
    let wrong = || "expected hours, such as 1.5, 1h30m or 90m".to_owned();
    let text = typed.trim().to_lowercase();
    if let Ok(hours) = text.parse::<f64>() {
        return Ok(hours);
    }
    let mut hours = 0.0;
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let digits = rest
            .find(|sign: char| !sign.is_ascii_digit() && sign != '.')
            .ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = rest[digits..].trim_start();
        let letters = unit
            .find(|sign: char| !sign.is_ascii_alphabetic())
            .unwrap_or(unit.len());
        hours += number
            * match &unit[..letters] {
                "d" | "day" | "days" => 24.0,
                "h" | "hour" | "hours" => 1.0,
                "m" | "min" | "minute" | "minutes" => 1.0 / 60.0,
                "s" | "sec" | "second" | "seconds" => 1.0 / 3600.0,
                _ => return Err(wrong()),
            };
        rest = unit[letters..].trim_start();
    }
    if text.is_empty() {
        Err(wrong())
    } else {
        Ok(hours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_people_write_them() {
        for (typed, hours) in [
            ("1", 1.0),
            ("0.25", 0.25),
            ("1h", 1.0),
            ("90m", 1.5),
            ("1h30m", 1.5),
            ("1 h 30 min", 1.5),
            ("36S", 0.01),
            ("1.5 hours", 1.5),
            ("2d", 48.0),
        ] {
            let read = parse_hours(typed);
            assert!(
                read.as_ref().is_ok_and(|read| (read - hours).abs() < 1e-9),
                "{typed}: {read:?}"
            );
        }
        for wrong in ["", "soon", "1x", "h", "1h30", "1:30", "é", "1h é"] {
            let said = parse_hours(wrong).unwrap_err();
            assert!(said.contains("1h30m"), "{wrong}: {said}");
        }
        // What is no time at all is refused where hours are checked.
        assert_eq!(parse_hours("-1"), Ok(-1.0));
    }
}
