//! What is taken of footage, as command line arguments, shared by the subcommands that import.

use genie_training::ingest::{CropChoice, FitChoice, IngestOptions, parse_pace};

/// The part of the pictures and of the time that is taken.
#[derive(Debug, clap::Args)]
pub(super) struct FootageArgs {
    /// Width and height of the frames in pixels.
    #[arg(long, default_value = "64x64", value_parser = parse_size)]
    size: Size,
    /// Use a part of the picture: X,Y,WIDTH,HEIGHT in pixels, or `auto` to cut off black bars.
    #[arg(long, value_parser = parse_crop)]
    crop: Option<CropChoice>,
    /// How pictures of another shape are fitted.
    #[arg(long, value_enum, default_value = "cover")]
    fit: Fit,
    /// Frames a second of folders of pictures that do not say.
    #[arg(long, value_name = "FPS", value_parser = parse_pace)]
    pictures_fps: Option<f64>,
    /// Begin at this second of each film, animation or folder.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = parse_seconds)]
    start: f64,
    /// End at this second. Both may be written as m:ss or h:mm:ss.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    end: Option<f64>,
    /// Keep what is blank, frozen or a menu, and do not split clips where scenes cut.
    #[arg(long)]
    keep_all: bool,
    /// Whatever would be left out, changed or assumed of the footage is an error, blank and frozen frames and menus included.
    #[arg(long)]
    strict: bool,
}

impl FootageArgs {
    /// Options of an import that say this; all others are the defaults.
    pub(super) fn options(&self) -> IngestOptions {
        IngestOptions {
            width: self.size.width,
            height: self.size.height,
            crop: self.crop.unwrap_or_default(),
            fit: self.fit.choice(),
            pictures_pace: self.pictures_fps,
            start: self.start,
            end: self.end,
            keep_all: self.keep_all,
            strict: self.strict,
            ..IngestOptions::default()
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Fit {
    /// Scale until the frame is covered, and cut off what sticks out.
    Cover,
    /// Scale until all of it is inside, with background beside it.
    Contain,
    /// Scale to the frame, proportions not kept.
    Stretch,
}

impl Fit {
    fn choice(self) -> FitChoice {
        match self {
            Self::Cover => FitChoice::Cover,
            Self::Contain => FitChoice::Contain,
            Self::Stretch => FitChoice::Stretch,
        }
    }
}

/// Frame size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    width: usize,
    height: usize,
}

fn parse_size(text: &str) -> Result<Size, String> {
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| {
            Some(Size {
                width: width.trim().parse().ok()?,
                height: height.trim().parse().ok()?,
            })
        })
        .filter(|size| size.width > 0 && size.height > 0)
        .ok_or_else(|| "expected WIDTHxHEIGHT in pixels, such as 64x64".to_owned())
}

/// Seconds, or minutes or hours before them: `90`, `1:30`, `0:01:30.5`.
fn parse_seconds(text: &str) -> Result<f64, String> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let number = |part: &str| {
        let number = part.parse::<f64>().ok()?;
        (number.is_finite() && part.starts_with(|c: char| c.is_ascii_digit())).then_some(number)
    };
    let (last, before) = parts.split_last().unwrap_or((&"", &[]));
    let seconds = before.iter().try_fold(0.0, |sum, part| {
        let whole = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        whole.then_some(60.0 * sum + 60.0 * number(part)?)
    });
    let last = number(last).filter(|last| before.is_empty() || *last < 60.0);
    seconds
        .zip(last)
        .filter(|_| before.len() < 3)
        .map(|(before, last)| before + last)
        .ok_or_else(|| "expected seconds, m:ss or h:mm:ss, such as 90, 1:30 or 1:02:03".to_owned())
}

fn parse_crop(text: &str) -> Result<CropChoice, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(CropChoice::Auto);
    }
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x, y, width, height]) => Ok(CropChoice::Area {
            x,
            y,
            width,
            height,
        }),
        _ => Err("expected X,Y,WIDTH,HEIGHT in pixels, or auto".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_width_by_height() {
        let wide = Size {
            width: 160,
            height: 90,
        };
        assert_eq!(parse_size("160x90"), Ok(wide));
        assert_eq!(parse_size("160X90"), Ok(wide));
        for wrong in ["", "64", "64x", "x", "axb", "-1x3", "0x4"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_seconds_or_written_as_on_a_clock() {
        for (text, seconds) in [
            ("90", 90.0),
            ("0.25", 0.25),
            ("0:02", 2.0),
            ("1:30.5", 90.5),
            ("90:00", 5400.0),
            ("1:02:03", 3723.0),
        ] {
            assert_eq!(parse_seconds(text), Ok(seconds), "{text}");
        }
        for wrong in [
            "", ":", "1:", ":5", "1:75", "1:2:3:4", "-1", "1h", "nan", "inf", "1.5:00",
        ] {
            let said = parse_seconds(wrong).unwrap_err();
            assert!(said.contains("m:ss"), "{wrong}: {said}");
        }
    }

    #[test]
    fn crops_are_read() {
        let area = CropChoice::Area {
            x: 1,
            y: 2,
            width: 30,
            height: 40,
        };
        assert_eq!(parse_crop("1,2,30,40"), Ok(area));
        assert_eq!(parse_crop("auto"), Ok(CropChoice::Auto));
        assert!(parse_crop("1,2,3").is_err());
    }
}
