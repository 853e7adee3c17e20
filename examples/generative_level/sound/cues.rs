//! What is heard when: things that the frames of a run show, moves in menus, and the end of a run.

use bevy::prelude::*;
use bevy_state::prelude::*;

use super::{PlaySound, Sound};
use crate::goals::{Happening, Seen};
use crate::menu::{Menu, MenuAdjusted, MenuCancelled, MenuChosen};
use crate::play::Run;
use crate::rewind::Energy;
use crate::states::{GameSystems, Overlay};

/// Turns what happens into sounds.
pub(super) struct CuesPlugin;

impl Plugin for CuesPlugin {
    fn build(&self, app: &mut App) {
        let systems = (hear_the_dream, hear_rewinding, hear_the_end, hear_moves);
        app.add_systems(Update, systems.in_set(GameSystems))
            .add_observer(hear_choice)
            .add_observer(hear_adjustment)
            .add_observer(hear_leaving);
    }
}

/// Of the player's run only: the ghost is silent, and so are dreams that play themselves.
fn hear_the_dream(
    mut seen: MessageReader<Seen>,
    runs: Query<(), With<Run>>,
    overlay: Res<State<Overlay>>,
    mut sounds: MessageWriter<PlaySound>,
) {
    for seen in seen.read() {
        if runs.contains(seen.world) && *overlay.get() == Overlay::Closed {
            sounds.write(PlaySound(match seen.what {
                Happening::Coin => Sound::Coin,
                Happening::Jump => Sound::Jump,
                Happening::Fall => Sound::Fall,
            }));
        }
    }
}

/// Once for each frame that goes by backwards.
fn hear_rewinding(
    energy: Query<&Energy, Changed<Energy>>,
    mut last: Local<u64>,
    mut sounds: MessageWriter<PlaySound>,
) {
    for energy in &energy {
        if energy.rewinding && energy.frames < *last {
            sounds.write(PlaySound(Sound::Rewind));
        }
        *last = energy.frames;
    }
}

fn hear_the_end(
    runs: Query<&Run, Changed<Run>>,
    mut heard: Local<bool>,
    mut sounds: MessageWriter<PlaySound>,
) {
    for run in &runs {
        let over = run.result.is_some();
        if let (Some((_, best)), false) = (run.result, *heard) {
            sounds.write(PlaySound(if best { Sound::Best } else { Sound::Over }));
        }
        *heard = over;
    }
}

/// A menu that has just come up is silent.
fn hear_moves(
    menus: Query<(Entity, &Menu), Changed<Menu>>,
    mut last: Local<Option<(Entity, usize)>>,
    mut sounds: MessageWriter<PlaySound>,
) {
    for (entity, menu) in &menus {
        let now = (entity, menu.selected);
        let before = last.replace(now);
        if before.is_some_and(|before| before.0 == entity && before != now) {
            sounds.write(PlaySound(Sound::Move));
        }
    }
}

fn hear_choice(_: On<MenuChosen>, mut sounds: MessageWriter<PlaySound>) {
    sounds.write(PlaySound(Sound::Choose));
}

fn hear_adjustment(_: On<MenuAdjusted>, mut sounds: MessageWriter<PlaySound>) {
    sounds.write(PlaySound(Sound::Move));
}

fn hear_leaving(_: On<MenuCancelled>, mut sounds: MessageWriter<PlaySound>) {
    sounds.write(PlaySound(Sound::Back));
}
