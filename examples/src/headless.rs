//! A world played by a script, without a window, and recorded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bevy::app::ScheduleRunnerPlugin;
use bevy::asset::UnapprovedPathMode;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::gif;
use crate::progress::Progress;
use crate::script::Script;

/// Enlargement of the recording.
const SCALE: u32 = 4;

/// What to record.
#[derive(Resource, Clone, Debug)]
pub struct Recording {
    /// The folder of assets.
    pub assets: PathBuf,
    /// The checkpoint, as an asset path or a whole path.
    pub model: PathBuf,
    /// The picture to start from.
    pub prompt: GeniePrompt,
    /// The sampler's seed.
    pub seed: u64,
    /// What is played.
    pub script: Script,
    /// Number of frames, the prompt's included.
    pub frames: usize,
    /// The GIF to write.
    pub output: PathBuf,
}

/// Frames recorded so far.
#[derive(Resource, Default)]
struct Film(Vec<Arc<GeniePicture>>);

/// Plays and records; returns once the file is written or the world has failed.
pub fn record(recording: Recording) -> AppExit {
    let assets = AssetPlugin {
        file_path: recording.assets.display().to_string(),
        unapproved_path_mode: UnapprovedPathMode::Deny,
        ..default()
    };
    let genie = GeniePlugin {
        // Nothing waits but the film, which beside busy programs would have to wait for what they leave over.
        priority: GeniePriority::Normal,
        ..default()
    };
    App::new()
        .add_plugins(MinimalPlugins.set(ScheduleRunnerPlugin::run_loop(Duration::from_millis(1))))
        .add_plugins((LogPlugin::default(), assets, genie))
        .insert_resource(recording)
        .init_resource::<Film>()
        .add_systems(Startup, start)
        .add_systems(Update, film)
        .add_observer(give_up)
        .run()
}

fn start(mut commands: Commands, recording: Res<Recording>, assets: Res<AssetServer>) {
    let model = assets
        .load_builder()
        .override_unapproved()
        .load(recording.model.clone());
    // Paused: each frame is asked for when the one before it is there, so the film is the same on any machine.
    commands.spawn((
        GenieWorld::new(model, recording.prompt.clone()).with_seed(recording.seed),
        GenieClock::paused(),
    ));
}

/// Keeps each frame that arrives, and asks for the next one under the script's action.
#[allow(clippy::too_many_arguments)] // A system's arguments are what it asks the world for.
fn film(
    recording: Res<Recording>,
    mut film: ResMut<Film>,
    mut frames: MessageReader<GenieFrame>,
    worlds: Query<&GenieWorld>,
    models: Res<Assets<GenieModel>>,
    mut actions: MessageWriter<GenieInput>,
    mut commands: MessageWriter<GenieCommand>,
    mut exit: MessageWriter<AppExit>,
) {
    for frame in frames.read() {
        let Some(model) = worlds
            .get(frame.world)
            .ok()
            .and_then(|w| models.get(&w.model))
        else {
            continue;
        };
        if frame.tick == 0
            && let Some(name) = recording.script.unknown(model.actions()).next()
        {
            let known: Vec<&str> = model.actions().iter().map(|l| l.name.as_str()).collect();
            eprintln!(
                "the world has no action `{name}`, only {}",
                known.join(", ")
            );
            exit.write(AppExit::error());
            return;
        }
        film.0.push(frame.pixels.clone());
        if film.0.len() >= recording.frames {
            let rate = model.config().frames_per_second;
            match gif::write(
                &recording.output,
                &film.0,
                SCALE,
                rate,
                &Progress::default(),
            ) {
                Ok(()) => {
                    let (frames, output) = (film.0.len(), recording.output.display());
                    println!("{frames} frames recorded: {output}");
                    exit.write(AppExit::Success);
                }
                Err(error) => {
                    eprintln!("{}: {error}", recording.output.display());
                    exit.write(AppExit::error());
                }
            }
            return;
        }
        let tick = frame.tick as usize;
        if tick > 0 {
            let before = recording.script.action_at(tick - 1, model.actions());
            actions.write(GenieInput::release(frame.world, before));
        }
        let now = recording.script.action_at(tick, model.actions());
        actions.write(GenieInput::press(frame.world, now));
        commands.write(GenieCommand::step(frame.world));
    }
}

fn give_up(failed: On<GenieFailed>, mut exit: MessageWriter<AppExit>) {
    eprintln!("the world failed: {}", failed.error);
    exit.write(AppExit::error());
}
