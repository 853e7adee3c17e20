//! The worlds behind the panels: lines of play, which fork like a tree, and one world for each strip.

use std::collections::HashMap;
use std::sync::Arc;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_examples::held_action::HeldAction;

use crate::project::Project;
use crate::toasts::Toasts;

/// Frames that a line can be taken back by.
const REWINDABLE: usize = 240;
/// Frames of a line that are remembered as pictures.
const MOST_FRAMES: usize = 6000;
/// Frames of a strip, the prompt's included.
pub(crate) const STRIP: u64 = 8;
/// Seconds for which the picture rests before worlds start anew.
const REST: f32 = 0.35;

/// A line of play.
pub(crate) struct Line {
    /// Its number, for ever.
    pub(crate) number: u32,
    /// Its world.
    pub(crate) world: Entity,
    /// The line that it was forked from, and the frame.
    pub(crate) parent: Option<(u32, u64)>,
    /// The frames so far, from the prompt on.
    pub(crate) frames: Vec<Arc<GeniePicture>>,
    /// The latent actions that led to them.
    pub(crate) actions: Vec<Option<usize>>,
    /// The frame to go back to as soon as the fork is there.
    go_to: Option<u64>,
    /// The checkpoint, if it is not the first one.
    pub(crate) checkpoint: Option<String>,
}

/// One strip.
pub(crate) struct Strip {
    /// Its world.
    pub(crate) world: Entity,
    /// Name of the latent action.
    pub(crate) label: String,
    /// The frames so far.
    pub(crate) frames: Vec<Arc<GeniePicture>>,
}

/// All worlds.
#[derive(Resource)]
pub(crate) struct Lines {
    /// The model of all lines but those with a checkpoint of their own.
    pub(crate) model: Handle<GenieModel>,
    /// Lines of play; the first begins at the picture.
    pub(crate) all: Vec<Line>,
    /// Which one is played.
    pub(crate) played: usize,
    /// Another one beside it, under the same keys.
    pub(crate) beside: Option<usize>,
    /// The frame of the played line that is looked at; `None` for the newest.
    pub(crate) shown: Option<usize>,
    /// Whether time runs.
    pub(crate) running: bool,
    /// Its speed; 1 is the model's own.
    pub(crate) speed: f32,
    /// One for each latent action.
    pub(crate) strips: Vec<Strip>,
    /// Whether there will never be a model, so that no world will start.
    pub(crate) without_model: bool,
    next_number: u32,
    started: Option<u64>,
    strips_asked: u64,
    strips_started: u64,
    rest: f32,
}

impl Lines {
    /// No worlds yet.
    pub(crate) fn new(model: Handle<GenieModel>) -> Self {
        Self {
            model,
            all: Vec::new(),
            played: 0,
            beside: None,
            shown: None,
            running: false,
            speed: 1.0,
            strips: Vec::new(),
            without_model: false,
            next_number: 1,
            started: None,
            strips_asked: 0,
            strips_started: 0,
            rest: 0.0,
        }
    }

    /// The line that is played.
    pub(crate) fn played(&self) -> Option<&Line> {
        self.all.get(self.played)
    }

    /// The strips start anew: the sampler has changed.
    pub(crate) fn renew_strips(&mut self) {
        self.strips_asked += 1;
    }

    /// Whether worlds of the newest picture are still to be started.
    pub(crate) fn waiting(&self, project: &Project) -> bool {
        let newer = self.started != Some(project.version);
        !self.without_model && (newer || self.strips_started != self.strips_asked)
    }

    fn number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Forks the played line at a frame; the fork is played from now on.
    pub(crate) fn fork(
        &mut self,
        at: u64,
        commands: &mut Commands,
        genie: &mut MessageWriter<GenieCommand>,
    ) {
        let number = self.number();
        let Some(line) = self.all.get(self.played) else {
            return;
        };
        let into = commands.spawn_empty().id();
        genie.write(GenieCommand::fork(line.world, into));
        let keep = (at as usize + 1).min(line.frames.len());
        let fork = Line {
            number,
            world: into,
            parent: Some((line.number, at)),
            frames: line.frames[..keep].to_vec(),
            actions: line.actions[..keep].to_vec(),
            go_to: Some(at),
            checkpoint: line.checkpoint.clone(),
        };
        self.all.push(fork);
        self.played = self.all.len() - 1;
        self.shown = None;
    }

    /// Takes the played line back to a frame.
    pub(crate) fn go_back(&mut self, to: u64, genie: &mut MessageWriter<GenieCommand>) {
        if let Some(line) = self.all.get(self.played) {
            let newest = line.frames.len().saturating_sub(1) as u64;
            if to == 0 {
                genie.write(GenieCommand::reset(line.world));
            } else if to < newest {
                genie.write(GenieCommand::rewind(line.world, newest - to));
            }
        }
        self.shown = None;
    }

    /// Closes a line; the first one stays.
    pub(crate) fn close(&mut self, index: usize, commands: &mut Commands) {
        if index == 0 || index >= self.all.len() {
            return;
        }
        commands.entity(self.all.remove(index).world).despawn();
        if self.played >= index {
            self.played -= 1;
        }
        self.beside = self.beside.filter(|beside| *beside != index);
        if let Some(beside) = &mut self.beside
            && *beside > index
        {
            *beside -= 1;
        }
        self.shown = None;
    }

    /// Starts the picture on another checkpoint, beside the played line.
    pub(crate) fn open_beside(
        &mut self,
        name: String,
        model: Handle<GenieModel>,
        project: &Project,
        commands: &mut Commands,
    ) {
        let number = self.number();
        let world = commands.spawn(line_world(model, project)).id();
        self.all.push(Line {
            number,
            world,
            parent: None,
            frames: Vec::new(),
            actions: Vec::new(),
            go_to: None,
            checkpoint: Some(name),
        });
        self.beside = Some(self.all.len() - 1);
    }
}

fn world(model: Handle<GenieModel>, project: &Project) -> impl Bundle {
    (
        GenieWorld::new(model, project.canvas.now().picture()).with_seed(project.seed),
        GenieSampler::from(project.sampler.clone()),
    )
}

fn line_world(model: Handle<GenieModel>, project: &Project) -> impl Bundle {
    (
        world(model, project),
        GenieClock::paused(),
        GenieKeyboard { enabled: false },
        GenieTimeline {
            capacity: REWINDABLE,
        },
    )
}

/// Keeps the worlds going.
pub(crate) struct LinesPlugin;

impl Plugin for LinesPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (start_worlds, take_frames, set_clocks).chain())
            .add_observer(go_to_the_fork)
            .add_observer(genie_examples::held_action::hold_action);
    }
}

/// When the picture has rested for a moment, the first line and the strips begin with it.
fn start_worlds(
    time: Res<Time<Real>>,
    project: Res<Project>,
    models: Res<Assets<GenieModel>>,
    mut lines: ResMut<Lines>,
    mut seen: Local<Option<(u64, u64)>>,
    mut commands: Commands,
) {
    let lines = lines.bypass_change_detection();
    let Some(model) = models.get(&lines.model) else {
        return;
    };
    if !lines.waiting(&project) {
        return;
    }
    let now = Some((project.version, lines.strips_asked));
    if *seen != now {
        *seen = now;
        lines.rest = 0.0;
    }
    lines.rest += time.delta_secs();
    // The first picture is started at once.
    if lines.started.is_some() && lines.rest < REST {
        return;
    }
    if lines.started != Some(project.version) {
        for line in lines.all.drain(..) {
            commands.entity(line.world).despawn();
        }
        lines.next_number = 1;
        let number = lines.number();
        let world = commands
            .spawn(line_world(lines.model.clone(), &project))
            .id();
        lines.all.push(Line {
            number,
            world,
            parent: None,
            frames: Vec::new(),
            actions: Vec::new(),
            go_to: None,
            checkpoint: None,
        });
        (lines.played, lines.beside, lines.shown) = (0, None, None);
    }
    lines.started = Some(project.version);
    lines.strips_started = lines.strips_asked;
    for strip in lines.strips.drain(..) {
        commands.entity(strip.world).despawn();
    }
    for (action, label) in model.actions().iter().enumerate() {
        let clock = GenieClock::default()
            .with_tick_rate(20.0)
            .with_tick_limit(STRIP - 1);
        let deaf = GenieKeyboard { enabled: false };
        let strip = (world(lines.model.clone(), &project), clock, deaf);
        lines.strips.push(Strip {
            world: commands.spawn((strip, HeldAction(action))).id(),
            label: label.name.clone(),
            frames: Vec::new(),
        });
    }
}

/// Frames go where they belong. One with a tick that is there already means that the line has gone back.
fn take_frames(mut frames: MessageReader<GenieFrame>, mut lines: ResMut<Lines>) {
    let mut arrived: HashMap<Entity, Vec<&GenieFrame>> = HashMap::new();
    for frame in frames.read() {
        arrived.entry(frame.world).or_default().push(frame);
    }
    if arrived.is_empty() {
        return;
    }
    let lines = &mut *lines;
    for line in &mut lines.all {
        for frame in arrived.remove(&line.world).into_iter().flatten() {
            let tick = frame.tick as usize;
            if tick > line.frames.len() || line.frames.len() >= MOST_FRAMES {
                continue;
            }
            line.frames.truncate(tick);
            line.actions.truncate(tick);
            line.frames.push(Arc::clone(&frame.pixels));
            line.actions.push(frame.action);
        }
    }
    for strip in &mut lines.strips {
        for frame in arrived.remove(&strip.world).into_iter().flatten() {
            strip.frames.truncate(frame.tick as usize);
            strip.frames.push(Arc::clone(&frame.pixels));
        }
    }
}

/// Lines that are looked at run, all others wait.
fn set_clocks(
    lines: Res<Lines>,
    project: Res<Project>,
    mut clocks: Query<(&mut GenieClock, &mut GenieSampler)>,
) {
    for (index, line) in lines.all.iter().enumerate() {
        let Ok((mut clock, mut sampler)) = clocks.get_mut(line.world) else {
            continue;
        };
        let looked_at = index == lines.played || Some(index) == lines.beside;
        let wanted = GenieClock {
            paused: !(lines.running && looked_at && line.go_to.is_none()),
            speed: lines.speed,
            ..*clock
        };
        clock.set_if_neq(wanted);
        sampler.set_if_neq(project.sampler.clone().into());
    }
}

/// A fork begins where its line is; it goes back to the frame that was meant.
fn go_to_the_fork(
    ready: On<GenieReady>,
    frames: Query<&GenieFrame>,
    mut lines: ResMut<Lines>,
    mut genie: MessageWriter<GenieCommand>,
    mut toasts: ResMut<Toasts>,
) {
    let Some(line) = lines.all.iter_mut().find(|line| line.world == ready.world) else {
        return;
    };
    let (Some(to), Ok(frame)) = (line.go_to.take(), frames.get(ready.world)) else {
        return;
    };
    if to < frame.tick {
        genie.write(GenieCommand::rewind(ready.world, frame.tick - to));
        if frame.tick - to > REWINDABLE as u64 {
            toasts.error("frames that far back are not kept: the fork begins later");
        }
    }
}
