//! The worker's side of the channels: it owns models and worlds, and carries out requests about them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use genie_model::checkpoint::Checkpoint;
use genie_model::{Rollout, WorldModel};
use rayon::ThreadPool;

use crate::error::GenieError;
use crate::model::GenieModel;
use crate::timeline::component::GenieSnapshot;
use crate::worker::compute::ComputeSettings;
use crate::worker::compute::GenieDevice;
use crate::worker::cpu_time::PassTimes;
use crate::worker::guard::guarded;
use crate::worker::pools::ComputePools;
use crate::worker::reply::{FrameReply, FrameReplyKind, NewOrigin, Outcome, Reply};
use crate::worker::request::{CAPACITY, JumpTarget, Request, StartRequest, StepRequest};
use crate::worker::trajectory::Trajectory;
use crate::world::events::GenieFailedCommand;
use crate::world::prompt::Origin;

/// All models and worlds.
pub(super) struct WorkerServer {
    replies: Sender<Reply>,
    stop: Arc<AtomicBool>,
    pools: ComputePools,
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
    trajectory: Trajectory,
}

impl WorkerServer {
    pub(super) fn new(
        replies: Sender<Reply>,
        stop: Arc<AtomicBool>,
        memory: Arc<AtomicUsize>,
        compute: &ComputeSettings,
    ) -> Self {
        Self {
            replies,
            stop,
            pools: ComputePools::start(compute),
            device: compute.device,
            models: HashMap::new(),
            loads: 0,
            worlds: HashMap::new(),
            memory,
        }
    }

    /// Works until the main thread hangs up.
    pub(super) fn serve(&mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            // Steps that wait together are computed together, but never past another request about a world.
            let mut steps = Vec::new();
            for request in std::iter::once(first).chain(requests.try_iter().take(CAPACITY)) {
                if let Request::Step(more) = request {
                    steps.extend(more);
                    continue;
                }
                if self.step(&mut steps).is_none() || self.execute(request).is_none() {
                    return;
                }
            }
            if self.step(&mut steps).is_none() {
                return;
            }
            let worlds = self
                .worlds
                .values()
                .map(|running| running.trajectory.memory_bytes());
            let models = self.models.values().map(|loaded| loaded.bytes);
            let bytes = worlds.chain(models).sum();
            self.memory.store(bytes, Ordering::Relaxed);
        }
    }

    /// `None` if the main thread has hung up.
    fn reply(&self, world: Entity, generation: u64, outcome: Outcome) -> Option<()> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let reply = Reply {
            world,
            generation,
            outcome,
        };
        self.replies.send(reply).ok()
    }

    fn execute(&mut self, request: Request) -> Option<()> {
        match request {
            Request::Step(_) => {}
            Request::End { world } => {
                self.worlds.remove(&world);
            }
            Request::Forget { model } => {
                self.models.remove(&model);
            }
            Request::Reset { world, generation } => {
                let outcome = match self.worlds.get_mut(&world) {
                    Some(Running { trajectory, .. }) => {
                        trajectory.reset();
                        frame(trajectory, FrameReplyKind::Reset, Instant::now())
                    }
                    // The main thread resets running worlds only.
                    None => Outcome::Failed(GenieError::WorkerGone),
                };
                self.reply(world, generation, outcome)?;
            }
            Request::Start(start) => {
                let (world, generation, asked) = (start.world, start.generation, Instant::now());
                self.worlds.remove(&world);
                let from_file = matches!(start.origin, Origin::Saved(_));
                let outcome = match self.start(*start) {
                    Ok(running) => {
                        let actions = running.trajectory.model().action_count();
                        let trajectory = &running.trajectory;
                        let saved = from_file
                            .then(|| Box::new((trajectory.seed(), trajectory.sampler().clone())));
                        let kind = FrameReplyKind::Ready { actions, saved };
                        let outcome = frame(&running.trajectory, kind, asked);
                        self.worlds.insert(world, running);
                        outcome
                    }
                    Err(error) => Outcome::Failed(error),
                };
                self.reply(world, generation, outcome)?;
            }
            Request::Tune {
                world,
                generation,
                sampler,
            } => {
                if let Some(running) = self.worlds.get_mut(&world)
                    && let Err(error) = running.trajectory.tune(sampler)
                {
                    let outcome = Outcome::Refused {
                        command: GenieFailedCommand::Sampler,
                        error,
                        settles: false,
                    };
                    self.reply(world, generation, outcome)?;
                }
            }
            Request::Jump {
                world,
                generation,
                to,
            } => {
                let (command, jump) = to.names();
                let asked = Instant::now();
                let outcome = match self.jump(world, to) {
                    Ok(origin) => {
                        let trajectory = &self.worlds[&world].trajectory;
                        frame(trajectory, FrameReplyKind::Jumped { jump, origin }, asked)
                    }
                    Err(error) => Outcome::Refused {
                        command,
                        error,
                        settles: true,
                    },
                };
                self.reply(world, generation, outcome)?;
            }
            Request::Snapshot { world, generation } => {
                let outcome = match self.worlds.get(&world) {
                    Some(running) => Outcome::Snapshot(GenieSnapshot {
                        trajectory: Arc::new(running.trajectory.moment()),
                    }),
                    None => Outcome::Refused {
                        command: GenieFailedCommand::Snapshot,
                        error: GenieError::NotRunning,
                        settles: false,
                    },
                };
                self.reply(world, generation, outcome)?;
            }
            Request::Save {
                world,
                generation,
                path,
            } => {
                let pool = self.pools.threads();
                let saved = self.worlds.get(&world).ok_or(GenieError::NotRunning);
                let saved = saved.and_then(|running| {
                    // The rollout's bytes come from the tensor library: a panic in it must not end the worker.
                    guarded(pool, || running.trajectory.save(&path))?;
                    Ok(running.trajectory.tick())
                });
                let outcome = match saved {
                    Ok(tick) => Outcome::Saved { path, tick },
                    Err(error) => Outcome::Refused {
                        command: GenieFailedCommand::Save,
                        error,
                        settles: false,
                    },
                };
                self.reply(world, generation, outcome)?;
            }
        }
        Some(())
    }

    fn start(&mut self, request: StartRequest) -> Result<Running, GenieError> {
        let StartRequest {
            model,
            checkpoint,
            origin,
            fit,
            seed,
            sampler,
            ..
        } = request;
        if let Origin::Fork(of) = origin {
            let source = self.worlds.get(&of).ok_or(GenieError::NotRunning)?;
            return Ok(Running {
                load: source.load,
                trajectory: source.trajectory.clone(),
            });
        }
        let known = self.models.get(&model).cloned();
        let fresh_load = self.loads + 1;
        let (pool, device) = (self.pools.threads(), self.device);
        let (loaded, trajectory) = guarded(pool, || {
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
            let trajectory = match origin {
                Origin::Picture(picture) => {
                    let (width, height) = (model.config().frame_width, model.config().frame_height);
                    let prompt = picture.into_frame()?.fitted(width, height, fit)?;
                    Trajectory::begin(model, prompt, seed, sampler)?
                }
                Origin::Saved(path) => Trajectory::load(model, &path)?,
                Origin::Fork(_) => return Err(GenieError::NotRunning),
            };
            Ok((loaded, trajectory))
        })?;
        self.loads = fresh_load;
        let load = loaded.load;
        self.models.insert(model, loaded);
        Ok(Running { load, trajectory })
    }

    /// Takes a world to another state. Returns its new settings if it has another origin then.
    fn jump(
        &mut self,
        world: Entity,
        to: JumpTarget,
    ) -> Result<Option<Box<NewOrigin>>, GenieError> {
        let pool = self.pools.threads();
        let running = self.worlds.get_mut(&world).ok_or(GenieError::NotRunning)?;
        let model = running.trajectory.model().clone();
        let mut playing = None;
        let trajectory = match to {
            JumpTarget::Tick(tick) => {
                running.trajectory.rewind(tick);
                return Ok(None);
            }
            JumpTarget::Snapshot(snapshot) => {
                let (saved, loaded) = (
                    snapshot.trajectory.model().fingerprint(),
                    model.fingerprint(),
                );
                if saved != loaded {
                    let other = genie_model::RolloutError::OtherCheckpoint { saved, loaded };
                    return Err(genie_model::Error::from(other).into());
                }
                Trajectory::clone(&snapshot.trajectory)
            }
            JumpTarget::File(path) => guarded(pool, || Trajectory::load(&model, &path))?,
            JumpTarget::Replay(replay) => {
                let trajectory = guarded(pool, || Trajectory::replayed(&model, &replay))?;
                playing = Some(replay);
                trajectory
            }
        };
        let origin = NewOrigin {
            prompt: trajectory.prompt().clone(),
            seed: trajectory.seed(),
            sampler: trajectory.sampler().clone(),
            replay: playing,
        };
        running.trajectory = trajectory;
        Ok(Some(Box::new(origin)))
    }

    /// Computes all `steps`, worlds of one model in one batch, and empties the list.
    fn step(&mut self, steps: &mut Vec<StepRequest>) -> Option<()> {
        let mut groups: HashMap<u64, Vec<(StepRequest, Running)>> = HashMap::new();
        let mut loads = Vec::new();
        for step in steps.drain(..) {
            // A world that has ended, or failed to start, is not stepped; the main thread knows.
            if let Some(running) = self.worlds.remove(&step.world) {
                let group = groups.entry(running.load).or_insert_with(|| {
                    loads.push(running.load);
                    Vec::new()
                });
                group.push((step, running));
            }
        }
        for load in loads {
            let mut group = groups.remove(&load).unwrap_or_default();
            let before: Vec<_> = group.iter().map(|(_, r)| r.trajectory.newest()).collect();
            let (together, times) = self.step_group(&mut group);
            for ((step, mut running), before) in group.into_iter().zip(before) {
                // One world must not take the others down: what failed together is tried one by one.
                let outcome = match &together {
                    Ok(()) => Ok(()),
                    Err(_) => guarded(self.pools.threads(), || {
                        running.trajectory.now_mut().step(step.action)?;
                        Ok(())
                    }),
                };
                let outcome = match outcome {
                    Ok(()) => {
                        running.trajectory.stepped(before, step.action, step.keep);
                        let mut reply =
                            frame_reply(&running.trajectory, FrameReplyKind::Stepped, step.asked);
                        (reply.pressed, reply.times) = (step.pressed, times);
                        Outcome::Frame(Box::new(reply))
                    }
                    Err(error) => Outcome::Failed(error),
                };
                self.worlds.insert(step.world, running);
                self.reply(step.world, step.generation, outcome)?;
            }
        }
        Some(())
    }

    /// Steps all worlds of a group, or none.
    ///
    /// Threads that take what others leave over may get next to nothing. A pass that gets nowhere on them is begun again on
    /// threads of ordinary priority: rollouts are values, so that the frames are the same.
    fn step_group(
        &mut self,
        group: &mut [(StepRequest, Running)],
    ) -> (Result<(), GenieError>, PassTimes) {
        let intervals = group.iter().map(|(step, _)| step.interval);
        let interval = intervals.min().unwrap_or(Duration::MAX);
        let actions: Vec<_> = group.iter().map(|(step, _)| step.action).collect();
        let mut start = self.pools.begin_pass();
        if let Some((threads, patience)) = self.pools.leftover(interval) {
            let rollouts = group.iter().map(|(_, running)| running.trajectory.newest());
            let finished = step_apart(threads, rollouts.collect(), actions.clone());
            if let Ok(stepped) = finished.recv_timeout(patience) {
                let stepped = stepped.map(|rollouts| {
                    for ((_, running), rollout) in group.iter_mut().zip(rollouts) {
                        *running.trajectory.now_mut() = rollout;
                    }
                });
                return (stepped, self.pools.end_pass(&start, interval));
            }
            self.pools.give_up_on_leftover();
            start = self.pools.begin_pass();
        }
        let trajectories = group.iter_mut().map(|(_, running)| &mut running.trajectory);
        let mut rollouts: Vec<_> = trajectories.map(Trajectory::now_mut).collect();
        let stepped = guarded(self.pools.threads(), || {
            Rollout::step_all(&mut rollouts, &actions)?;
            Ok(())
        });
        (stepped, self.pools.end_pass(&start, interval))
    }
}

/// Steps the rollouts on these threads; they come back through the channel.
fn step_apart(
    threads: &ThreadPool,
    mut rollouts: Vec<Rollout>,
    actions: Vec<usize>,
) -> Receiver<Result<Vec<Rollout>, GenieError>> {
    let (done, finished) = bounded(1);
    threads.spawn(move || {
        let stepped = guarded(None, || {
            let mut all: Vec<&mut Rollout> = rollouts.iter_mut().collect();
            Rollout::step_all(&mut all, &actions)?;
            Ok(())
        });
        // The worker may have given up on it.
        let _ = done.send(stepped.map(|()| rollouts));
    });
    finished
}

/// The newest frame as the answer to a request that is no step.
fn frame(trajectory: &Trajectory, kind: FrameReplyKind, asked: Instant) -> Outcome {
    Outcome::Frame(Box::new(frame_reply(trajectory, kind, asked)))
}

fn frame_reply(trajectory: &Trajectory, kind: FrameReplyKind, asked: Instant) -> FrameReply {
    FrameReply {
        kind,
        tick: trajectory.tick(),
        action: trajectory.action(),
        asked,
        pressed: None,
        times: PassTimes::default(),
        kept: trajectory.kept(),
        rgba: trajectory.frame().to_rgba(),
        frame: Arc::new(trajectory.frame().clone()),
        tokens: Arc::new(trajectory.tokens()),
    }
}
