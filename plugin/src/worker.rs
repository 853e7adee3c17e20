//! The worker thread, which owns every tensor and every rollout, and the main thread's end of the channels to it.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded, never,
};
use genie_model::checkpoint::Checkpoint;
use genie_model::{Fit, Frame, Rollout, SamplerSettings, WorldModel};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::compute::ComputeSettings;
use crate::line::Line;
use crate::prompt::Origin;
use crate::{
    FrameTokens, GenieDevice, GenieError, GenieModel, Jump, OrderKind, Replay, WorldSnapshot,
};

/// Requests that may wait for the worker.
const CAPACITY: usize = 64;
/// Replies that may wait for the main thread, and most of them that one frame of the game takes in.
const REPLIES: usize = 256;
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
    /// Sample the next frames in this way.
    Tune {
        world: Entity,
        ticket: u64,
        sampler: SamplerSettings,
    },
    /// Go to another moment.
    Jump {
        world: Entity,
        ticket: u64,
        to: Moment,
    },
    /// Hand out the present moment.
    Snapshot { world: Entity, ticket: u64 },
    /// Write the present moment to a file.
    Save {
        world: Entity,
        ticket: u64,
        path: PathBuf,
    },
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
    pub(crate) origin: Origin,
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
    /// When the first press or release came in that this frame is the first to show.
    pub(crate) pressed: Option<Instant>,
    /// Frames of the past to keep.
    pub(crate) keep: usize,
}

/// Where a jump leads.
pub(crate) enum Moment {
    /// The frame with this tick.
    Tick(u64),
    Snapshot(WorldSnapshot),
    File(PathBuf),
    /// The prompt of a replay.
    Replay(Arc<Replay>),
}

impl Moment {
    fn names(&self) -> (OrderKind, Jump) {
        match self {
            Self::Tick(_) => (OrderKind::Rewind, Jump::Rewound),
            Self::Snapshot(_) => (OrderKind::Restore, Jump::Restored),
            Self::File(_) => (OrderKind::Load, Jump::Loaded),
            Self::Replay(_) => (OrderKind::Replay, Jump::Replayed),
        }
    }
}

impl Request {
    /// The one world that the request is about.
    fn world(&self) -> Option<Entity> {
        match self {
            Self::Start(order) => Some(order.world),
            Self::Reset { world, .. }
            | Self::End { world }
            | Self::Tune { world, .. }
            | Self::Jump { world, .. }
            | Self::Snapshot { world, .. }
            | Self::Save { world, .. } => Some(*world),
            Self::Step(_) | Self::Forget { .. } => None,
        }
    }

    /// Whether nothing that the world was told before counts any more.
    fn supersedes(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Reset { .. } | Self::End { .. })
    }

    /// Whether the request serves something else than the world's next frames.
    fn has_effect_elsewhere(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::Save { .. })
    }
}

/// What became of a request about one world.
pub(crate) struct Reply {
    pub(crate) world: Entity,
    /// The ticket of the request.
    pub(crate) ticket: u64,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    /// A frame that was asked for.
    Frame(Box<News>),
    /// The world has failed.
    Failed(GenieError),
    /// The request was refused, the world goes on. `settles` says whether a frame was awaited.
    Refused {
        order: OrderKind,
        error: GenieError,
        settles: bool,
    },
    Snapshot(WorldSnapshot),
    Saved {
        path: PathBuf,
        tick: u64,
    },
}

/// A frame that has been made.
pub(crate) struct News {
    pub(crate) kind: NewsKind,
    pub(crate) tick: u64,
    pub(crate) action: Option<usize>,
    pub(crate) asked: Instant,
    pub(crate) pressed: Option<Instant>,
    /// Frames that the world can be rewound by.
    pub(crate) kept: usize,
    pub(crate) frame: Arc<Frame>,
    pub(crate) tokens: Arc<FrameTokens>,
    /// The frame as the texture wants it.
    pub(crate) rgba: Vec<u8>,
}

pub(crate) enum NewsKind {
    Ready {
        actions: usize,
        /// Seed and sampler settings of the file that it goes on from.
        saved: Option<Box<(u64, SamplerSettings)>>,
    },
    Reset,
    Stepped,
    /// The world has gone to another moment; `origin` tells where it now comes from if that is another start.
    Jumped {
        jump: Jump,
        origin: Option<Box<NewOrigin>>,
    },
}

/// What a world's settings become after a jump to another line through time.
pub(crate) struct NewOrigin {
    pub(crate) prompt: Frame,
    pub(crate) seed: u64,
    pub(crate) sampler: SamplerSettings,
    /// To be played from here on.
    pub(crate) replay: Option<Arc<Replay>>,
}

/// The main thread's end of the channels. Dropping it stops and joins the thread.
#[derive(Resource)]
pub(crate) struct Worker {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    /// Requests that wait for room in the channel.
    outbox: VecDeque<Request>,
    tickets: u64,
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
                computing.begin_thread();
                let mut desk = Desk::new(reply_sender, stopped, memory_told, computing);
                desk.serve(&request_receiver);
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
            compute,
            memory,
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
        if let Some(world) = request.world()
            && request.supersedes()
        {
            self.outbox.retain_mut(|queued| {
                if let Request::Step(orders) = queued {
                    orders.retain(|order| order.world != world);
                    return !orders.is_empty();
                }
                queued.world() != Some(world) || queued.has_effect_elsewhere()
            });
        }
        self.outbox.push_back(request);
    }

    /// As [`push`](Self::push), for a rewind to frame `tick`. Rewinding again and again, as a held key does, becomes one
    /// rewind to where the last one leads. Returns whether one more reply will come.
    pub(crate) fn push_rewind(&mut self, world: Entity, ticket: u64, tick: u64) -> bool {
        let to = Moment::Tick(tick);
        let about_it = self.outbox.iter_mut().rev().find(|queued| match queued {
            Request::Step(orders) => orders.iter().any(|order| order.world == world),
            _ => queued.world() == Some(world),
        });
        if let Some(Request::Jump { to: last, .. }) = about_it
            && matches!(last, Moment::Tick(_))
        {
            *last = to;
            return false;
        }
        self.push(Request::Jump { world, ticket, to });
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

    /// Sends what fits into the channel without waiting. Returns `false` if the worker is gone and all that it knew with
    /// it; if it broke down, another one is there now.
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
        let tickets = self.tickets;
        *self = Self::start(self.compute.clone());
        self.tickets = tickets;
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
        self.compute.turns.end_frame();
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
    device: GenieDevice,
    models: HashMap<AssetId<GenieModel>, Loaded>,
    loads: u64,
    worlds: HashMap<Entity, Running>,
    memory: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Loaded {
    /// Names the load: worlds of one load can be stepped together.
    load: u64,
    model: WorldModel,
    bytes: usize,
}

struct Running {
    load: u64,
    line: Line,
}

impl Desk {
    fn new(
        replies: Sender<Reply>,
        stop: Arc<AtomicBool>,
        memory: Arc<AtomicUsize>,
        compute: ComputeSettings,
    ) -> Self {
        let device = compute.device;
        let pool = ThreadPoolBuilder::new()
            .num_threads(compute.threads.max(1))
            .thread_name(|i| format!("genie-compute-{i}"))
            .start_handler(move |_| compute.begin_thread())
            .build()
            .inspect_err(|error| warn!("genie-worker shares rayon's global threads: {error}"))
            .ok();
        Self {
            replies,
            stop,
            pool,
            device,
            models: HashMap::new(),
            loads: 0,
            worlds: HashMap::new(),
            memory,
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
            let worlds = self
                .worlds
                .values()
                .map(|running| running.line.memory_bytes());
            let models = self.models.values().map(|loaded| loaded.bytes);
            let bytes = worlds.chain(models).sum();
            self.memory.store(bytes, Ordering::Relaxed);
        }
    }

    /// `None` if nobody listens any more.
    fn reply(&self, world: Entity, ticket: u64, outcome: Outcome) -> Option<()> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let reply = Reply {
            world,
            ticket,
            outcome,
        };
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
                    Some(Running { line, .. }) => {
                        line.reset();
                        frame(line, NewsKind::Reset, Instant::now(), None)
                    }
                    // The main thread resets running worlds only.
                    None => Outcome::Failed(GenieError::WorkerGone),
                };
                self.reply(world, ticket, outcome)?;
            }
            Request::Start(order) => {
                let (world, ticket, asked) = (order.world, order.ticket, Instant::now());
                self.worlds.remove(&world);
                let from_file = matches!(order.origin, Origin::Saved(_));
                let outcome = match self.start(*order) {
                    Ok(running) => {
                        let actions = running.line.model().action_count();
                        let line = &running.line;
                        let saved =
                            from_file.then(|| Box::new((line.seed(), line.sampler().clone())));
                        let kind = NewsKind::Ready { actions, saved };
                        let outcome = frame(&running.line, kind, asked, None);
                        self.worlds.insert(world, running);
                        outcome
                    }
                    Err(error) => Outcome::Failed(error),
                };
                self.reply(world, ticket, outcome)?;
            }
            Request::Tune {
                world,
                ticket,
                sampler,
            } => {
                if let Some(running) = self.worlds.get_mut(&world)
                    && let Err(error) = running.line.tune(sampler)
                {
                    let outcome = Outcome::Refused {
                        order: OrderKind::Sampler,
                        error,
                        settles: false,
                    };
                    self.reply(world, ticket, outcome)?;
                }
            }
            Request::Jump { world, ticket, to } => {
                let (order, jump) = to.names();
                let asked = Instant::now();
                let outcome = match self.jump(world, to) {
                    Ok(origin) => {
                        let line = &self.worlds[&world].line;
                        frame(line, NewsKind::Jumped { jump, origin }, asked, None)
                    }
                    Err(error) => Outcome::Refused {
                        order,
                        error,
                        settles: true,
                    },
                };
                self.reply(world, ticket, outcome)?;
            }
            Request::Snapshot { world, ticket } => {
                let outcome = match self.worlds.get(&world) {
                    Some(running) => Outcome::Snapshot(WorldSnapshot {
                        line: Arc::new(running.line.moment()),
                    }),
                    None => Outcome::Refused {
                        order: OrderKind::Snapshot,
                        error: GenieError::NotRunning,
                        settles: false,
                    },
                };
                self.reply(world, ticket, outcome)?;
            }
            Request::Save {
                world,
                ticket,
                path,
            } => {
                let saved = self.worlds.get(&world).ok_or(GenieError::NotRunning);
                let saved = saved.and_then(|running| {
                    // The rollout's bytes come from the tensor library: a panic in it must not end the worker.
                    guarded(None, || running.line.save(&path))?;
                    Ok(running.line.tick())
                });
                let outcome = match saved {
                    Ok(tick) => Outcome::Saved { path, tick },
                    Err(error) => Outcome::Refused {
                        order: OrderKind::Save,
                        error,
                        settles: false,
                    },
                };
                self.reply(world, ticket, outcome)?;
            }
        }
        Some(())
    }

    fn start(&mut self, order: StartOrder) -> Result<Running, GenieError> {
        let StartOrder {
            model,
            checkpoint,
            origin,
            fit,
            seed,
            sampler,
            ..
        } = order;
        if let Origin::Fork(of) = origin {
            let source = self.worlds.get(&of).ok_or(GenieError::NotRunning)?;
            return Ok(Running {
                load: source.load,
                line: source.line.clone(),
            });
        }
        let known = self.models.get(&model).cloned();
        let fresh_load = self.loads + 1;
        let (pool, device) = (self.pool.as_ref(), self.device);
        let (loaded, line) = guarded(pool, || {
            let loaded = match known {
                Some(loaded) => loaded,
                None => Loaded {
                    load: fresh_load,
                    model: WorldModel::new(Checkpoint::clone(&checkpoint), &device.open()?)?,
                    bytes: checkpoint
                        .tensors
                        .values()
                        .map(|t| 4 * t.elem_count())
                        .sum(),
                },
            };
            let model = &loaded.model;
            let line = match origin {
                Origin::Picture(picture) => {
                    let (width, height) = (model.config().frame_width, model.config().frame_height);
                    let prompt = picture.into_frame()?.fitted(width, height, fit)?;
                    Line::begin(model, prompt, seed, sampler)?
                }
                Origin::Saved(path) => Line::load(model, &path)?,
                Origin::Fork(_) => return Err(GenieError::NotRunning),
            };
            Ok((loaded, line))
        })?;
        self.loads = fresh_load;
        let load = loaded.load;
        self.models.insert(model, loaded);
        Ok(Running { load, line })
    }

    /// Takes a world to another moment. Returns what its settings become if it has another origin then.
    fn jump(&mut self, world: Entity, to: Moment) -> Result<Option<Box<NewOrigin>>, GenieError> {
        let pool = self.pool.as_ref();
        let running = self.worlds.get_mut(&world).ok_or(GenieError::NotRunning)?;
        let model = running.line.model().clone();
        let mut playing = None;
        let line = match to {
            Moment::Tick(tick) => {
                running.line.rewind(tick);
                return Ok(None);
            }
            Moment::Snapshot(snapshot) => {
                let (saved, loaded) = (snapshot.line.model().fingerprint(), model.fingerprint());
                if saved != loaded {
                    let other = genie_model::RolloutError::OtherCheckpoint { saved, loaded };
                    return Err(genie_model::Error::from(other).into());
                }
                Line::clone(&snapshot.line)
            }
            Moment::File(path) => guarded(pool, || Line::load(&model, &path))?,
            Moment::Replay(replay) => {
                let line = guarded(pool, || Line::replayed(&model, &replay))?;
                playing = Some(replay);
                line
            }
        };
        let origin = NewOrigin {
            prompt: line.prompt().clone(),
            seed: line.seed(),
            sampler: line.sampler().clone(),
            replay: playing,
        };
        running.line = line;
        Ok(Some(Box::new(origin)))
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
            let before: Vec<_> = group.iter().map(|(_, r)| r.line.newest()).collect();
            let together = self.step_group(&mut group);
            for ((order, mut running), before) in group.into_iter().zip(before) {
                // One world must not take the others down: what failed together is tried one by one.
                let outcome = match &together {
                    Ok(()) => Ok(()),
                    Err(_) => guarded(self.pool.as_ref(), || {
                        running.line.now_mut().step(order.action)?;
                        Ok(())
                    }),
                };
                let outcome = match outcome {
                    Ok(()) => {
                        running.line.stepped(before, order.action, order.keep);
                        let (asked, pressed) = (order.asked, order.pressed);
                        frame(&running.line, NewsKind::Stepped, asked, pressed)
                    }
                    Err(error) => Outcome::Failed(error),
                };
                self.worlds.insert(order.world, running);
                self.reply(order.world, order.ticket, outcome)?;
            }
        }
        Some(())
    }

    fn step_group(&self, group: &mut [(StepOrder, Running)]) -> Result<(), GenieError> {
        let actions: Vec<_> = group.iter().map(|(order, _)| order.action).collect();
        let lines = group.iter_mut().map(|(_, running)| &mut running.line);
        let mut rollouts: Vec<_> = lines.map(Line::now_mut).collect();
        guarded(self.pool.as_ref(), || {
            Rollout::step_all(&mut rollouts, &actions)?;
            Ok(())
        })
    }
}

fn frame(line: &Line, kind: NewsKind, asked: Instant, pressed: Option<Instant>) -> Outcome {
    Outcome::Frame(Box::new(News {
        kind,
        tick: line.tick(),
        action: line.action(),
        asked,
        pressed,
        kept: line.kept(),
        rgba: line.frame().to_rgba(),
        frame: Arc::new(line.frame().clone()),
        tokens: Arc::new(line.tokens()),
    }))
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
    use crate::GeniePriority;
    use crate::turns::Turns;

    fn one_thread() -> ComputeSettings {
        ComputeSettings {
            threads: 1,
            device: GenieDevice::Cpu,
            priority: GeniePriority::Normal,
            turns: Turns::default(),
        }
    }

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
        let mut worker = Worker::start(one_thread());
        let [one, other] = [Entity::from_raw_u32(1), Entity::from_raw_u32(2)]
            .map(|entity| entity.expect("small indices are valid"));
        let step = |world| StepOrder {
            world,
            ticket: 1,
            action: 0,
            asked: Instant::now(),
            pressed: None,
            keep: 0,
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

    #[test]
    fn repeated_rewinds_wait_as_one_but_never_past_a_save() {
        let mut worker = Worker::start(one_thread());
        let world = Entity::from_raw_u32(1).expect("small indices are valid");
        assert!(worker.push_rewind(world, 1, 9));
        assert!(!worker.push_rewind(world, 1, 8));
        worker.push(Request::Save {
            world,
            ticket: 1,
            path: PathBuf::new(),
        });
        assert!(worker.push_rewind(world, 1, 7));
        let to = |request: &Request| match request {
            Request::Jump {
                to: Moment::Tick(tick),
                ..
            } => Some(*tick),
            _ => None,
        };
        assert_eq!(
            worker.outbox.iter().map(to).collect::<Vec<_>>(),
            [Some(8), None, Some(7)]
        );
        worker.push(Request::Reset { world, ticket: 2 });
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
        worker.push(Request::Snapshot { world, ticket: 1 });
        let patience = Instant::now();
        while worker.flush() {
            assert!(patience.elapsed() < Duration::from_mins(1));
            std::thread::yield_now();
        }
        worker.push(Request::Snapshot { world, ticket: 2 });
        assert!(worker.flush());
        let reply = worker.replies.recv_timeout(Duration::from_mins(1));
        assert!(matches!(
            reply.map(|reply| (reply.ticket, reply.outcome)),
            Ok((2, Outcome::Refused { .. }))
        ));
    }
}
