//! A running program whose log is read and which is not waited for without end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::log::{Errors, is_error, is_frame};

const NAP: Duration = Duration::from_millis(200);
/// Lines of the log that may wait: more than the frames whose pixels may wait in pipes and buffers, so that nothing waits for each other.
const MOST_LINES: usize = 1 << 16;
/// Without any sign for that long the program is taken to hang, and for so many bytes of its file a second longer.
const PATIENCE: Duration = Duration::from_secs(9);
const SLOWEST_BYTES: u64 = 10 << 20;

/// How long a sign is waited for with a file of so many bytes.
pub(super) fn patience(bytes: u64) -> Duration {
    PATIENCE + Duration::from_secs(bytes / SLOWEST_BYTES)
}

/// A program whose log is read, and which is ended when no frame comes for too long or it is not wanted any more.
pub(super) struct Running {
    pub(super) child: Arc<Mutex<Child>>,
    /// The lines of its log that are no errors.
    pub(super) lines: Receiver<String>,
    errors: Arc<Mutex<Errors>>,
    reader: Option<JoinHandle<()>>,
    pub(super) watch: Arc<Watch>,
}

pub(super) struct Watch {
    /// Grows with each sign of life.
    signs: AtomicU64,
    /// Whether anything is waiting for a sign; a program that is held back gives none.
    pub(super) waiting: AtomicBool,
    /// 0 running, 1 ended, 2 killed by the watch.
    state: AtomicU64,
}

impl Watch {
    pub(super) fn seen(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the program when nothing was heard of it for too long. The time is counted in naps, so that it stands while this
    /// process is stopped.
    pub(super) fn keep(&self, child: &Weak<Mutex<Child>>, patience: Duration) {
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
    pub(super) fn spawn(mut command: Command, patience: Duration) -> Result<Self, String> {
        let mut child = command
            .spawn()
            .map_err(|error| format!("ffmpeg cannot be started: {error}"))?;
        let log = child.stderr.take().ok_or("ffmpeg has no log")?;
        let (send, lines) = sync_channel(MOST_LINES);
        let errors = Arc::new(Mutex::new(Errors::default()));
        let watch = Arc::new(Watch {
            signs: AtomicU64::new(0),
            waiting: AtomicBool::new(true),
            state: AtomicU64::new(0),
        });
        let child = Arc::new(Mutex::new(child));
        let reader = thread::spawn({
            let (watch, errors) = (Arc::clone(&watch), Arc::clone(&errors));
            move || {
                let mut log = BufReader::new(log);
                let mut line = Vec::new();
                while let Ok(1..) = log.by_ref().take(1 << 16).read_until(b'\n', &mut line) {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    if is_error(&text) {
                        let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
                        errors.note(&text);
                        continue;
                    }
                    // Complaints without end are no signs of life.
                    if is_frame(&text) {
                        watch.seen();
                    }
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
            errors,
            reader: Some(reader),
            watch,
        })
    }

    pub(super) fn timed_out(&self) -> bool {
        self.watch.state.load(Ordering::Relaxed) == 2
    }

    /// The errors that it told so far.
    pub(super) fn errors(&self) -> Errors {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.clone()
    }

    /// How the program ended; what is left of its log goes unread.
    pub(super) fn wait(&mut self) -> Result<(), String> {
        // It must not wait for somebody who reads.
        self.lines = sync_channel(0).1;
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
