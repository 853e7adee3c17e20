//! The menu of a paused run.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::look::{GOLD, SHADE, cover, panel, text};
use crate::menu::{Menu, MenuCancelled, MenuChosen, text_item};
use crate::play::{Run, restart};
use crate::states::{Overlay, Screen};

/// The pause menu.
pub(crate) struct PausePlugin;

impl Plugin for PausePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Overlay::Pause), set_up);
    }
}

fn set_up(mut commands: Commands) {
    let menu = commands
        .spawn((
            Menu::new(1),
            DespawnOnExit(Overlay::Pause),
            GlobalZIndex(10),
            cover(),
            BackgroundColor(SHADE),
        ))
        .observe(choose)
        .observe(go_on)
        .id();
    commands.entity(menu).with_children(|screen| {
        screen.spawn(panel()).with_children(|panel| {
            panel.spawn(text("PAUSED", 30.0, GOLD));
            for (index, label) in ["Go on", "Begin again", "Settings", "Levels", "Title"]
                .into_iter()
                .enumerate()
            {
                panel.spawn(text_item(menu, index, label));
            }
        });
    });
}

fn choose(
    chosen: On<MenuChosen>,
    mut runs: Query<(Entity, &mut Run)>,
    mut genie: MessageWriter<GenieCommand>,
    mut screen: ResMut<NextState<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
) {
    match chosen.index {
        0 => overlay.set(Overlay::Closed),
        1 => {
            for (world, mut run) in &mut runs {
                restart(world, &mut run, &mut genie);
            }
            overlay.set(Overlay::Closed);
        }
        2 => overlay.set(Overlay::Settings),
        3 => screen.set(Screen::Levels),
        _ => screen.set(Screen::Title),
    }
}

fn go_on(_: On<MenuCancelled>, mut overlay: ResMut<NextState<Overlay>>) {
    overlay.set(Overlay::Closed);
}
