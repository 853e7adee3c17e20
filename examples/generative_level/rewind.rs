//! The power to run time backwards: coins give it, holding a key takes it.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::bindings::Control;
use crate::goals::Goals;
use crate::settings::Settings;
use crate::states::{GameSystems, Overlay, Screen};
use crate::sticks::Sticks;

/// Frames that a run can be taken back by at its beginning.
const AT_FIRST: u64 = 30;
/// Frames that each coin adds.
const PER_COIN: u64 = 10;
/// Never more than this.
pub(crate) const MOST: u64 = 100;
/// Seconds between two frames that go by backwards.
const PACE: f32 = 0.05;
/// Colour of the picture meanwhile.
const BACKWARDS: Color = Color::srgb(0.66, 0.74, 1.0);

/// How far a run can be taken back.
#[derive(Component)]
pub(crate) struct Energy {
    /// In frames.
    pub(crate) frames: u64,
    /// Whether time runs backwards now.
    pub(crate) rewinding: bool,
    coins: u32,
    since: f32,
}

impl Default for Energy {
    fn default() -> Self {
        Self {
            frames: AT_FIRST,
            rewinding: false,
            coins: 0,
            since: 0.0,
        }
    }
}

/// Rewinds runs.
pub(crate) struct RewindPlugin;

impl Plugin for RewindPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            Update,
            (gain, turn_back)
                .chain()
                .run_if(in_state(Screen::Play))
                .in_set(GameSystems),
        )
        .add_observer(begin_anew)
        .add_observer(begin_again);
    }
}

/// A coin that is taken again after a rewind gives nothing.
fn gain(mut worlds: Query<(&Goals, &mut Energy), Changed<Goals>>) {
    for (goals, mut energy) in &mut worlds {
        let coins = goals.tally().coins;
        let more = coins.saturating_sub(energy.coins);
        if more > 0 {
            energy.coins = coins;
            energy.frames = (energy.frames + PER_COIN * u64::from(more)).min(MOST);
        }
    }
}

fn turn_back(
    time: Res<Time<Real>>,
    keys: Res<ButtonInput<KeyCode>>,
    pads: Query<&Gamepad>,
    sticks: Res<Sticks>,
    settings: Res<Settings>,
    overlay: Res<State<Overlay>>,
    mut worlds: Query<(Entity, &mut Energy, &GenieStatus, &mut Sprite)>,
    mut genie: MessageWriter<GenieCommand>,
) {
    let bindings = &settings.bindings;
    let (held, _) = bindings.state(Control::Rewind, &keys, pads.iter(), &sticks);
    for (world, mut energy, status, mut sprite) in &mut worlds {
        let back =
            held && *overlay.get() == Overlay::Closed && energy.frames > 0 && status.rewindable > 0;
        if energy.rewinding != back {
            energy.rewinding = back;
            energy.since = PACE;
            sprite.color = if back { BACKWARDS } else { Color::WHITE };
        }
        if !back {
            continue;
        }
        energy.since += time.delta_secs();
        if energy.since >= PACE {
            energy.since = 0.0;
            energy.frames -= 1;
            genie.write(GenieCommand::rewind(world, 1));
        }
    }
}

fn begin_anew(reset: On<GenieReset>, mut worlds: Query<&mut Energy>) {
    if let Ok(mut energy) = worlds.get_mut(reset.world) {
        *energy = Energy::default();
    }
}

/// From a saved world, which is read again.
fn begin_again(ready: On<GenieReady>, mut worlds: Query<&mut Energy>) {
    if let Ok(mut energy) = worlds.get_mut(ready.world) {
        *energy = Energy::default();
    }
}
