//! The threads that passes run on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bevy::log::warn;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::worker::compute::{ComputeSettings, GeniePriority};
use crate::worker::cpu_time::{CpuTime, PassTimes, ThreadTimes};
use crate::worker::frame_gate::FrameGate;
use crate::worker::urgency::{Urgency, UrgencyControl};

/// Time between two probes of what other threads leave over.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// Additions of a probe: a millisecond or two.
const PROBE_WORK: u64 = 2_000_000;

/// The model's threads. Bevy's task pools and the game's use of rayon stay out of their way.
///
/// A thread that has given its priority away cannot take it back without a privilege. So there are two pools, of which one
/// computes at a time: the threads of one take what others leave over, those of the other are threads like any other.
pub(super) struct ComputePools {
    leftover: Option<Pool>,
    fair: Option<Pool>,
    control: UrgencyControl,
    gate: FrameGate,
    probe: Arc<Probe>,
    last_probe: Instant,
}

struct Pool {
    threads: ThreadPool,
    times: Arc<Mutex<Vec<ThreadTimes>>>,
}

/// When a pass began, and the threads' times then.
pub(super) struct PassStart {
    at: Instant,
    urgency: Urgency,
    threads: Vec<Option<CpuTime>>,
    waited_for_frame: Duration,
}

/// What the threads of lowest priority need for a little work.
struct Probe {
    /// How many times as long the last one took as it would have taken alone, as bits; 0 for none.
    slowdown: AtomicU64,
    /// Nanoseconds of the quickest one.
    quickest: AtomicU64,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            slowdown: AtomicU64::new(0),
            quickest: AtomicU64::new(u64::MAX),
        }
    }
}

impl ComputePools {
    /// Starts the threads. The calling thread must have the niceness of the game's threads.
    pub(super) fn start(compute: &ComputeSettings) -> Self {
        let (lowest, highest) = match compute.priority {
            GeniePriority::BetweenFrames => (Urgency::Leftover, Urgency::WithinFrames),
            GeniePriority::Background => (Urgency::Leftover, Urgency::FairShare),
            GeniePriority::Normal => (Urgency::FairShare, Urgency::FairShare),
        };
        let both = lowest == Urgency::Leftover;
        let fair_name = if both {
            "genie-urgent"
        } else {
            "genie-compute"
        };
        let fair = Pool::start(compute, GeniePriority::Normal, fair_name);
        let leftover = both
            .then(|| Pool::start(compute, GeniePriority::Background, "genie-compute"))
            .flatten();
        Self {
            leftover,
            fair,
            control: UrgencyControl::new(lowest, highest),
            gate: compute.gate.clone(),
            probe: Arc::default(),
            last_probe: Instant::now(),
        }
    }

    /// The threads to compute on; `None` if none could be started.
    pub(super) fn threads(&self) -> Option<&ThreadPool> {
        self.pool(self.control.now()).map(|pool| &pool.threads)
    }

    fn pool(&self, urgency: Urgency) -> Option<&Pool> {
        let leftover = urgency == Urgency::Leftover;
        let first = self.leftover.as_ref().filter(|_| leftover);
        first.or(self.fair.as_ref()).or(self.leftover.as_ref())
    }

    fn times(&self, urgency: Urgency) -> Vec<Option<CpuTime>> {
        self.pool(urgency).map(Pool::times).unwrap_or_default()
    }

    /// The threads that take what others leave over, if they are the ones to compute on, and how long a pass may take there;
    /// `None` also where the worlds have no floor.
    pub(super) fn leftover(&self, interval: Duration) -> Option<(&ThreadPool, Duration)> {
        let leftover = self.control.now() == Urgency::Leftover && interval != Duration::MAX;
        let pool = self.leftover.as_ref().filter(|_| leftover)?;
        Some((&pool.threads, self.control.patience(interval)))
    }

    /// A pass has taken longer than its patience.
    pub(super) fn give_up_on_leftover(&mut self) {
        self.control.give_up();
    }

    pub(super) fn begin_pass(&self) -> PassStart {
        let urgency = self.control.now();
        PassStart {
            at: Instant::now(),
            urgency,
            threads: self.times(urgency),
            waited_for_frame: self.gate.waited(),
        }
    }

    /// How the time since `start` was spent. Frames come `interval` apart at the rate that is the worlds' floor.
    pub(super) fn end_pass(&mut self, start: &PassStart, interval: Duration) -> PassTimes {
        let now = self.times(start.urgency);
        let threads = now.iter().zip(&start.threads).filter_map(|(now, before)| {
            let (now, before) = (now.as_ref()?, before.as_ref()?);
            Some(CpuTime {
                ran: now.ran.saturating_sub(before.ran),
                waited: now.waited.saturating_sub(before.waited),
            })
        });
        let threads: Vec<CpuTime> = threads.collect();
        let times = PassTimes {
            wall: start.at.elapsed(),
            computed: threads.iter().map(|thread| thread.ran).max(),
            waited_for_core: threads
                .iter()
                .map(|thread| thread.waited)
                .max()
                .unwrap_or_default(),
            // The sum over all threads, which wait at the same time.
            waited_for_frame: self.gate.waited().saturating_sub(start.waited_for_frame)
                / now.len().max(1) as u32,
        };
        self.control.observe(&times, interval);
        self.probe();
        self.gate
            .set_open(self.control.now() == Urgency::WithinFrames);
        times
    }

    /// While the model takes more than what others leave over, measures from time to time how much that is.
    fn probe(&mut self) {
        let slowdown = f64::from_bits(self.probe.slowdown.swap(0, Ordering::Relaxed));
        if slowdown > 0.0 {
            self.control.observe_probe(slowdown);
        }
        let Some(leftover) = &self.leftover else {
            return;
        };
        if self.control.now() == Urgency::Leftover || self.last_probe.elapsed() < PROBE_INTERVAL {
            return;
        }
        // The next one is not started before the last one has ended.
        if Arc::strong_count(&self.probe) > 1 {
            return;
        }
        self.last_probe = Instant::now();
        let (asked, probe) = (self.last_probe, Arc::clone(&self.probe));
        leftover.threads.spawn(move || probe.run(asked));
    }
}

impl Pool {
    fn start(
        compute: &ComputeSettings,
        priority: GeniePriority,
        name: &'static str,
    ) -> Option<Self> {
        let times = Arc::new(Mutex::new(Vec::new()));
        let (started, compute) = (Arc::clone(&times), compute.clone());
        ThreadPoolBuilder::new()
            .num_threads(compute.threads.max(1))
            .thread_name(move |i| format!("{name}-{i}"))
            .start_handler(move |_| {
                let mut started = started.lock().unwrap_or_else(PoisonError::into_inner);
                started.push(ThreadTimes::of_this_thread());
                compute.begin_thread(priority);
            })
            .build()
            .inspect_err(|error| warn!("a thread pool of the model cannot be started: {error}"))
            .ok()
            .map(|threads| Self { threads, times })
    }

    fn times(&self) -> Vec<Option<CpuTime>> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.iter().map(ThreadTimes::read).collect()
    }
}

impl Probe {
    fn run(&self, asked: Instant) {
        let times = ThreadTimes::of_this_thread();
        let (began, before) = (Instant::now(), times.read());
        for number in 0..PROBE_WORK {
            std::hint::black_box(number);
        }
        let work = began.elapsed();
        let waited = before
            .zip(times.read())
            .map(|(before, now)| now.waited.saturating_sub(before.waited));
        let undisturbed = if let Some(waited) = waited {
            work.saturating_sub(waited)
        } else {
            let nanoseconds = work.as_nanos() as u64;
            let least = self.quickest.fetch_min(nanoseconds, Ordering::Relaxed);
            Duration::from_nanos(least.min(nanoseconds))
        };
        let slowdown = asked.elapsed().as_secs_f64() / undisturbed.as_secs_f64().max(1e-6);
        self.slowdown.store(slowdown.to_bits(), Ordering::Relaxed);
    }
}
