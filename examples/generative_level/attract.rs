//! When nobody plays, the game does.

use bevy::input::mouse::MouseMotion;
use bevy::prelude::*;
use bevy_state::prelude::*;

use crate::look::{NIGHT, TEXT, text};
use crate::stage::Margin;
use crate::states::{GameSystems, Overlay, Screen};
use crate::sticks::Sticks;

/// Seconds without a key after which the demonstration begins.
const PATIENCE: f32 = 30.0;

/// The demonstration.
pub(crate) struct AttractPlugin;

impl Plugin for AttractPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Idle>()
            .add_systems(OnEnter(Screen::Attract), set_up)
            .add_systems(Update, watch.in_set(GameSystems));
    }
}

/// Seconds since somebody did something.
#[derive(Resource, Default)]
struct Idle(f32);

fn set_up(mut commands: Commands) {
    let node = Node {
        position_type: PositionType::Absolute,
        bottom: px(0),
        width: percent(100),
        justify_content: JustifyContent::Center,
        padding: UiRect::all(px(10)),
        ..default()
    };
    commands
        .spawn((
            DespawnOnExit(Screen::Attract),
            Margin { top: false },
            BackgroundColor(NIGHT),
            node,
        ))
        .with_child(text("the dream plays itself - press any key", 18.0, TEXT));
}

/// From title and levels, which wait for somebody; a run is never left.
fn watch(
    time: Res<Time<Real>>,
    keys: Res<ButtonInput<KeyCode>>,
    buttons: Res<ButtonInput<MouseButton>>,
    mut motion: MessageReader<MouseMotion>,
    pads: Query<&Gamepad>,
    sticks: Res<Sticks>,
    mut idle: ResMut<Idle>,
    screen: Res<State<Screen>>,
    overlay: Res<State<Overlay>>,
    mut next: ResMut<NextState<Screen>>,
) {
    let moved = motion.read().count() > 0;
    let pressed = keys.get_just_pressed().len() > 0
        || buttons.get_just_pressed().len() > 0
        || sticks.get_just_pressed().len() > 0
        || pads
            .iter()
            .any(|pad| pad.get_just_pressed().next().is_some());
    idle.0 += time.delta_secs();
    if moved || pressed {
        idle.0 = 0.0;
    }
    match screen.get() {
        Screen::Attract if pressed => next.set(Screen::Title),
        Screen::Title | Screen::Levels
            if idle.0 >= PATIENCE && *overlay.get() == Overlay::Closed =>
        {
            next.set(Screen::Attract);
        }
        _ => {}
    }
}
