//! The worker thread, which owns every tensor and every rollout, and the main thread's end of the channels to it.

pub(crate) mod compute;
pub(crate) mod cpu_time;
pub(crate) mod frame_gate;
mod guard;
mod pools;
pub(crate) mod reply;
pub(crate) mod request;
mod server;
pub(crate) mod trajectory;
mod urgency;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bevy::prelude::*;
use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded, never,
};

use crate::worker::compute::ComputeSettings;
use crate::worker::reply::Reply;
use crate::worker::request::{CAPACITY, JumpTarget, Request};
use crate::worker::server::WorkerServer;

/// Replies that may wait for the main thread, and most of them that one frame of the game takes in.
const REPLIES: usize = 256;
/// How long the main thread waits for the worker when the app ends; a pass that takes longer is left to finish alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// The main thread's end of the channels. Dropping it stops and joins the thread.
#[derive(Resource)]
pub(crate) struct Worker {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    /// Requests that wait for room in the channel.
    outbox: VecDeque<Request>,
    generations: u64,
    compute: ComputeSettings,
    memory: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    finished: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(compute: ComputeSettings) -> Self {
        let (requests, request_receiver) = bounded(CAPACITY);
        let (reply_sender, replies) = bounded(REPLIES);
        let memory = Arc::new(AtomicUsize::new(0));
        let memory_told = Arc::clone(&memory);
        let (finish, finished) = bounded::<()>(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let computing = compute.clone();
        let thread = std::thread::Builder::new()
            .name("genie-worker".to_owned())
            .spawn(move || {
                computing.begin_worker();
                let mut server = WorkerServer::new(reply_sender, stopped, memory_told, &computing);
                server.serve(&request_receiver);
                // Its end closes the channel that the main thread waits on.
                drop(finish);
            })
            .inspect_err(|error| error!("the genie-worker thread cannot be started: {error}"))
            .ok();
        Self {
            requests: thread.is_some().then_some(requests),
            replies,
            outbox: VecDeque::new(),
            generations: 0,
            compute,
            memory,
            stop,
            finished,
            thread,
        }
    }

    /// A generation that no world has had.
    pub(crate) fn generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    /// Puts a request into the outbox; [`flush`](Self::flush) sends it. Requests of the same world that it makes
    /// pointless are taken out, so that the outbox stays about as long as there are worlds.
    pub(crate) fn push(&mut self, request: Request) {
        if let Some(world) = request.world()
            && request.supersedes()
        {
            self.outbox.retain_mut(|queued| {
                if let Request::Step(steps) = queued {
                    steps.retain(|step| step.world != world);
                    return !steps.is_empty();
                }
                queued.world() != Some(world) || queued.has_effect_elsewhere()
            });
        }
        self.outbox.push_back(request);
    }

    /// As [`push`](Self::push), for a rewind to frame `tick`. Rewinding again and again, as a held key does, becomes one
    /// rewind to where the last one leads. Returns whether one more reply will come.
    pub(crate) fn push_rewind(&mut self, world: Entity, generation: u64, tick: u64) -> bool {
        let to = JumpTarget::Tick(tick);
        let about_it = self.outbox.iter_mut().rev().find(|queued| match queued {
            Request::Step(steps) => steps.iter().any(|step| step.world == world),
            _ => queued.world() == Some(world),
        });
        if let Some(Request::Jump { to: last, .. }) = about_it
            && matches!(last, JumpTarget::Tick(_))
        {
            *last = to;
            return false;
        }
        self.push(Request::Jump {
            world,
            generation,
            to,
        });
        true
    }

    /// Requests and replies that wait, roughly.
    pub(crate) fn queue(&self) -> usize {
        let sent = self.requests.as_ref().map_or(0, Sender::len);
        self.outbox.len() + sent + self.replies.len()
    }

    /// Bytes that worlds and models took when the worker last looked.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// Whether all requests have left for the worker: only then is it worth asking for more frames.
    pub(crate) fn keeps_up(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Sends what fits into the channel without waiting. Returns `false` if the worker is gone, and all its state with
    /// it. If it broke down, another one has been started.
    pub(crate) fn flush(&mut self) -> bool {
        let broke_down =
            self.thread.is_some() && self.finished.try_recv() == Err(TryRecvError::Disconnected);
        if broke_down {
            return self.replace();
        }
        while let Some(request) = self.outbox.pop_front() {
            let Some(requests) = &self.requests else {
                self.outbox.clear();
                return false;
            };
            match requests.try_send(request) {
                Ok(()) => {}
                Err(TrySendError::Full(request)) => {
                    self.outbox.push_front(request);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return self.replace(),
            }
        }
        true
    }

    fn replace(&mut self) -> bool {
        let generations = self.generations;
        *self = Self::start(self.compute.clone());
        self.generations = generations;
        false
    }

    /// The replies that have arrived, without waiting.
    pub(crate) fn replies(&self) -> impl Iterator<Item = Reply> + '_ {
        self.replies.try_iter().take(REPLIES)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // No more frames will come, or a new worker with them.
        self.compute.gate.end_frame();
        // The worker may be waiting on either channel.
        self.requests = None;
        self.replies = never();
        let Some(thread) = self.thread.take() else {
            return;
        };
        if self.finished.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            warn!("genie-worker is still busy and ends on its own");
        } else if thread.join().is_err() {
            error!("genie-worker ended in a panic");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Instant;

    use super::*;
    use crate::worker::compute::{GenieDevice, GeniePriority};
    use crate::worker::frame_gate::FrameGate;
    use crate::worker::reply::Outcome;
    use crate::worker::request::StepRequest;

    fn one_thread() -> ComputeSettings {
        ComputeSettings {
            threads: 1,
            device: GenieDevice::Cpu,
            priority: GeniePriority::Normal,
            gate: FrameGate::default(),
        }
    }

    #[test]
    fn a_later_request_takes_the_earlier_ones_of_its_world_out_of_the_outbox() {
        let mut worker = Worker::start(one_thread());
        let [one, other] = [Entity::from_raw_u32(1), Entity::from_raw_u32(2)]
            .map(|entity| entity.expect("small indices are valid"));
        let step = |world| StepRequest {
            world,
            generation: 1,
            action: 0,
            asked: Instant::now(),
            pressed: None,
            keep: 0,
            interval: Duration::MAX,
        };
        worker.push(Request::Step(vec![step(one), step(other)]));
        worker.push(Request::Reset {
            world: one,
            generation: 2,
        });
        worker.push(Request::End { world: one });
        assert_eq!(worker.outbox.len(), 2);
        assert!(matches!(&worker.outbox[0], Request::Step(steps) if steps.len() == 1));
        assert!(matches!(worker.outbox[1], Request::End { world } if world == one));
    }

    #[test]
    fn repeated_rewinds_wait_as_one_but_never_past_a_save() {
        let mut worker = Worker::start(one_thread());
        let world = Entity::from_raw_u32(1).expect("small indices are valid");
        assert!(worker.push_rewind(world, 1, 9));
        assert!(!worker.push_rewind(world, 1, 8));
        worker.push(Request::Save {
            world,
            generation: 1,
            path: PathBuf::new(),
        });
        assert!(worker.push_rewind(world, 1, 7));
        let to = |request: &Request| match request {
            Request::Jump {
                to: JumpTarget::Tick(tick),
                ..
            } => Some(*tick),
            _ => None,
        };
        assert_eq!(
            worker.outbox.iter().map(to).collect::<Vec<_>>(),
            [Some(8), None, Some(7)]
        );
        worker.push(Request::Reset {
            world,
            generation: 2,
        });
        let saves = |request: &Request| matches!(request, Request::Save { .. });
        assert_eq!(
            worker.outbox.iter().map(saves).collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn a_worker_that_broke_down_is_replaced() {
        let mut worker = Worker::start(one_thread());
        assert!(worker.flush());
        worker.stop.store(true, Ordering::Relaxed);
        let world = Entity::from_raw_u32(1).expect("small indices are valid");
        // It ends instead of replying.
        worker.push(Request::Snapshot {
            world,
            generation: 1,
        });
        let patience = Instant::now();
        while worker.flush() {
            assert!(patience.elapsed() < Duration::from_mins(1));
            std::thread::yield_now();
        }
        worker.push(Request::Snapshot {
            world,
            generation: 2,
        });
        assert!(worker.flush());
        let reply = worker.replies.recv_timeout(Duration::from_mins(1));
        assert!(matches!(
            reply.map(|reply| (reply.generation, reply.outcome)),
            Ok((2, Outcome::Refused { .. }))
        ));
    }
}
