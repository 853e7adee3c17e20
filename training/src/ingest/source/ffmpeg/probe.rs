//! A look at the first frame of a film.

use std::process::Stdio;

use genie_model::looks_like;

use super::super::high_range::{HighRange, Primaries};
use super::super::info::{Decoder, FfmpegStream, SourceInfo};
use super::super::planes::{Colours, Matrix};
use super::super::stored::Stored;
use super::log::{clock, is_frame, ratio, value};
use super::program::{command, input_options, passthrough, program};
use super::running::{Running, patience};

/// Largest picture that is decoded, in pixels.
const MOST_PIXELS: usize = 1 << 26;

/// Looks at the first frame of a film.
pub(in crate::ingest::source) fn probe(file: &Stored) -> Result<SourceInfo, String> {
    let start = file.start(64)?;
    if start.is_empty() {
        return Err(looks_like(&start));
    }
    let program = program().ok_or("the program ffmpeg is not found")?;
    let (mut command, input) = command(program, file);
    input_options(&mut command, None, 1, &input);
    command
        .args(passthrough(program))
        .args([
            "-frames:v",
            "1",
            "-vf",
            "showinfo=checksum=0",
            "-f",
            "null",
            "-",
        ])
        .stdout(Stdio::null());
    let mut running = Running::spawn(command, patience(file.len().unwrap_or(0)))?;
    let mut lines = Vec::new();
    while let Ok(line) = running.lines.recv() {
        if lines.len() < 400 {
            lines.push(line);
        }
    }
    let timed_out = running.timed_out();
    let ended = running.wait();
    read_probe(&lines).map_err(|problem| {
        let known = looks_like(&start);
        if timed_out {
            "ffmpeg found no frame in it within seconds".to_owned()
        } else if known.starts_with("it is") {
            known
        } else {
            let told = running.errors().last.or(ended.err());
            told.map_or(problem, |told| format!("ffmpeg: {told}"))
        }
    })
}

fn read_probe(lines: &[String]) -> Result<SourceInfo, String> {
    let missing = || "ffmpeg finds no film in it".to_owned();
    let (mut time_base, mut pace, mut seconds) = (None, None, None);
    let (mut first, mut size, mut aspect, mut format) = (None, None, 1.0, String::new());
    let (mut codec, mut range) = (String::new(), String::new());
    let (mut space, mut transfer, mut primaries) = (String::new(), String::new(), String::new());
    for line in lines {
        if line.contains("config in time_base:") {
            time_base = value(line, "time_base:").and_then(ratio);
            pace = value(line, "frame_rate:").and_then(ratio);
        } else if line.contains("Duration:") && seconds.is_none() {
            seconds = value(line, "Duration:").and_then(clock);
        } else if line.contains(": Video:") && codec.is_empty() {
            value(line, ": Video:")
                .unwrap_or_default()
                .clone_into(&mut codec);
        } else if first.is_none() && is_frame(line) {
            first = value(line, " pts:").map(|pts| pts.parse::<i64>().ok());
            size = value(line, " s:").and_then(|size| {
                let (w, h) = size.split_once('x')?;
                Some((w.parse::<usize>().ok()?, h.parse::<usize>().ok()?))
            });
            aspect = value(line, " sar:").and_then(ratio).unwrap_or(1.0);
            value(line, " fmt:")
                .unwrap_or_default()
                .clone_into(&mut format);
        } else if line.contains("color_space:") {
            value(line, "color_range:")
                .unwrap_or_default()
                .clone_into(&mut range);
            value(line, "color_space:")
                .unwrap_or_default()
                .clone_into(&mut space);
            value(line, "color_trc:")
                .unwrap_or_default()
                .clone_into(&mut transfer);
            value(line, "color_primaries:")
                .unwrap_or_default()
                .clone_into(&mut primaries);
        }
    }
    let size = size.ok_or_else(missing)?;
    if size.0.saturating_mul(size.1) > MOST_PIXELS || size.0 == 0 || size.1 == 0 {
        return Err(format!(
            "its picture of {}x{} pixels cannot be used",
            size.0, size.1
        ));
    }
    let time_base = time_base.ok_or_else(missing)?;
    let first = first.ok_or_else(missing)?;
    let yuv = format.contains("yuv") || format.starts_with("nv") || format.starts_with("p0");
    let unnamed = matches!(space.as_str(), "" | "unknown" | "reserved" | "unspecified");
    let high_range = HighRange::of(&transfer, &primaries);
    let assumed = match high_range.map(|it| it.primaries) {
        Some(Primaries::Bt2020) => "bt2020",
        _ if size.1 >= 720 => "bt709",
        _ => "bt601",
    };
    Ok(SourceInfo {
        size,
        pixel_aspect: aspect,
        seconds,
        pace: pace.filter(|pace| (0.1..=1000.0).contains(pace)),
        described: format!("film, {codec} by ffmpeg"),
        decoder: Decoder::Ffmpeg(FfmpegStream {
            first: first.map_or(0.0, |pts| pts as f64 * time_base),
            time_base,
            planes: plane_colours(&format, &range, &space, size.1).filter(|_| high_range.is_none()),
            matrix: (yuv && unnamed).then_some(assumed),
            alpha: [
                "yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8",
            ]
            .iter()
            .any(|with| format.starts_with(with)),
            high_range,
        }),
    })
}

/// The colours of planes with 8 bits and colour differences at half the resolution; other pictures are left to the program.
fn plane_colours(format: &str, range: &str, space: &str, height: usize) -> Option<Colours> {
    if !matches!(format, "yuv420p" | "yuvj420p") {
        return None;
    }
    let matrix = match space {
        "bt709" => Matrix::Bt709,
        "bt470bg" | "smpte170m" => Matrix::Bt601,
        "bt2020nc" | "bt2020c" => Matrix::Bt2020,
        "" | "unknown" | "reserved" | "unspecified" => Matrix::assumed(height),
        _ => return None,
    };
    Some(Colours {
        full_range: format == "yuvj420p" || range == "pc",
        matrix,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::log::Errors;
    use super::*;

    #[test]
    fn the_log_of_a_probe_is_understood() {
        let lines: Vec<String> = [
            "  Duration: 01:02:03.50, start: 0.000000, bitrate: 1975 kb/s",
            "  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709), 640x480 [SAR 1:1 DAR 4:3], 30 fps",
            "[Parsed_showinfo_0 @ 0x55] [info] config in time_base: 1/15360, frame_rate: 30000/1001",
            "[Parsed_showinfo_0 @ 0x55] [info] n:   0 pts:  15360 pts_time:1       duration:    512 pos:     5674 fmt:yuv420p cl:left sar:16/11 s:720x576 i:P iskey:1 type:I ",
            "[Parsed_showinfo_0 @ 0x55] [info] color_range:tv color_space:unknown color_primaries:unknown color_trc:unknown",
        ]
        .map(str::to_owned)
        .to_vec();
        let info = read_probe(&lines).unwrap();
        assert_eq!(info.size, (720, 576));
        assert!((info.pixel_aspect - 16.0 / 11.0).abs() < 1e-9);
        assert_eq!(info.seconds, Some(3723.5));
        assert_eq!(info.pace, Some(30000.0 / 1001.0));
        let Decoder::Ffmpeg(stream) = info.decoder else {
            panic!("another decoder")
        };
        assert!((stream.first - 1.0).abs() < 1e-9);
        assert_eq!(stream.matrix, Some("bt601"));
        let planes = stream.planes.unwrap();
        assert_eq!((planes.full_range, planes.matrix), (false, Matrix::Bt601));
        assert!(read_probe(&lines[..2]).is_err());
        let error = "[mov,mp4 @ 0x55] [error] moov atom not found".to_owned();
        let mut errors = Errors::default();
        errors.note(&error);
        assert_eq!(errors.last.unwrap(), "moov atom not found");
    }
}
