//! Runs under a script in place of the player: `--script` where there is a window. Such a run is shown to its end, and is nobody's
//! best one.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;
use genie_examples::script::Script;

use crate::catalogue::Catalogue;
use crate::dream::PlaysItself;
use crate::play::Run;
use crate::states::{GameSystems, Screen};
use crate::toast::Toast;

/// What is played in place of the player.
#[derive(Resource)]
pub(crate) struct RunScript(pub(crate) Script);

/// Plays the script, if there is a [`RunScript`].
pub(crate) struct ScriptedPlugin;

impl Plugin for ScriptedPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            Update,
            begin
                .run_if(in_state(Screen::Title))
                .run_if(resource_exists::<RunScript>)
                .in_set(GameSystems),
        )
        .add_observer(take_over)
        .add_observer(check);
    }
}

/// The first level is played at once; who goes back to the title stays there.
fn begin(catalogue: Res<Catalogue>, mut begun: Local<bool>, mut screen: ResMut<NextState<Screen>>) {
    if catalogue.complete && !*begun {
        *begun = true;
        screen.set(Screen::Play);
    }
}

/// The script has the run, and no key of the player's, from its first moment on: the keys of the settings would take the
/// script's names away.
fn take_over(run: On<Add, Run>, script: Option<Res<RunScript>>, mut commands: Commands) {
    let Some(script) = script else {
        return;
    };
    let gamepad = GenieGamepad {
        enabled: false,
        ..default()
    };
    commands.entity(run.entity).insert((
        PlaysItself::by(script.0.clone()),
        GenieKeyboard { enabled: false },
        GenieMouse { enabled: false },
        gamepad,
    ));
}

/// Names that the world does not know are said.
fn check(
    ready: On<GenieReady>,
    script: Option<Res<RunScript>>,
    runs: Query<&GenieWorld, With<Run>>,
    models: Res<Assets<GenieModel>>,
    mut toasts: MessageWriter<Toast>,
) {
    let (Some(script), Ok(world)) = (script, runs.get(ready.world)) else {
        return;
    };
    let Some(model) = models.get(&world.model) else {
        return;
    };
    if let Some(name) = script.0.unknown(model.actions()).next() {
        let known: Vec<_> = model.actions().iter().map(|l| l.name.as_str()).collect();
        let known = known.join(", ");
        toasts.write(Toast::error(format!(
            "the script's action `{name}` is not known, only {known}"
        )));
    }
}
