//! Films through the `ffmpeg` program: scaled frames come through one pipe, their times through another.
//!
//! The filter `showinfo` prints a line with the presentation time of each frame that goes on to the output, in order, so
//! that the n-th line belongs to the n-th frame. Nothing is buffered here but one frame: the pipes hold the program back.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use genie_model::{Frame, looks_like};

use super::super::geometry::Plan;
use super::super::report::{Remark, RemarkKind};
use super::{Decoder, FrameSource, SourceInfo, Stored, TimedFrame, Wanted};

/// Without any sign for that long the program is taken to hang.
const PROBE_PATIENCE: Duration = Duration::from_secs(9);
const FRAME_PATIENCE: Duration = Duration::from_secs(30);
const NAP: Duration = Duration::from_millis(200);
/// Largest picture that is decoded, in pixels.
const MOST_PIXELS: usize = 1 << 26;
/// Decoding begins so much before the wanted part, in seconds: indices of some containers are coarse.
const RUN_UP: f64 = 1.0;
/// Containers that are opened: no playlists, which lead to other files.
const FORMATS: &str = "mov,mp4,matroska,webm,avi,flv,asf,mpegts,mpeg,mpegvideo,h264,hevc,m4v,ogg,ivf,rm,mxf,wtv,nut,obu,\
                       yuv4mpegpipe,gif,apng,webp_pipe,dv,vc1,swf,3gp,nsv,bink,smk,roq,gxf,avs,dnxhd,cavsvideo";

/// The program, found once.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// Whether it knows `-fps_mode`, which replaced `-vsync`.
    fps_mode: bool,
}

/// The `ffmpeg` program, if one runs: that of the environment variable `GENIE_FFMPEG`, else the one on the path.
pub(super) fn program() -> Option<&'static Program> {
    static PROGRAM: OnceLock<Option<Program>> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            let path = std::env::var_os("GENIE_FFMPEG").unwrap_or_else(|| OsString::from("ffmpeg"));
            let out = Command::new(&path)
                .arg("-version")
                .stdin(Stdio::null())
                .output()
                .ok()
                .filter(|out| out.status.success())?;
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            let version = text.split_whitespace().nth(2)?;
            let mut numbers = version
                .trim_start_matches('n')
                .split(|c: char| !c.is_ascii_digit())
                .map(|part| part.parse::<u32>().unwrap_or(0));
            let (major, minor) = (numbers.next()?, numbers.next().unwrap_or(0));
            Some(Program {
                path: PathBuf::from(path),
                // Builds from the repository have no version of that form and are new.
                fps_mode: !version.starts_with(|c: char| c.is_ascii_digit() || c == 'n')
                    || (major, minor) >= (5, 1),
            })
        })
        .as_ref()
}

/// What the first frame told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    /// Presentation time of the first frame, as the container counts, in seconds.
    first: f64,
    /// Seconds of a unit of time.
    time_base: f64,
    /// Colour matrix to assume where the film names none.
    matrix: Option<&'static str>,
    alpha: bool,
    hdr: bool,
}

fn command(program: &Program, file: &Stored) -> (Command, OsString) {
    let mut command = Command::new(&program.path);
    command
        .args([
            "-nostdin",
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "repeat+level+info",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("AV_LOG_FORCE_NOCOLOR", "1");
    // Names with colons are no protocols.
    let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
    let mut input = OsString::new();
    match &file.inside {
        None => input.push("file:"),
        Some((_, first, length)) => input.push(format!(
            "subfile,,start,{first},end,{},,:file:",
            first + length
        )),
    }
    input.push(path);
    (command, input)
}

fn input_options(command: &mut Command, seek: Option<f64>, threads: usize, input: &OsString) {
    command.args(["-threads", &threads.to_string()]);
    command.args([
        "-protocol_whitelist",
        "file,subfile",
        "-format_whitelist",
        FORMATS,
    ]);
    command.args(["-copyts"]);
    if let Some(seek) = seek {
        command.args(["-ss", &format!("{seek:.3}")]);
    }
    command.arg("-i").arg(input);
    // `V` leaves pictures that are attached as a cover out.
    command.args(["-map", "0:V:0", "-an", "-sn", "-dn"]);
}

fn passthrough(program: &Program) -> [&'static str; 2] {
    [
        if program.fps_mode {
            "-fps_mode"
        } else {
            "-vsync"
        },
        "passthrough",
    ]
}

/// Looks at the first frame of a film.
pub(super) fn probe(file: &Stored) -> Result<SourceInfo, String> {
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
    let mut running = Running::spawn(command, PROBE_PATIENCE)?;
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
            let told = running_errors(&lines).or(ended.err());
            told.map_or(problem, |told| format!("ffmpeg: {told}"))
        }
    })
}

/// The last words of a run that failed.
fn running_errors(lines: &[String]) -> Option<String> {
    let mut errors = lines.iter().rev().filter(|line| is_error(line));
    errors.next().map(|line| without_tags(line).to_owned())
}

fn is_error(line: &str) -> bool {
    line.contains("[error]") || line.contains("[fatal]") || line.contains("[panic]")
}

/// A line of the log without what stands in brackets before it.
fn without_tags(line: &str) -> &str {
    let mut rest = line.trim();
    while rest.starts_with('[') {
        let Some(end) = rest.find(']') else { break };
        rest = rest[end + 1..].trim_start();
    }
    rest
}

/// The word behind `key` in a line.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let at = line.find(key)? + key.len();
    line[at..].trim_start().split([' ', ',', ';']).next()
}

fn ratio(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let (above, below): (f64, f64) = (above.parse().ok()?, below.parse().ok()?);
    (above > 0.0 && below > 0.0).then(|| above / below)
}

fn read_probe(lines: &[String]) -> Result<SourceInfo, String> {
    let missing = || "ffmpeg finds no film in it".to_owned();
    let (mut time_base, mut pace, mut seconds) = (None, None, None);
    let (mut first, mut size, mut aspect, mut format) = (None, None, 1.0, String::new());
    let (mut codec, mut space, mut transfer) = (String::new(), String::new(), String::new());
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
        } else if first.is_none() && line.contains(" pts:") && line.contains(" fmt:") {
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
            value(line, "color_space:")
                .unwrap_or_default()
                .clone_into(&mut space);
            value(line, "color_trc:")
                .unwrap_or_default()
                .clone_into(&mut transfer);
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
    let hdr = matches!(transfer.as_str(), "smpte2084" | "arib-std-b67");
    Ok(SourceInfo {
        size,
        pixel_aspect: aspect,
        seconds,
        pace: pace.filter(|pace| (0.1..=1000.0).contains(pace)),
        described: format!("film, {codec} by ffmpeg"),
        decoder: Decoder::Ffmpeg(Stream {
            first: first.map_or(0.0, |pts| pts as f64 * time_base),
            time_base,
            matrix: (yuv && unnamed).then_some(if size.1 >= 720 { "bt709" } else { "bt601" }),
            alpha: [
                "yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8",
            ]
            .iter()
            .any(|with| format.starts_with(with)),
            hdr,
        }),
    })
}

/// Seconds of `01:02:03.45`.
fn clock(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(seconds)
}

/// A program whose log is read, and which is ended when it says nothing for too long or is not wanted any more.
struct Running {
    child: Arc<Mutex<Child>>,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    watch: Arc<Watch>,
}

struct Watch {
    /// Grows with each sign of life.
    signs: AtomicU64,
    /// Whether anything is waiting for a sign; a program that is held back gives none.
    waiting: AtomicBool,
    /// 0 running, 1 ended, 2 killed by the watch.
    state: AtomicU64,
}

impl Watch {
    fn seen(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the program when nothing was heard of it for too long. The time is counted in naps, so that it stands while this
    /// process is stopped.
    fn keep(&self, child: &Weak<Mutex<Child>>, patience: Duration) {
        let (mut signs, mut idle) = (0, Duration::ZERO);
        while self.state.load(Ordering::Relaxed) == 0 {
            thread::sleep(NAP);
            let now = self.signs.load(Ordering::Relaxed);
            if now != signs || !self.waiting.load(Ordering::Relaxed) {
                (signs, idle) = (now, Duration::ZERO);
                continue;
            }
            idle += NAP;
            if idle > patience {
                let Some(child) = child.upgrade() else { return };
                if self.state.swap(2, Ordering::Relaxed) == 0 {
                    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
                }
            }
        }
    }
}

impl Running {
    fn spawn(mut command: Command, patience: Duration) -> Result<Self, String> {
        let mut child = command
            .spawn()
            .map_err(|error| format!("ffmpeg cannot be started: {error}"))?;
        let log = child.stderr.take().ok_or("ffmpeg has no log")?;
        let (send, lines) = channel();
        let watch = Arc::new(Watch {
            signs: AtomicU64::new(0),
            waiting: AtomicBool::new(true),
            state: AtomicU64::new(0),
        });
        let child = Arc::new(Mutex::new(child));
        let reader = thread::spawn({
            let watch = Arc::clone(&watch);
            move || {
                let mut log = BufReader::new(log);
                let mut line = Vec::new();
                while let Ok(1..) = log.by_ref().take(1 << 16).read_until(b'\n', &mut line) {
                    watch.seen();
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    if send.send(text).is_err() {
                        // Nobody listens; the program must not wait for us.
                    }
                }
            }
        });
        thread::spawn({
            let (watch, child) = (Arc::clone(&watch), Arc::downgrade(&child));
            move || watch.keep(&child, patience)
        });
        Ok(Self {
            child,
            lines,
            reader: Some(reader),
            watch,
        })
    }

    fn timed_out(&self) -> bool {
        self.watch.state.load(Ordering::Relaxed) == 2
    }

    /// How the program ended.
    fn wait(&mut self) -> Result<(), String> {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let status = self
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wait()
            .map_err(|error| error.to_string())?;
        if self.watch.state.swap(1, Ordering::Relaxed) == 2 {
            self.watch.state.store(2, Ordering::Relaxed);
            return Err("it hung and was ended".to_owned());
        }
        if status.success() {
            Ok(())
        } else {
            Err(format!("it ended with {status}"))
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.state.fetch_max(1, Ordering::Relaxed);
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The frames of one film.
pub(super) struct Ffmpeg {
    running: Running,
    pixels: BufReader<ChildStdout>,
    plan: Plan,
    wanted: Wanted,
    first: f64,
    time_base: f64,
    alpha: bool,
    next: u64,
    size: Option<String>,
    last: f64,
    step: f64,
    done: bool,
    errors: u64,
    first_error: Option<String>,
    remarks: Vec<Remark>,
    buffer: Vec<u8>,
}

impl Ffmpeg {
    pub(super) fn open(
        file: &Stored,
        stream: &Stream,
        plan: Plan,
        wanted: Wanted,
    ) -> Result<Self, String> {
        let program = program().ok_or("the program ffmpeg is not found")?;
        let (mut command, input) = command(program, file);
        let seek = stream.first + wanted.start - RUN_UP;
        let seek = (wanted.start > RUN_UP).then_some(seek);
        input_options(&mut command, seek, wanted.threads.max(1), &input);
        command
            .args(passthrough(program))
            .args(["-vf", &filters(&plan, stream)])
            .args(["-f", "rawvideo", "-c:v", "rawvideo", "pipe:1"]);
        let running = Running::spawn(command, FRAME_PATIENCE)?;
        let pixels = running
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stdout
            .take()
            .ok_or("ffmpeg has no output")?;
        let channels = if stream.alpha { 4 } else { 3 };
        let mut remarks = Vec::new();
        if stream.hdr {
            remarks.push(Remark::new(
                RemarkKind::Assumed,
                "it is in high dynamic range, which is not converted: its colours come out flat"
                    .to_owned(),
            ));
        }
        Ok(Self {
            running,
            pixels: BufReader::with_capacity(1 << 16, pixels),
            buffer: vec![0; plan.inner.0 * plan.inner.1 * channels],
            plan,
            wanted,
            first: stream.first,
            time_base: stream.time_base,
            alpha: stream.alpha,
            next: 0,
            size: None,
            last: 0.0,
            step: 0.0,
            done: false,
            errors: 0,
            first_error: None,
            remarks,
        })
    }

    /// The time of the next frame, and whether its picture has the size of the one before.
    fn next_time(&mut self) -> Result<(f64, bool), String> {
        loop {
            let line = self
                .running
                .lines
                .recv()
                .map_err(|_| "ffmpeg told no time for a frame".to_owned())?;
            self.note(&line);
            if line.contains(" pts:") && line.contains(" fmt:") {
                let time = value(&line, " pts:").and_then(|pts| pts.parse::<i64>().ok());
                let time = time.map_or(self.last + self.step, |pts| {
                    pts as f64 * self.time_base - self.first
                });
                let size = value(&line, " s:").unwrap_or_default().to_owned();
                let same = self.size.as_ref().is_none_or(|known| *known == size);
                self.size = Some(size);
                return Ok((time, same));
            } else if line.contains("config in time_base:")
                && let Some(base) = value(&line, "time_base:").and_then(ratio)
            {
                self.time_base = base;
            }
        }
    }

    fn note(&mut self, line: &str) {
        // Times that are equal once rounded matter to files, not to a pipe of pixels.
        if is_error(line) && !line.contains("to muxer") {
            self.errors += 1;
            self.first_error
                .get_or_insert_with(|| without_tags(line).to_owned());
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.done = true;
        let ended = self.running.wait();
        while let Ok(line) = self.running.lines.try_recv() {
            self.note(&line);
        }
        let told = self.first_error.clone();
        if self.next == 0 {
            return match (ended, told) {
                (_, Some(told)) => Err(format!("ffmpeg: {told}")),
                (Err(ended), None) => Err(format!("ffmpeg: {ended}")),
                // The wanted part lies behind its end.
                (Ok(()), None) => Ok(()),
            };
        }
        if let Err(ended) = ended {
            self.remarks.push(Remark::new(
                RemarkKind::Damaged,
                format!(
                    "what follows second {:.1} cannot be read: ffmpeg: {}",
                    self.last,
                    told.unwrap_or(ended)
                ),
            ));
        } else if let Some(told) = told {
            self.remarks.push(Remark::new(
                RemarkKind::Damaged,
                format!(
                    "ffmpeg met {} errors, so that frames may be damaged or missing: {told}",
                    self.errors
                ),
            ));
        }
        Ok(())
    }
}

/// The chain of filters: the frame's time, then crop and scale.
fn filters(plan: &Plan, stream: &Stream) -> String {
    let area = plan.area;
    let mut filters = vec!["showinfo=checksum=0".to_owned()];
    if (area.x, area.y) != (0, 0) || (area.width, area.height) != plan.source {
        filters.push(format!(
            "crop={}:{}:{}:{}:exact=1",
            area.width, area.height, area.x, area.y
        ));
    }
    let flags = if plan.grows() {
        "neighbor"
    } else {
        "area+accurate_rnd+full_chroma_int+full_chroma_inp"
    };
    let matrix = stream
        .matrix
        .map_or_else(String::new, |matrix| format!(":in_color_matrix={matrix}"));
    let (width, height) = plan.inner;
    filters.push(format!("scale={width}:{height}:flags={flags}{matrix}"));
    filters.push(
        if stream.alpha {
            "format=rgba"
        } else {
            "format=rgb24"
        }
        .to_owned(),
    );
    filters.join(",")
}

impl FrameSource for Ffmpeg {
    fn next_frame(&mut self) -> Result<Option<TimedFrame>, String> {
        while !self.done {
            self.running.watch.waiting.store(true, Ordering::Relaxed);
            let read = self.pixels.read_exact(&mut self.buffer);
            self.running.watch.waiting.store(false, Ordering::Relaxed);
            if read.is_err() {
                self.running.watch.waiting.store(true, Ordering::Relaxed);
                self.finish()?;
                break;
            }
            self.running.watch.seen();
            let (time, same) = self.next_time()?;
            let index = self.next;
            self.next += 1;
            self.step = if index > 0 { time - self.last } else { 0.0 };
            self.last = time;
            // Times of some containers are rounded to milliseconds.
            if time < self.wanted.start - 0.0006 {
                continue;
            }
            if time >= self.wanted.end - 0.0006 {
                self.done = true;
                break;
            }
            if !same {
                self.remarks.push(Remark::new(
                    RemarkKind::Changed,
                    format!("at second {time:.1} its picture changes its size: parted there"),
                ));
            }
            let (width, height) = self.plan.inner;
            let frame = if self.alpha {
                Frame::from_rgba_over(width, height, &self.buffer, self.plan.background)
            } else {
                Frame::from_rgb(width, height, self.buffer.clone())
            };
            let frame = frame.map_err(|error| error.to_string())?;
            return Ok(Some(TimedFrame {
                time,
                index,
                frame: self.plan.framed(frame),
                continues: same,
            }));
        }
        Ok(None)
    }

    fn end(&self) -> Option<f64> {
        (self.next > 0).then(|| (self.last + self.step).min(self.wanted.end))
    }

    fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
        assert!(read_probe(&lines[..2]).is_err());
        let error = "[mov,mp4 @ 0x55] [error] moov atom not found".to_owned();
        assert_eq!(running_errors(&[error]).unwrap(), "moov atom not found");
    }
}
