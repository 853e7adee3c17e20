//! A run: the player's world, its clock and its end.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::window::{CursorOptions, WindowFocused};
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::best_runs::{BestRuns, RunFigures};
use crate::bindings::Control;
use crate::catalogue::Catalogue;
use crate::dream::{PlaysItself, world};
use crate::goals::Goals;
use crate::rewind::Energy;
use crate::saving::Saving;
use crate::settings::Settings;
use crate::stage::Stage;
use crate::states::{GameSystems, Overlay, Screen, Session};
use crate::sticks::Sticks;

/// Falls that end a run.
pub(crate) const MOST_FALLS: u32 = 3;
/// Frames that can be run back through.
const TIMELINE: usize = 100;

/// A run, on the entity of the player's world.
#[derive(Component, Default)]
pub(crate) struct Run {
    /// Key of its level.
    pub(crate) level: String,
    /// The saved world that it begins with, if that is not a picture.
    saved: Option<PathBuf>,
    /// The tick at which it begins.
    pub(crate) first: u64,
    /// Whether it is over.
    pub(crate) over: bool,
    /// Its figures, once it is over, and whether they are the best so far.
    pub(crate) result: Option<(RunFigures, bool)>,
}

/// The screen on which the player plays.
pub(crate) struct PlayPlugin;

impl Plugin for PlayPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Play), begin)
            .add_systems(OnExit(Screen::Play), show_mouse)
            .add_systems(
                Update,
                (
                    command,
                    pause_when_away,
                    hold_time,
                    hide_mouse,
                    apply_settings,
                    end_by_falls,
                )
                    .chain()
                    .run_if(in_state(Screen::Play))
                    .in_set(GameSystems),
            )
            .add_observer(learn_keys)
            .add_observer(set_limit)
            .add_observer(end_by_time)
            .add_observer(keep_best);
    }
}

fn begin(
    session: Res<Session>,
    catalogue: Res<Catalogue>,
    settings: Res<Settings>,
    mut commands: Commands,
) {
    let Some(level) = catalogue.level() else {
        commands.set_state(Screen::Levels);
        return;
    };
    let saved = match &level.prompt {
        GeniePrompt::Saved(path) => Some(path.clone()),
        _ => None,
    };
    let run = Run {
        level: level.key.clone(),
        saved,
        ..default()
    };
    commands.spawn((
        DespawnOnExit(Screen::Play),
        world(&session, level),
        run,
        Energy::default(),
        Goals::default(),
        Stage::default(),
        settings.quality.sampler(),
        GenieClock::default().with_speed(settings.speed),
        GenieTimeline { capacity: TIMELINE },
    ));
}

/// The keys of the settings, once it is known which actions there are. A script calls them by the model's own names.
fn learn_keys(
    ready: On<GenieReady>,
    settings: Res<Settings>,
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<(&GenieWorld, &mut GenieActionMap), (With<Run>, Without<PlaysItself>)>,
) {
    if let Ok((world, mut map)) = worlds.get_mut(ready.world)
        && let Some(model) = models.get(&world.model)
    {
        *map = settings.bindings.action_map(model);
    }
}

/// A saved world begins later than a picture does, and its time is as long.
fn set_limit(
    ready: On<GenieReady>,
    session: Res<Session>,
    mut worlds: Query<(&GenieFrame, &mut GenieClock, &mut Run)>,
) {
    if let Ok((frame, mut clock, mut run)) = worlds.get_mut(ready.world) {
        run.first = frame.tick;
        clock.tick_limit = Some(frame.tick + session.run_ticks);
    }
}

/// Pause and restart.
fn command(
    keys: Res<ButtonInput<KeyCode>>,
    pads: Query<&Gamepad>,
    sticks: Res<Sticks>,
    settings: Res<Settings>,
    state: Res<State<Overlay>>,
    mut overlay: ResMut<NextState<Overlay>>,
    mut worlds: Query<(Entity, &mut Run)>,
    mut genie: MessageWriter<GenieCommand>,
) {
    // A key that closes an overlay in this frame is not for the run.
    if *state.get() != Overlay::Closed || state.is_changed() {
        return;
    }
    let bindings = &settings.bindings;
    let just = |control| bindings.state(control, &keys, pads.iter(), &sticks).1;
    if just(Control::Pause) {
        overlay.set(Overlay::Pause);
    }
    if just(Control::Restart) {
        for (world, mut run) in &mut worlds {
            restart(world, &mut run, &mut genie);
        }
    }
}

/// Takes a run back to where it began: its picture, or the moment that was saved.
pub(crate) fn restart(world: Entity, run: &mut Run, genie: &mut MessageWriter<GenieCommand>) {
    (run.over, run.result) = (false, None);
    genie.write(match &run.saved {
        Some(saved) => GenieCommand::prompt(world, GeniePrompt::Saved(saved.clone())),
        None => GenieCommand::reset(world),
    });
}

/// Who looks elsewhere does not play.
fn pause_when_away(
    mut focus: MessageReader<WindowFocused>,
    state: Res<State<Overlay>>,
    mut overlay: ResMut<NextState<Overlay>>,
) {
    let left = focus.read().last().is_some_and(|change| !change.focused);
    if left && *state.get() == Overlay::Closed {
        overlay.set(Overlay::Pause);
    }
}

/// The mouse is for menus.
fn hide_mouse(state: Res<State<Overlay>>, mut cursor: Single<&mut CursorOptions>) {
    let visible = *state.get() != Overlay::Closed;
    if cursor.visible != visible {
        cursor.visible = visible;
    }
}

fn show_mouse(mut cursor: Single<&mut CursorOptions>) {
    cursor.visible = true;
}

/// Time stands still under an overlay and while it is run back, and the keys are the menu's.
fn hold_time(
    state: Res<State<Overlay>>,
    mut worlds: Query<
        (
            &mut GenieClock,
            &mut GenieKeyboard,
            &mut GenieGamepad,
            &Energy,
            Has<PlaysItself>,
        ),
        With<Run>,
    >,
) {
    let open = *state.get() != Overlay::Closed;
    for (clock, keyboard, gamepad, energy, plays_itself) in &mut worlds {
        let heard = !open && !plays_itself;
        clock
            .map_unchanged(|clock| &mut clock.paused)
            .set_if_neq(open || energy.rewinding);
        keyboard
            .map_unchanged(|keyboard| &mut keyboard.enabled)
            .set_if_neq(heard);
        gamepad
            .map_unchanged(|gamepad| &mut gamepad.enabled)
            .set_if_neq(heard);
    }
}

type Adjustable = (
    &'static GenieWorld,
    &'static mut GenieClock,
    &'static mut GenieSampler,
    &'static mut GenieActionMap,
    Has<PlaysItself>,
);

/// What is set takes effect while the run goes on.
fn apply_settings(
    settings: Res<Settings>,
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<Adjustable, With<Run>>,
) {
    if !settings.is_changed() {
        return;
    }
    for (world, mut clock, mut sampler, mut map, plays_itself) in &mut worlds {
        clock.speed = settings.speed;
        sampler.set_if_neq(settings.quality.sampler());
        if let Some(model) = models.get(&world.model)
            && !plays_itself
        {
            *map = settings.bindings.action_map(model);
        }
    }
}

fn end_by_falls(
    mut worlds: Query<(Entity, &mut Run, &Goals), Changed<Goals>>,
    mut genie: MessageWriter<GenieCommand>,
    mut overlay: ResMut<NextState<Overlay>>,
) {
    for (world, mut run, goals) in &mut worlds {
        if !run.over && goals.tally().falls >= MOST_FALLS {
            end(world, &mut run, &mut genie, &mut overlay);
        }
    }
}

fn end_by_time(
    ended: On<GenieEnded>,
    mut worlds: Query<&mut Run>,
    mut genie: MessageWriter<GenieCommand>,
    mut overlay: ResMut<NextState<Overlay>>,
) {
    if let Ok(mut run) = worlds.get_mut(ended.world)
        && ended.reason == GenieEndReason::TickLimit
        && !run.over
    {
        end(ended.world, &mut run, &mut genie, &mut overlay);
    }
}

/// The state at the end holds the replay; it comes with [`GenieSnapshotTaken`].
fn end(
    world: Entity,
    run: &mut Run,
    genie: &mut MessageWriter<GenieCommand>,
    overlay: &mut NextState<Overlay>,
) {
    run.over = true;
    genie.write(GenieCommand::snapshot(world));
    overlay.set(Overlay::Result);
}

fn keep_best(
    taken: On<GenieSnapshotTaken>,
    session: Res<Session>,
    models: Res<Assets<GenieModel>>,
    mut worlds: Query<(&GenieWorld, &mut Run, &Goals, Has<PlaysItself>)>,
    mut best: ResMut<BestRuns>,
    mut saving: ResMut<Saving>,
) {
    let Ok((world, mut run, goals, plays_itself)) = worlds.get_mut(taken.world) else {
        return;
    };
    if !run.over || run.result.is_some() {
        return;
    }
    let rate = models
        .get(&world.model)
        .map_or(10.0, |model| model.config().frames_per_second);
    let tally = goals.tally();
    let figures = RunFigures {
        score: tally.score(),
        coins: tally.coins,
        metres: tally.metres(),
        falls: tally.falls,
        seconds: taken.snapshot.tick().saturating_sub(run.first) as f32 / rate,
    };
    let better = !plays_itself && best.beats(&run.level, figures);
    run.result = Some((figures, better));
    if better {
        let replay = taken.snapshot.replay();
        best.save(&session, &run.level, replay, &mut saving);
    }
}
