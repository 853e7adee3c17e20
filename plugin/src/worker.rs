//! The worker thread, which owns every tensor and every rollout, and the main thread's end of the channels to it.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use candle_core::Device;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, never};
use genie_model::checkpoint::Checkpoint;
use genie_model::{Fit, Frame, Rollout, SamplerSettings, WorldModel};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::prompt::PromptSource;
use crate::{GenieError, GenieModel};

/// Requests and replies that may wait in each direction.
const CAPACITY: usize = 64;
/// How long the main thread waits for the worker when the app ends; a pass that takes longer is left to finish alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the main thread asks for.
pub(crate) enum Request {
    /// Start a world, in place of the one that the entity had.
    Start(Box<StartOrder>),
    /// Go back to the prompt.
    Reset { world: Entity, ticket: u64 },
    /// Dream one frame in each of these worlds.
    Step(Vec<StepOrder>),
    /// Forget the world.
    End { world: Entity },
    /// Forget the networks built from this asset; running worlds keep theirs.
    Forget { model: AssetId<GenieModel> },
}

pub(crate) struct StartOrder {
    pub(crate) world: Entity,
    pub(crate) ticket: u64,
    pub(crate) model: AssetId<GenieModel>,
    pub(crate) checkpoint: Arc<Checkpoint>,
    pub(crate) prompt: PromptSource,
    pub(crate) fit: Fit,
    pub(crate) seed: u64,
    pub(crate) sampler: SamplerSettings,
}

#[derive(Clone, Copy)]
pub(crate) struct StepOrder {
    pub(crate) world: Entity,
    pub(crate) ticket: u64,
    pub(crate) action: usize,
    pub(crate) asked: Instant,
}

impl Request {
    /// The world that the request is about, if it makes earlier ones about it pointless.
    fn supersedes(&self) -> Option<Entity> {
        match self {
            Self::Start(order) => Some(order.world),
            Self::Reset { world, .. } | Self::End { world } => Some(*world),
            Self::Step(_) | Self::Forget { .. } => None,
        }
    }
}

/// What became of a request about one world.
pub(crate) struct Reply {
    pub(crate) world: Entity,
    /// The ticket of the request.
    pub(crate) ticket: u64,
    pub(crate) outcome: Result<News, GenieError>,
}

/// A frame that has been made.
pub(crate) struct News {
    pub(crate) kind: NewsKind,
    pub(crate) tick: u64,
    pub(crate) action: Option<usize>,
    pub(crate) asked: Instant,
    pub(crate) frame: Frame,
    /// The frame as the texture wants it.
    pub(crate) rgba: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewsKind {
    Ready { actions: usize },
    Reset,
    Stepped,
}

/// The main thread's end of the channels. Dropping it stops and joins the thread.
#[derive(Resource)]
pub(crate) struct Worker {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    /// Requests that wait for room in the channel.
    outbox: VecDeque<Request>,
    tickets: u64,
    stop: Arc<AtomicBool>,
    finished: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread, whose passes run on `threads` threads.
    pub(crate) fn start(threads: usize) -> Self {
        let (requests, request_receiver) = bounded(CAPACITY);
        let (reply_sender, replies) = bounded(CAPACITY);
        let (finish, finished) = bounded::<()>(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("genie-worker".to_owned())
            .spawn(move || {
                Desk::new(reply_sender, stopped, threads).serve(&request_receiver);
                // Its end closes the channel that the main thread waits on.
                drop(finish);
            })
            .inspect_err(|error| error!("the genie-worker thread cannot be started: {error}"))
            .ok();
        Self {
            requests: thread.is_some().then_some(requests),
            replies,
            outbox: VecDeque::new(),
            tickets: 0,
            stop,
            finished,
            thread,
        }
    }

    /// A ticket that no world has had.
    pub(crate) fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Puts a request into the outbox; [`flush`](Self::flush) sends it. Requests of the same world that it makes
    /// pointless are taken out, so that the outbox stays about as long as there are worlds.
    pub(crate) fn push(&mut self, request: Request) {
        if let Some(world) = request.supersedes() {
            self.outbox.retain_mut(|queued| {
                if let Request::Step(orders) = queued {
                    orders.retain(|order| order.world != world);
                    return !orders.is_empty();
                }
                queued.supersedes() != Some(world)
            });
        }
        self.outbox.push_back(request);
    }

    /// Whether all requests have left for the worker: only then is it worth asking for more frames.
    pub(crate) fn keeps_up(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Sends what fits into the channel without waiting. Returns `false` if there is no worker to send to.
    pub(crate) fn flush(&mut self) -> bool {
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
                Err(TrySendError::Disconnected(_)) => {
                    self.requests = None;
                    self.outbox.clear();
                    return false;
                }
            }
        }
        true
    }

    /// The replies that have arrived, without waiting.
    pub(crate) fn replies(&self) -> impl Iterator<Item = Reply> + '_ {
        self.replies.try_iter().take(CAPACITY)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
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

/// The worker's side: models and worlds.
struct Desk {
    replies: Sender<Reply>,
    stop: Arc<AtomicBool>,
    /// The passes' own threads: Bevy's task pools and the game's use of rayon stay out of their way.
    pool: Option<ThreadPool>,
    models: HashMap<AssetId<GenieModel>, Loaded>,
    loads: u64,
    worlds: HashMap<Entity, Running>,
}

#[derive(Clone)]
struct Loaded {
    /// Names the load: worlds of one load can be stepped together.
    load: u64,
    model: WorldModel,
}

struct Running {
    load: u64,
    start: Rollout,
    now: Rollout,
}

impl Desk {
    fn new(replies: Sender<Reply>, stop: Arc<AtomicBool>, threads: usize) -> Self {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|i| format!("genie-compute-{i}"))
            .build()
            .inspect_err(|error| warn!("genie-worker shares rayon's global threads: {error}"))
            .ok();
        Self {
            replies,
            stop,
            pool,
            models: HashMap::new(),
            loads: 0,
            worlds: HashMap::new(),
        }
    }

    /// Works until the main thread hangs up.
    fn serve(&mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            // Steps that wait together are dreamt together, but never past another order about a world.
            let mut steps = Vec::new();
            for request in std::iter::once(first).chain(requests.try_iter().take(CAPACITY)) {
                if let Request::Step(orders) = request {
                    steps.extend(orders);
                    continue;
                }
                if self.step(&mut steps).is_none() || self.obey(request).is_none() {
                    return;
                }
            }
            if self.step(&mut steps).is_none() {
                return;
            }
        }
    }

    /// `None` if nobody listens any more.
    fn reply(&self, reply: Reply) -> Option<()> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        self.replies.send(reply).ok()
    }

    fn obey(&mut self, request: Request) -> Option<()> {
        match request {
            Request::Step(_) => {}
            Request::End { world } => {
                self.worlds.remove(&world);
            }
            Request::Forget { model } => {
                self.models.remove(&model);
            }
            Request::Reset { world, ticket } => {
                let outcome = match self.worlds.get_mut(&world) {
                    Some(running) => {
                        running.now = running.start.clone();
                        Ok(news(&running.now, NewsKind::Reset, None, Instant::now()))
                    }
                    // The main thread resets running worlds only.
                    None => Err(GenieError::WorkerGone),
                };
                self.reply(Reply {
                    world,
                    ticket,
                    outcome,
                })?;
            }
            Request::Start(order) => {
                let (world, ticket, asked) = (order.world, order.ticket, Instant::now());
                self.worlds.remove(&world);
                let outcome = self.start(*order).map(|running| {
                    let actions = running.now.model().action_count();
                    let news = news(&running.now, NewsKind::Ready { actions }, None, asked);
                    self.worlds.insert(world, running);
                    news
                });
                self.reply(Reply {
                    world,
                    ticket,
                    outcome,
                })?;
            }
        }
        Some(())
    }

    fn start(&mut self, order: StartOrder) -> Result<Running, GenieError> {
        let StartOrder {
            model,
            checkpoint,
            prompt,
            fit,
            seed,
            sampler,
            ..
        } = order;
        let known = self.models.get(&model).cloned();
        let fresh_load = self.loads + 1;
        let pool = self.pool.as_ref();
        let (loaded, start) = guarded(pool, || {
            let loaded = match known {
                Some(loaded) => loaded,
                None => Loaded {
                    load: fresh_load,
                    model: WorldModel::new(Checkpoint::clone(&checkpoint), &Device::Cpu)?,
                },
            };
            let frame = prompt.into_frame()?;
            let start = loaded.model.prompt_with(&frame, seed, fit, sampler)?;
            Ok((loaded, start))
        })?;
        self.loads = fresh_load;
        let load = loaded.load;
        self.models.insert(model, loaded);
        Ok(Running {
            load,
            now: start.clone(),
            start,
        })
    }

    /// Dreams all `steps`, worlds of one model in one batch, and empties it.
    fn step(&mut self, steps: &mut Vec<StepOrder>) -> Option<()> {
        let mut groups: HashMap<u64, Vec<(StepOrder, Running)>> = HashMap::new();
        let mut order_of_loads = Vec::new();
        for order in steps.drain(..) {
            // A world that has ended, or failed to start, is not stepped; the main thread knows.
            if let Some(running) = self.worlds.remove(&order.world) {
                let group = groups.entry(running.load).or_insert_with(|| {
                    order_of_loads.push(running.load);
                    Vec::new()
                });
                group.push((order, running));
            }
        }
        for load in order_of_loads {
            let mut group = groups.remove(&load).unwrap_or_default();
            let together = self.step_group(&mut group);
            for (order, mut running) in group {
                // One world must not take the others down: what failed together is tried one by one.
                let outcome = match &together {
                    Ok(()) => Ok(()),
                    Err(_) => guarded(self.pool.as_ref(), || {
                        running.now.step(order.action)?;
                        Ok(())
                    }),
                };
                let outcome = outcome.map(|()| {
                    let action = Some(order.action);
                    news(&running.now, NewsKind::Stepped, action, order.asked)
                });
                self.worlds.insert(order.world, running);
                self.reply(Reply {
                    world: order.world,
                    ticket: order.ticket,
                    outcome,
                })?;
            }
        }
        Some(())
    }

    fn step_group(&self, group: &mut [(StepOrder, Running)]) -> Result<(), GenieError> {
        let actions: Vec<_> = group.iter().map(|(order, _)| order.action).collect();
        let mut rollouts: Vec<_> = group.iter_mut().map(|(_, r)| &mut r.now).collect();
        guarded(self.pool.as_ref(), || {
            Rollout::step_all(&mut rollouts, &actions)?;
            Ok(())
        })
    }
}

fn news(rollout: &Rollout, kind: NewsKind, action: Option<usize>, asked: Instant) -> News {
    News {
        kind,
        tick: rollout.time(),
        action,
        asked,
        rgba: rollout.frame().to_rgba(),
        frame: rollout.frame().clone(),
    }
}

/// Runs `work` on the pool and turns a panic into an error. What `work` changes must be whole after a panic: rollouts
/// are, they are only replaced once a step is done.
fn guarded<T: Send>(
    pool: Option<&ThreadPool>,
    work: impl FnOnce() -> Result<T, GenieError> + Send,
) -> Result<T, GenieError> {
    catch_unwind(AssertUnwindSafe(|| match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }))
    .unwrap_or_else(|panic| Err(GenieError::Panic(panic_message(panic.as_ref()))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_the_pool_becomes_an_error_and_the_pool_lives_on() {
        let pool = ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .expect("one thread can be started");
        let result: Result<(), _> = guarded(Some(&pool), || panic!("shape {}", 3));
        assert!(matches!(result, Err(GenieError::Panic(text)) if text == "shape 3"));
        assert!(matches!(guarded(Some(&pool), || Ok(7)), Ok(7)));
    }

    #[test]
    fn a_later_order_takes_the_earlier_ones_of_its_world_out_of_the_outbox() {
        let mut worker = Worker::start(1);
        let [one, other] = [Entity::from_raw_u32(1), Entity::from_raw_u32(2)]
            .map(|entity| entity.expect("small indices are valid"));
        let step = |world| StepOrder {
            world,
            ticket: 1,
            action: 0,
            asked: Instant::now(),
        };
        worker.push(Request::Step(vec![step(one), step(other)]));
        worker.push(Request::Reset {
            world: one,
            ticket: 2,
        });
        worker.push(Request::End { world: one });
        assert_eq!(worker.outbox.len(), 2);
        assert!(matches!(&worker.outbox[0], Request::Step(orders) if orders.len() == 1));
        assert!(matches!(worker.outbox[1], Request::End { world } if world == one));
    }
}
