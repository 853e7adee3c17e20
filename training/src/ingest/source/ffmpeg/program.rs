//! The program: where it is, how it is asked, and what to say where there is none.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::super::stored::Stored;

/// Containers that are opened: no playlists, which lead to other files.
const FORMATS: &str = "mov,mp4,matroska,webm,avi,flv,asf,mpegts,mpeg,mpegvideo,h264,hevc,m4v,ogg,ivf,rm,mxf,wtv,nut,obu,\
                       yuv4mpegpipe,gif,apng,webp_pipe,dv,vc1,swf,3gp,nsv,bink,smk,roq,gxf,avs,dnxhd,cavsvideo";

/// The program, found once.
#[derive(Debug)]
pub(in crate::ingest::source) struct Program {
    pub(in crate::ingest::source) path: PathBuf,
    /// Whether it knows `-fps_mode`, which replaced `-vsync`.
    fps_mode: bool,
}

/// The `ffmpeg` program, if one runs: that of the environment variable `GENIE_FFMPEG`, else the one on the path.
pub(in crate::ingest::source) fn program() -> Option<&'static Program> {
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

pub(super) fn command(program: &Program, file: &Stored) -> (Command, OsString) {
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

pub(super) fn input_options(
    command: &mut Command,
    seek: Option<f64>,
    threads: usize,
    input: &OsString,
) {
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

pub(super) fn passthrough(program: &Program) -> [&'static str; 2] {
    [
        if program.fps_mode {
            "-fps_mode"
        } else {
            "-vsync"
        },
        "passthrough",
    ]
}

/// What to do about a film that only ffmpeg reads.
pub(in crate::ingest::source) fn needs_ffmpeg(what: &str) -> String {
    format!(
        "{what} can only be read with the program ffmpeg, which is not found: install it (Debian: apt install ffmpeg; macOS: \
         brew install ffmpeg; Windows: winget install ffmpeg), or convert the film to H.264 in mp4"
    )
}
