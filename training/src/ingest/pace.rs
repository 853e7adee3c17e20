//! Paces as people write them.

use std::fs;
use std::io;
use std::path::Path;

use crate::dataset::PACES;

/// File with the pace of the pictures in its folder and below.
pub(super) const PACE_FILE: &str = "frames_per_second";

/// Frames a second from text: `10`, `29.97`, `30000/1001`.
///
/// # Errors
/// Anything else, or a pace out of range; the error says what was expected.
pub fn parse_pace(text: &str) -> Result<f64, String> {
    let number = |part: &str| part.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    // Some editors begin every file with a byte order mark.
    let text = text.trim_start_matches('\u{feff}').trim();
    let pace = match text.split_once('/') {
        Some((frames, seconds)) => {
            let seconds = number(seconds).filter(|s| *s > 0.0);
            number(frames).zip(seconds).map(|(f, s)| f / s)
        }
        None => number(text),
    };
    pace.filter(|pace| PACES.contains(pace)).ok_or_else(|| {
        format!(
            "expected frames per second from {} to {}, such as 10, 29.97 or 30000/1001, found {text:?}",
            PACES.start(),
            PACES.end()
        )
    })
}

/// A pace as people write it: `15`, `29.97`, with four digits after the point at most.
pub(crate) fn pace_in_words(pace: f64) -> String {
    format!("{}", (1e4 * pace).round() / 1e4)
}

/// The pace that a folder's file says, or that of one above it up to `top` and its parent.
pub(super) fn told_pace(folder: &Path, top: &Path) -> Result<Option<f64>, String> {
    let mut at = Some(folder);
    while let Some(here) = at {
        let path = here.join(PACE_FILE);
        match fs::read(&path) {
            Ok(bytes) => {
                return parse_pace(&String::from_utf8_lossy(&bytes))
                    .map(Some)
                    .map_err(|problem| format!("{}: {problem}", path.display()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A folder of frames may be named so; it says no pace.
            Err(_) if path.is_dir() => {}
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        }
        if !here.starts_with(top) {
            break;
        }
        at = here.parent();
    }
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paces_are_read_as_people_write_them() {
        for (text, pace) in [
            ("10", 10.0),
            ("29.97\n", 29.97),
            (" 30000/1001 ", 30000.0 / 1001.0),
            ("\u{feff}30\r\n", 30.0),
            ("7.5", 7.5),
            ("0.5", 0.5),
        ] {
            let read = parse_pace(text).unwrap();
            assert!((read - pace).abs() < 1e-12, "{text:?}: {read}");
        }
        for text in [
            "", "fast", "0", "-3", "1/0", "nan", "inf", "1e9", "30/", "/2",
        ] {
            assert!(parse_pace(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_nearest_file_tells_the_pace() {
        let top = tempfile::tempdir().unwrap();
        let clip = top.path().join("a/b");
        fs::create_dir_all(&clip).unwrap();
        assert_eq!(told_pace(&clip, top.path()).unwrap(), None);
        fs::write(top.path().join(PACE_FILE), "29.97").unwrap();
        assert_eq!(told_pace(&clip, top.path()).unwrap(), Some(29.97));
        fs::write(clip.join(PACE_FILE), "12").unwrap();
        assert_eq!(told_pace(&clip, top.path()).unwrap(), Some(12.0));
        fs::write(clip.join(PACE_FILE), "many").unwrap();
        assert!(
            told_pace(&clip, top.path())
                .unwrap_err()
                .contains(PACE_FILE)
        );
    }
}
