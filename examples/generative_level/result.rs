//! What a run has brought, when it is over.

use bevy::prelude::*;
use bevy_state::prelude::*;

use crate::best_runs::BestRuns;
use crate::goals::COIN_POINTS;
use crate::look::{FAINT, GOLD, SHADE, TEXT, cover, panel, text};
use crate::menu::{Menu, MenuCancelled, MenuChosen, text_item};
use crate::play::Run;
use crate::states::{GameSystems, Overlay, Screen};

/// The result of a run.
pub(crate) struct ResultPlugin;

impl Plugin for ResultPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Overlay::Result), set_up)
            .add_systems(
                Update,
                write.run_if(in_state(Overlay::Result)).in_set(GameSystems),
            );
    }
}

#[derive(Component)]
struct Headline;

#[derive(Component)]
struct Figures;

fn set_up(mut commands: Commands) {
    let menu = commands
        .spawn((
            Menu::new(1),
            DespawnOnExit(Overlay::Result),
            GlobalZIndex(10),
            cover(),
            BackgroundColor(SHADE),
        ))
        .observe(choose)
        .observe(leave)
        .id();
    commands.entity(menu).with_children(|screen| {
        screen.spawn(panel()).with_children(|panel| {
            panel.spawn((Headline, text("", 34.0, GOLD)));
            panel.spawn((Figures, text("", 17.0, TEXT)));
            panel.spawn(text(
                format!("a metre is a point, a coin {COIN_POINTS}"),
                13.0,
                FAINT,
            ));
            for (index, label) in ["Play again", "Levels", "Title"].into_iter().enumerate() {
                panel.spawn(text_item(menu, index, label));
            }
        });
    });
}

/// The figures come with the snapshot, a moment after the end.
fn write(
    runs: Query<&Run>,
    bests: Res<BestRuns>,
    mut headline: Single<&mut Text, (With<Headline>, Without<Figures>)>,
    mut figures: Single<&mut Text, (With<Figures>, Without<Headline>)>,
) {
    let over = runs.iter().find_map(|run| Some((run.result?, &run.level)));
    let Some(((run, best), level)) = over else {
        return;
    };
    let first = if best { "BEST RUN SO FAR" } else { "RUN OVER" };
    let other = bests.score(level).filter(|_| !best);
    let other = other.map_or_else(String::new, |score| format!("\nbest run: {score}"));
    let counted = |count: u32, one: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {one}{plural}")
    };
    headline.set_if_neq(Text(format!("{first}\n{}", counted(run.score, "point"))));
    figures.set_if_neq(Text(format!(
        "{} m   {}   {}   {:.1} s{other}",
        run.metres,
        counted(run.coins, "coin"),
        counted(run.falls, "fall"),
        run.seconds
    )));
}

fn choose(
    chosen: On<MenuChosen>,
    mut screen: ResMut<NextState<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
) {
    match chosen.index {
        0 => {
            overlay.set(Overlay::Closed);
            // Entered anew, so that the ghost is the run that is now the best.
            screen.set(Screen::Play);
        }
        1 => screen.set(Screen::Levels),
        _ => screen.set(Screen::Title),
    }
}

fn leave(_: On<MenuCancelled>, mut screen: ResMut<NextState<Screen>>) {
    screen.set(Screen::Levels);
}
