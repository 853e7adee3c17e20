//! Runs of pictures decoded side by side, and put in order again.

use std::cmp::Ordering as Order;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use genie_model::Frame;
use rusty_h264_decoder::Decoder;

use super::super::planes::Planes;
use super::annex_b::{AccessUnit, Packets};

/// Pictures that the decoder may hold back for reordering, by the standard.
const MOST_REORDERED: usize = 16;
/// A run is handed on in parts of that many pictures or bytes.
const PART_PICTURES: usize = 512;
const PART_BYTES: usize = 16 << 20;
/// Finished pictures of a run that wait for the runs before it.
const MOST_WAITING: usize = 1024;
const MOST_WAITING_BYTES: usize = 48 << 20;

/// A picture of the film, scaled.
pub(super) struct Decoded {
    pub(super) time: f64,
    pub(super) frame: Frame,
    /// Whether no picture is missing before it.
    pub(super) continues: bool,
}

impl PartialEq for Decoded {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Order::Equal
    }
}
impl Eq for Decoded {}
impl PartialOrd for Decoded {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}
impl Ord for Decoded {
    /// The earliest is the greatest, as a heap wants it.
    fn cmp(&self, other: &Self) -> Order {
        other.time.total_cmp(&self.time)
    }
}

/// What one part of a run leaves to the next.
struct State {
    decoder: Decoder,
    held: BinaryHeap<Decoded>,
    /// Nothing can be decoded before the next run.
    failed: bool,
    continues: bool,
}

impl State {
    fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            held: BinaryHeap::new(),
            failed: false,
            continues: true,
        }
    }
}

struct Part {
    units: Vec<AccessUnit>,
    /// From the part of the same run before this one.
    before: Option<Receiver<State>>,
    /// To the part of the same run after this one.
    after: Option<Sender<State>>,
    output: Sender<Decoded>,
}

#[derive(Default)]
struct Shared {
    lost: AtomicU64,
    /// Why the first picture that is lost could not be decoded.
    reason: Mutex<Option<String>>,
    /// Why no more packets can be read.
    end: Mutex<Option<String>>,
}

/// The pictures of a film in the order in which they are shown.
pub(super) struct Runs {
    outputs: Receiver<Receiver<Decoded>>,
    current: Option<Receiver<Decoded>>,
    shared: Arc<Shared>,
}

impl Runs {
    pub(super) fn start(
        mut packets: Packets,
        threads: usize,
        frame_bytes: usize,
        convert: impl Fn(&Planes<'_>) -> Result<Frame, String> + Send + Sync + 'static,
    ) -> Self {
        let (send_outputs, outputs) = bounded(2 * threads);
        let (send_parts, parts) = bounded::<Part>(threads);
        let shared = Arc::new(Shared::default());
        let convert = Arc::new(convert);
        for _ in 0..threads {
            let (parts, convert, shared) =
                (parts.clone(), Arc::clone(&convert), Arc::clone(&shared));
            thread::spawn(move || {
                for part in parts {
                    decode(part, convert.as_ref(), &shared);
                }
            });
        }
        let waiting = (MOST_WAITING_BYTES / frame_bytes.max(1)).clamp(8, MOST_WAITING);
        let reader_shared = Arc::clone(&shared);
        thread::spawn(move || {
            let mut before = None;
            let mut next = None;
            loop {
                let (units, over) = gather(&mut packets, &mut next, &reader_shared);
                if units.is_empty() {
                    return;
                }
                let (send, receive) = bounded(waiting);
                let (after, state) = bounded(1);
                let part = Part {
                    units,
                    before: before.take(),
                    after: (!over).then_some(after),
                    output: send,
                };
                before = (!over).then_some(state);
                if send_outputs.send(receive).is_err() || send_parts.send(part).is_err() {
                    return;
                }
            }
        });
        Self {
            outputs,
            current: None,
            shared,
        }
    }

    pub(super) fn next_picture(&mut self) -> Result<Option<Decoded>, String> {
        loop {
            if let Some(current) = &self.current
                && let Ok(picture) = current.recv()
            {
                return Ok(Some(picture));
            }
            let Ok(next) = self.outputs.recv() else {
                let mut end = lock(&self.shared.end);
                return end.take().map_or(Ok(None), Err);
            };
            self.current = Some(next);
        }
    }

    /// How many pictures could not be decoded, and why the first of them, since this was last asked.
    pub(super) fn take_lost(&self) -> (u64, Option<String>) {
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        (lost, lock(&self.shared.reason).take())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The units of one part, and whether its run is over with it.
fn gather(
    packets: &mut Packets,
    next: &mut Option<AccessUnit>,
    shared: &Shared,
) -> (Vec<AccessUnit>, bool) {
    let mut units: Vec<AccessUnit> = next.take().into_iter().collect();
    let mut bytes = 0;
    loop {
        match packets.next_unit() {
            Ok(Some(unit)) => {
                if unit.independent && !units.is_empty() {
                    *next = Some(unit);
                    return (units, true);
                }
                bytes += unit.bytes.len();
                units.push(unit);
                if units.len() >= PART_PICTURES || bytes >= PART_BYTES {
                    // The run may be over by chance; a part more costs nothing.
                    return (units, false);
                }
            }
            Ok(None) => return (units, true),
            Err(problem) => {
                lock(&shared.end).get_or_insert(problem);
                return (units, true);
            }
        }
    }
}

fn decode(
    part: Part,
    convert: &(impl Fn(&Planes<'_>) -> Result<Frame, String> + ?Sized),
    shared: &Shared,
) {
    let mut state = match part.before {
        // The part before is being decoded by another thread; if that died, so does this run.
        Some(before) => match before.recv() {
            Ok(state) => state,
            Err(_) => return,
        },
        None => State::new(),
    };
    for unit in part.units {
        if unit.independent && state.failed {
            // A part can begin with a run of its own.
            state.decoder = Decoder::new();
            state.failed = false;
        }
        if state.failed {
            shared.lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let decoder = &mut state.decoder;
        let decoded = catch_unwind(AssertUnwindSafe(|| decoder.decode(&unit.bytes)))
            .map_err(|_| "the decoder failed".to_owned())
            .and_then(|decoded| decoded.map_err(|error| error.to_string()));
        let frame = decoded.and_then(|picture| {
            picture
                .map(|picture| {
                    convert(&Planes {
                        size: (picture.width, picture.height),
                        luma: &picture.y,
                        blue: &picture.u,
                        red: &picture.v,
                    })
                })
                .transpose()
        });
        match frame {
            Ok(Some(frame)) => {
                let continues = std::mem::replace(&mut state.continues, true);
                state.held.push(Decoded {
                    time: unit.time,
                    frame,
                    continues,
                });
            }
            Ok(None) => {}
            Err(reason) => {
                shared.lost.fetch_add(1, Ordering::Relaxed);
                lock(&shared.reason).get_or_insert(reason);
                // What follows depends on it.
                state.failed = true;
                state.continues = false;
            }
        }
        while state.held.len() > MOST_REORDERED {
            if let Some(picture) = state.held.pop()
                && part.output.send(picture).is_err()
            {
                return;
            }
        }
    }
    if let Some(after) = part.after {
        let _ = after.send(state);
        return;
    }
    while let Some(picture) = state.held.pop() {
        if part.output.send(picture).is_err() {
            return;
        }
    }
}
