//! The title over a dream that plays itself.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::catalogue::Catalogue;
use crate::dream::dream;
use crate::look::{FAINT, GOLD, NIGHT, SHADE, TEXT, cover, panel, text};
use crate::menu::{Menu, MenuChosen, text_item};
use crate::stage::Stage;
use crate::states::{GameSystems, Overlay, Screen, Session};

/// Frames after which the dream begins from another picture.
const DREAM: u64 = 200;

/// The title screen.
pub(crate) struct TitlePlugin;

impl Plugin for TitlePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Title), set_up).add_systems(
            Update,
            (start_dream, dream_on)
                .run_if(in_state(Screen::Title).or_else(in_state(Screen::Attract)))
                .in_set(GameSystems),
        );
    }
}

/// The dream behind the title, and of the demonstration.
#[derive(Component)]
pub(crate) struct Backdream {
    level: usize,
}

fn set_up(mut commands: Commands) {
    let menu = commands
        .spawn((
            Menu::new(0),
            DespawnOnExit(Screen::Title),
            cover(),
            BackgroundColor(SHADE),
        ))
        .observe(choose)
        .id();
    commands.entity(menu).with_children(|screen| {
        // The dream behind them may be as bright as they are.
        let shadow = |offset| TextShadow {
            offset: Vec2::splat(offset),
            color: NIGHT,
        };
        screen.spawn((text("GENERATIVE LEVEL", 44.0, GOLD), shadow(4.0)));
        screen.spawn((
            text("a world model dreams every frame", 17.0, TEXT),
            shadow(2.0),
        ));
        screen.spawn(Node {
            height: px(18),
            ..default()
        });
        screen.spawn(panel()).with_children(|panel| {
            for (index, label) in ["Play", "Settings", "Quit"].into_iter().enumerate() {
                panel.spawn(text_item(menu, index, label));
            }
            panel.spawn(text("or drop a picture to play it", 14.0, FAINT));
        });
    });
}

fn choose(
    chosen: On<MenuChosen>,
    mut screen: ResMut<NextState<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
    mut exit: MessageWriter<AppExit>,
) {
    match chosen.index {
        0 => screen.set(Screen::Levels),
        1 => overlay.set(Overlay::Settings),
        _ => {
            exit.write(AppExit::Success);
        }
    }
}

/// As soon as there is a picture, it is dreamt on.
fn start_dream(
    session: Res<Session>,
    catalogue: Res<Catalogue>,
    screen: Res<State<Screen>>,
    dreams: Query<(), With<Backdream>>,
    mut commands: Commands,
) {
    if !dreams.is_empty() {
        return;
    }
    let Some(level) = catalogue.level().filter(|_| catalogue.complete) else {
        return;
    };
    let covers = *screen.get() == Screen::Title;
    commands.spawn((
        DespawnOnExit(*screen.get()),
        Backdream {
            level: catalogue.chosen,
        },
        Stage {
            covers,
            ..default()
        },
        dream(&session, level),
    ));
}

/// After a while another picture has its turn.
fn dream_on(
    catalogue: Res<Catalogue>,
    mut dreams: Query<(Entity, &GenieFrame, &GenieStatus, &mut Backdream), Changed<GenieFrame>>,
    mut genie: MessageWriter<GenieCommand>,
) {
    for (world, frame, status, mut dream) in &mut dreams {
        if frame.tick < DREAM || status.phase != GeniePhase::Running {
            continue;
        }
        dream.level = (dream.level + 1) % catalogue.levels.len().max(1);
        if let Some(level) = catalogue.levels.get(dream.level) {
            genie.write(GenieCommand::prompt(world, level.prompt.clone()));
        }
    }
}
