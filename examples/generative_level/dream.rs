//! Worlds that play themselves: behind the title, on the cards of the levels, and when nobody is there.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_examples::script::Script;

use crate::catalogue::Level;
use crate::states::{GameSystems, Session};

/// A world under a script instead of keys.
#[derive(Component, Default)]
pub(crate) struct PlaysItself {
    script: Script,
    held: Option<String>,
}

impl PlaysItself {
    /// A world under this script; the default is a walk.
    pub(crate) fn by(script: Script) -> Self {
        Self { script, held: None }
    }
}

/// A world of this level that plays itself.
pub(crate) fn dream(session: &Session, level: &Level) -> impl Bundle {
    (
        PlaysItself::default(),
        world(session, level),
        GenieKeyboard { enabled: false },
        GenieMouse { enabled: false },
        GenieGamepad {
            enabled: false,
            ..default()
        },
        GenieTimeline { capacity: 0 },
    )
}

/// A world of this level.
pub(crate) fn world(session: &Session, level: &Level) -> GenieWorld {
    GenieWorld::new(session.model.clone(), level.prompt.clone()).with_seed(session.seed)
}

/// Presses the script's actions.
pub(crate) struct DreamPlugin;

impl Plugin for DreamPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, press.in_set(GameSystems));
    }
}

fn press(
    mut frames: MessageReader<GenieFrame>,
    mut worlds: Query<(&GenieWorld, &mut PlaysItself)>,
    models: Res<Assets<GenieModel>>,
    mut inputs: MessageWriter<GenieInput>,
) {
    for frame in frames.read() {
        let Ok((world, mut player)) = worlds.get_mut(frame.world) else {
            continue;
        };
        let Some(model) = models.get(&world.model) else {
            continue;
        };
        let action = player
            .script
            .action_at(frame.tick as usize, model.actions());
        if player.held.as_ref() == Some(&action) {
            continue;
        }
        if let Some(before) = player.held.replace(action.clone()) {
            inputs.write(GenieInput::release(frame.world, before));
        }
        inputs.write(GenieInput::press(frame.world, action));
    }
}
