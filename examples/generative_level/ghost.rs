//! The best run of the level runs along: a second world that plays the same seed and actions again.

use std::sync::Arc;

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task};
use bevy_genie::GenieReplayError;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::best_runs::BestRuns;
use crate::catalogue::Catalogue;
use crate::dream::world;
use crate::goals::Goals;
use crate::play::Run;
use crate::saving::Saving;
use crate::settings::Settings;
use crate::stage::Stage;
use crate::states::{GameSystems, Screen, Session};
use crate::toast::Toast;

/// How much of the ghost is seen.
const OPACITY: u8 = 130;
/// Pixels that differ from the ones beside the hero by more than this are the hero, of 765.
const BACKGROUND: u32 = 40;

/// Lets the best run run along.
pub(crate) struct GhostPlugin;

impl Plugin for GhostPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Play), load)
            .add_systems(
                Update,
                (start, keep_pace, draw)
                    .chain()
                    .run_if(in_state(Screen::Play))
                    .in_set(GameSystems),
            )
            .add_observer(replay)
            .add_observer(replay_again)
            .add_observer(give_up);
    }
}

/// A replay that is being read.
#[derive(Component)]
struct Loading(Task<Result<Arc<GenieReplay>, GenieReplayError>>);

/// The world of the best run.
#[derive(Component)]
struct Ghost {
    replay: Arc<GenieReplay>,
    /// Key of its level.
    level: String,
}

/// The picture of the ghost over the player's world.
#[derive(Component)]
struct GhostPicture;

fn load(
    session: Res<Session>,
    catalogue: Res<Catalogue>,
    settings: Res<Settings>,
    runs: Res<BestRuns>,
    mut commands: Commands,
) {
    let Some(level) = catalogue.level() else {
        return;
    };
    // A replay begins at the prompt, long before the moment that was saved.
    let begins_later = matches!(level.prompt, GeniePrompt::Saved(_));
    if !settings.ghost || begins_later || runs.score(&level.key).is_none() {
        return;
    }
    let known = runs.replay(&level.key);
    let path = runs.replay_path(&session, &level.key);
    let task = IoTaskPool::get().spawn(async move {
        // One of this start may not be on the disk yet.
        known.map_or_else(|| GenieReplay::read(path).map(Arc::new), Ok)
    });
    commands.spawn((DespawnOnExit(Screen::Play), Loading(task)));
}

/// The ghost starts when its replay has been read.
fn start(
    session: Res<Session>,
    catalogue: Res<Catalogue>,
    mut loading: Query<(Entity, &mut Loading)>,
    mut images: ResMut<Assets<Image>>,
    mut toasts: MessageWriter<Toast>,
    mut commands: Commands,
) {
    for (entity, mut task) in &mut loading {
        let Some(read) = check_ready(&mut task.0) else {
            continue;
        };
        commands.entity(entity).despawn();
        let (replay, level) = match (read, catalogue.level()) {
            (Ok(replay), Some(level)) => (replay, level),
            (Err(error), _) => {
                toasts.write(Toast::error(format!("no ghost: {error}")));
                continue;
            }
            _ => continue,
        };
        let ghost = Ghost {
            replay,
            level: level.key.clone(),
        };
        commands.spawn((
            DespawnOnExit(Screen::Play),
            ghost,
            Goals::default(),
            world(&session, level),
            GenieClock::paused(),
            GenieKeyboard { enabled: false },
            GenieMouse { enabled: false },
            GenieGamepad {
                enabled: false,
                ..default()
            },
            GenieTimeline { capacity: 0 },
        ));
        let image = images.add(GenieTexture::image(&GeniePicture::filled(8, 16, [0; 3])));
        commands.spawn((
            DespawnOnExit(Screen::Play),
            GhostPicture,
            Sprite::from_image(image),
            Visibility::Hidden,
        ));
    }
}

fn replay(ready: On<GenieReady>, ghosts: Query<&Ghost>, mut genie: MessageWriter<GenieCommand>) {
    if let Ok(ghost) = ghosts.get(ready.world) {
        genie.write(GenieCommand::replay(ready.world, ghost.replay.clone()));
    }
}

/// The player begins again, and so does the ghost.
fn replay_again(
    reset: On<GenieReset>,
    runs: Query<(), With<Run>>,
    ghosts: Query<(Entity, &Ghost)>,
    mut genie: MessageWriter<GenieCommand>,
) {
    if !runs.contains(reset.world) {
        return;
    }
    for (world, ghost) in &ghosts {
        genie.write(GenieCommand::replay(world, ghost.replay.clone()));
    }
}

/// The game goes on without a ghost. A run in a model that there is no more is forgotten, as nobody can see it or run against it; of
/// one that was dropped on the window just now that is said.
fn give_up(
    failed: On<GenieCommandFailed>,
    session: Res<Session>,
    ghosts: Query<&Ghost>,
    mut runs: ResMut<BestRuns>,
    mut saving: ResMut<Saving>,
    mut toasts: MessageWriter<Toast>,
    mut commands: Commands,
) {
    let Ok(ghost) = ghosts.get(failed.world) else {
        return;
    };
    commands.entity(failed.world).despawn();
    if !matches!(
        failed.error,
        GenieError::Replay(GenieReplayError::OtherCheckpoint { .. })
    ) {
        toasts.write(Toast::error(format!("no ghost: {}", failed.error)));
        return;
    }
    if runs.replay(&ghost.level).is_some() {
        toasts.write(Toast::note("no ghost: the replay is of another model"));
    }
    runs.forget(&session, &ghost.level, &mut saving);
}

/// The ghost's world is where the player's is in time, or waits for it.
fn keep_pace(
    runs: Query<(&GenieFrame, &GenieClock), (With<Run>, Without<Ghost>)>,
    mut ghosts: Query<(&mut GenieClock, &GenieStatus, Option<&GenieFrame>), With<Ghost>>,
) {
    let Ok((frame, clock)) = runs.single() else {
        return;
    };
    for (mut own, status, shown) in &mut ghosts {
        let tick = shown.map_or(0, |shown| shown.tick);
        let mut now = *own;
        now.paused = clock.paused || !status.replaying || tick > frame.tick;
        now.speed = clock.speed;
        own.set_if_neq(now);
    }
}

type GhostWorld = (&'static Goals, &'static GenieFrame, &'static GenieStatus);

fn draw(
    runs: Query<
        (&Goals, &GenieFrame, &Stage, &Sprite, &Transform),
        (With<Run>, Without<GhostPicture>),
    >,
    ghosts: Query<GhostWorld, With<Ghost>>,
    mut pictures: Query<(&mut Sprite, &mut Transform, &mut Visibility), With<GhostPicture>>,
    mut images: ResMut<Assets<Image>>,
    mut drawn: Local<Option<(AssetId<Image>, u64)>>,
) {
    let (Ok((goals, frame, stage, level, place)), Ok((of_ghost, shown, status))) =
        (runs.single(), ghosts.single())
    else {
        return;
    };
    let Ok((mut sprite, mut transform, mut visibility)) = pictures.single_mut() else {
        return;
    };
    let ahead = of_ghost.tally().position - goals.tally().position;
    let left = goals.hero_column() + ahead;
    let width = frame.pixels.width() as i32;
    let hero = of_ghost
        .hero()
        .filter(|_| status.replaying && (0..=width - 8).contains(&left));
    let (Some(hero), Some(size)) = (hero, level.custom_size) else {
        visibility.set_if_neq(Visibility::Hidden);
        return;
    };
    visibility.set_if_neq(Visibility::Visible);
    let now = Some((sprite.image.id(), shown.tick));
    if *drawn != now
        && let Some(mut image) = images.get_mut(&sprite.image)
    {
        image.data = Some(cut_out(&shown.pixels, hero));
        *drawn = now;
    }
    let scale = stage.scale;
    let of_hero = vec2(hero.width() as f32, hero.height() as f32) * scale;
    if sprite.custom_size != Some(of_hero) {
        sprite.custom_size = Some(of_hero);
    }
    let corner = vec2(left as f32, hero.min.y as f32) * scale;
    let at = place.translation.truncate()
        + vec2(
            corner.x + of_hero.x / 2.0 - size.x / 2.0,
            size.y / 2.0 - corner.y - of_hero.y / 2.0,
        );
    let at = at.extend(2.0);
    if transform.translation != at {
        transform.translation = at;
    }
}

/// The hero without what is behind it: pixels like those beside it in their row are clear.
fn cut_out(frame: &GeniePicture, hero: URect) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let at = (y as usize * frame.width() + x as usize) * 3;
        &frame.pixels()[at..at + 3]
    };
    let apart = |a: &[u8], b: &[u8]| -> u32 {
        a.iter()
            .zip(b)
            .map(|(a, b)| u32::from(a.abs_diff(*b)))
            .sum()
    };
    let mut rgba = Vec::with_capacity((hero.width() * hero.height() * 4) as usize);
    for y in hero.min.y..hero.max.y {
        let beside = [
            pixel(hero.min.x.saturating_sub(1), y),
            pixel(hero.max.x.min(frame.width() as u32 - 1), y),
        ];
        for x in hero.min.x..hero.max.x {
            let colour = pixel(x, y);
            let behind = beside.iter().any(|other| apart(colour, other) < BACKGROUND);
            rgba.extend_from_slice(colour);
            rgba.push(if behind { 0 } else { OPACITY });
        }
    }
    rgba
}
