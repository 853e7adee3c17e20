//! The thread that scales pictures and writes clips.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bevy::prelude::*;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use genie_model::{Fit, Frame, atomic_file};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::recorder::settings::GenieRecorderSettings;

/// Pictures that wait to be written.
const CAPACITY: usize = 16;
/// How long the game's end waits for pictures to be written.
const PATIENCE: Duration = Duration::from_secs(1);
/// Name of the file with the frame rate of the clips beside it.
const PACE: &str = "frames_per_second";
/// Name of the file in a clip that says what was held.
const ACTIONS: &str = "actions.csv";

/// What the writer is asked to do.
pub(super) enum Job {
    Picture {
        clip: u64,
        index: u32,
        /// What was held, where that is known.
        held: Option<String>,
        picture: Picture,
    },
    /// All pictures of the clip have been sent.
    End { clip: u64, length: u32 },
}

/// A picture as it comes.
pub(super) enum Picture {
    Image(Box<Image>),
    Frame(Frame),
}

/// What has been written.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) frames: AtomicU64,
    pub(super) clips: AtomicU64,
    failed: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Counts {
    pub(super) fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone()
    }

    fn fail(&self, why: String) {
        error!("recorder: {why}");
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.failed.store(true, Ordering::Relaxed);
    }
}

/// The main thread's end. Dropping it finishes what has been sent and joins the thread, within a second.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    counts: Arc<Counts>,
    finished: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(settings: &GenieRecorderSettings) -> Self {
        let (jobs, receiver) = bounded(CAPACITY);
        let (finish, finished) = bounded::<()>(1);
        let counts = Arc::new(Counts::default());
        let clips = ClipWriter {
            folder: settings.folder.clone(),
            size: settings.size,
            fit: settings.fit,
            rate: settings.rate.max(1),
            shortest: settings.shortest_clip.max(1),
            counts: Arc::clone(&counts),
            open: BTreeMap::new(),
        };
        let thread = std::thread::Builder::new()
            .name("genie-recorder".to_owned())
            .spawn(move || {
                clips.serve(&receiver);
                drop(finish);
            })
            .inspect_err(|error| counts.fail(format!("the writer cannot be started: {error}")))
            .ok();
        Self {
            jobs: Some(jobs),
            counts,
            finished,
            thread,
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether anything that is sent will be written.
    pub(super) fn works(&self) -> bool {
        !self.counts.failed.load(Ordering::Relaxed)
    }

    /// Hands over a job unless too many wait.
    pub(super) fn send(&self, job: Job) -> Result<(), ()> {
        match &self.jobs {
            Some(jobs) if self.works() => jobs.try_send(job).map_err(drop),
            _ => Err(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        if self.finished.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            warn!("the recorder is still writing and ends on its own");
        } else if thread.join().is_err() {
            error!("the recorder's thread ended in a panic");
        }
    }
}

struct ClipWriter {
    folder: PathBuf,
    size: UVec2,
    fit: Fit,
    rate: u32,
    shortest: u32,
    counts: Arc<Counts>,
    /// Indices of the pictures written, and what was held at each, by clip.
    open: BTreeMap<u64, BTreeMap<u32, Option<String>>>,
}

impl ClipWriter {
    /// Works until the game hangs up, then finishes the clips that are open.
    fn serve(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            if let Err(why) = self.execute(job) {
                self.counts.fail(why);
                return;
            }
        }
        for clip in self.open.keys().copied().collect::<Vec<_>>() {
            if let Err(why) = self.finish(clip) {
                self.counts.fail(why);
            }
        }
    }

    fn execute(&mut self, job: Job) -> Result<(), String> {
        match job {
            Job::Picture {
                clip,
                index,
                held,
                picture,
            } => {
                self.write(clip, index, picture)?;
                self.open.entry(clip).or_default().insert(index, held);
                Ok(())
            }
            Job::End { clip, length } => {
                let lost = self
                    .open
                    .get(&clip)
                    .map_or(0, |seen| length as usize - seen.len());
                if lost > 0 {
                    debug!("recorder: {lost} of {length} pictures of a clip were left out");
                }
                self.finish(clip)
            }
        }
    }

    fn write(&mut self, clip: u64, index: u32, picture: Picture) -> Result<(), String> {
        let frame = match picture {
            Picture::Frame(frame) => Ok(frame),
            Picture::Image(image) => rgb(*image),
        }
        .and_then(|frame| {
            let (width, height) = (self.size.x as usize, self.size.y as usize);
            let fitted = frame.fitted(width, height, self.fit);
            fitted.map_err(|error| error.to_string())
        });
        let frame = match frame {
            Ok(frame) => frame,
            Err(why) => return Err(format!("a picture cannot be read: {why}")),
        };
        let folder = self.unfinished(clip);
        if !self.open.contains_key(&clip) {
            fs::create_dir_all(&folder).map_err(said("make", &folder))?;
            let pace = self.folder.join(PACE);
            let rate = format!("{}\n", self.rate);
            atomic_file::write(&pace, rate.as_bytes()).map_err(said("write", &pace))?;
        }
        let path = folder.join(name(index));
        write_png(&path, &frame).map_err(said("write", &path))
    }

    /// Turns a clip into one finished clip for each run of pictures without a gap.
    fn finish(&mut self, clip: u64) -> Result<(), String> {
        let Some(seen) = self.open.remove(&clip) else {
            return Ok(());
        };
        let folder = self.unfinished(clip);
        for (part, run) in runs(seen.keys().copied()).into_iter().enumerate() {
            let length = run.end - run.start;
            if length < self.shortest {
                continue;
            }
            let part = self
                .folder
                .join(format!(".part-{}-{clip}-{part}", std::process::id()));
            fs::create_dir_all(&part).map_err(said("make", &part))?;
            let held = run
                .clone()
                .map(|index| seen.get(&index).and_then(Option::as_deref));
            if let Some(text) = actions_csv(held) {
                let path = part.join(ACTIONS);
                fs::write(&path, text).map_err(said("write", &path))?;
            }
            for (at, index) in run.enumerate() {
                let (from, to) = (folder.join(name(index)), part.join(name(at as u32)));
                fs::rename(&from, &to).map_err(said("rename", &from))?;
            }
            let finished = self.free_name()?;
            fs::rename(&part, &finished).map_err(said("rename", &part))?;
            self.counts
                .frames
                .fetch_add(u64::from(length), Ordering::Relaxed);
            self.counts.clips.fetch_add(1, Ordering::Relaxed);
        }
        fs::remove_dir_all(&folder).map_err(said("remove", &folder))
    }

    /// Hidden until it is whole: `genie import` passes over hidden folders.
    fn unfinished(&self, clip: u64) -> PathBuf {
        self.folder
            .join(format!(".clip-{}-{clip}", std::process::id()))
    }

    /// The name after the last clip's.
    fn free_name(&self) -> Result<PathBuf, String> {
        let mut last = 0;
        for entry in fs::read_dir(&self.folder).map_err(said("list", &self.folder))? {
            let entry = entry.map_err(said("list", &self.folder))?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("clip-"));
            last = last.max(
                number
                    .and_then(|number| number.parse().ok())
                    .unwrap_or(0u64),
            );
        }
        Ok(self.folder.join(format!("clip-{:06}", last + 1)))
    }
}

fn said(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("cannot {what} {}: {error}", path.display())
}

fn name(index: u32) -> String {
    format!("frame-{index:06}.png")
}

/// What was held, as `genie import` reads it: a row for each frame at which it changes. `None` where it is not known of every
/// frame.
fn actions_csv<'a>(held: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let mut text = "frame,keys\n".to_owned();
    let mut before = None;
    for (frame, held) in held.enumerate() {
        let held = held?;
        if before != Some(held) {
            text.push_str(&[&frame.to_string(), ",", held, "\n"].concat());
            before = Some(held);
        }
    }
    before.map(|_| text)
}

/// The longest ranges of numbers that follow each other.
fn runs(numbers: impl IntoIterator<Item = u32>) -> Vec<std::ops::Range<u32>> {
    let mut runs: Vec<std::ops::Range<u32>> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some(run) if run.end == number => run.end += 1,
            _ => runs.push(number..number + 1),
        }
    }
    runs
}

/// The picture as it was on the screen: how transparent it is does not count.
fn rgb(image: Image) -> Result<Frame, String> {
    let pixels = image
        .try_into_dynamic()
        .map_err(|error| error.to_string())?;
    let pixels = pixels.into_rgb8();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    Frame::from_rgb(width, height, pixels.into_raw()).map_err(|error| error.to_string())
}

fn write_png(path: &Path, frame: &Frame) -> io::Result<()> {
    let mut file = BufWriter::new(fs::File::create(path)?);
    PngEncoder::new(&mut file)
        .write_image(
            frame.pixels(),
            frame.width() as u32,
            frame.height() as u32,
            ExtendedColorType::Rgb8,
        )
        .map_err(io::Error::other)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_written_where_it_changes() {
        let held = [Some(""), Some("ArrowRight"), Some("ArrowRight"), Some("")];
        assert_eq!(
            actions_csv(held.into_iter()).as_deref(),
            Some("frame,keys\n0,\n1,ArrowRight\n3,\n")
        );
        assert_eq!(actions_csv([Some("KeyA"), None].into_iter()), None);
        assert_eq!(actions_csv(std::iter::empty()), None);
    }
}
