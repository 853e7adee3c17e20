//! What a run has brought, above the level, and its keys below.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::best_runs::BestRuns;
use crate::bindings::{Bindings, Control, in_words};
use crate::catalogue::Catalogue;
use crate::dream::PlaysItself;
use crate::goals::Goals;
use crate::look::{EDGE, FAINT, GOLD, NIGHT, TEXT, text};
use crate::play::{MOST_FALLS, Run};
use crate::rewind::{Energy, MOST};
use crate::settings::Settings;
use crate::stage::Margin;
use crate::states::{GameSystems, Screen, Session};

/// The figures around a run.
pub(crate) struct HudPlugin;

impl Plugin for HudPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Play), set_up).add_systems(
            Update,
            (write_figures, write_keys)
                .run_if(in_state(Screen::Play))
                .in_set(GameSystems),
        );
    }
}

/// A figure of the run.
#[derive(Component, Clone, Copy)]
enum Figure {
    Score,
    Coins,
    Metres,
    Falls,
    Time,
}

#[derive(Component)]
struct EnergyBar;

#[derive(Component)]
struct KeysLine;

fn set_up(catalogue: Res<Catalogue>, runs: Res<BestRuns>, mut commands: Commands) {
    let bar = |top: bool| {
        (
            DespawnOnExit(Screen::Play),
            Margin { top },
            BackgroundColor(NIGHT),
            Node {
                position_type: PositionType::Absolute,
                top: if top { px(0) } else { auto() },
                bottom: if top { auto() } else { px(0) },
                width: percent(100),
                flex_wrap: FlexWrap::Wrap,
                justify_content: JustifyContent::Center,
                align_items: AlignItems::Center,
                column_gap: px(22),
                row_gap: px(2),
                padding: UiRect::axes(px(10), px(6)),
                ..default()
            },
        )
    };
    let Some(level) = catalogue.level() else {
        return;
    };
    let best = runs.score(&level.key);
    commands.spawn(bar(true)).with_children(|bar| {
        bar.spawn(text(level.name.clone(), 16.0, FAINT));
        bar.spawn((Figure::Score, text("0", 26.0, GOLD)));
        if let Some(best) = best {
            bar.spawn(text(format!("best {best}"), 16.0, FAINT));
        }
        for figure in [Figure::Coins, Figure::Metres, Figure::Falls, Figure::Time] {
            bar.spawn((figure, text("", 16.0, TEXT)));
        }
        // What can be run back, with its name: they are not parted where the bar is broken into lines.
        let group = Node {
            align_items: AlignItems::Center,
            column_gap: px(8),
            ..default()
        };
        bar.spawn(group).with_children(|group| {
            let frame = Node {
                width: px(104),
                height: px(12),
                border: UiRect::all(px(2)),
                ..default()
            };
            let fill = Node {
                width: percent(0),
                height: percent(100),
                ..default()
            };
            group.spawn(text("rewind", 16.0, FAINT));
            group.spawn((frame, BorderColor::all(EDGE))).with_child((
                EnergyBar,
                fill,
                BackgroundColor(Color::srgb(0.45, 0.62, 1.0)),
            ));
        });
    });
    commands
        .spawn(bar(false))
        .with_child((KeysLine, text("loading the model", 14.0, FAINT)));
}

fn write_figures(
    session: Res<Session>,
    models: Res<Assets<GenieModel>>,
    runs: Query<(&GenieWorld, &GenieFrame, &Goals, &Energy, &Run)>,
    mut figures: Query<(&Figure, &mut Text)>,
    mut bars: Query<&mut Node, With<EnergyBar>>,
) {
    let Ok((world, frame, goals, energy, run)) = runs.single() else {
        return;
    };
    let tally = goals.tally();
    let rate = models
        .get(&world.model)
        .map_or(10.0, |model| model.config().frames_per_second);
    for (figure, text) in &mut figures {
        let now = match figure {
            Figure::Score => tally.score().to_string(),
            Figure::Coins => format!("coins {}", tally.coins),
            Figure::Metres => format!("{} m", tally.metres()),
            Figure::Falls => format!("falls {} of {MOST_FALLS}", tally.falls),
            Figure::Time => {
                let end = run.first + session.run_ticks;
                let left = end.saturating_sub(frame.tick) as f32 / rate;
                format!("{left:.0} s")
            }
        };
        text.map_unchanged(|text| &mut text.0).set_if_neq(now);
    }
    for node in &mut bars {
        let width = percent(100.0 * energy.frames as f32 / MOST as f32);
        node.map_unchanged(|node| &mut node.width).set_if_neq(width);
    }
}

fn write_keys(
    settings: Res<Settings>,
    models: Res<Assets<GenieModel>>,
    runs: Query<(&GenieWorld, &GenieStatus, Has<PlaysItself>), With<Run>>,
    mut lines: Query<&mut Text, With<KeysLine>>,
) {
    let Ok((world, status, plays_itself)) = runs.single() else {
        return;
    };
    let now = match status.phase {
        GeniePhase::Loading => "loading the model".to_owned(),
        GeniePhase::Starting => "the model takes in the picture".to_owned(),
        GeniePhase::Failed => "the dream has failed".to_owned(),
        _ if status.starving => "this machine is too busy for the dream".to_owned(),
        _ if plays_itself => {
            let pause = first_key(&settings, Control::Pause);
            format!("the script plays   {}: {pause}", Control::Pause.name())
        }
        _ => {
            let model = models.get(&world.model);
            keys_in_words(&settings, model.filter(|model| !Bindings::steer(model)))
        }
    };
    for line in &mut lines {
        line.map_unchanged(|text| &mut text.0)
            .set_if_neq(now.clone());
    }
}

/// The first key that a control has.
fn first_key(settings: &Settings, control: Control) -> String {
    let keys = settings.bindings.keys_in_words(control);
    keys.split(", ").next().unwrap_or_default().to_owned()
}

/// What the keys do; worlds of another game have actions and keys of their own.
fn keys_in_words(settings: &Settings, other: Option<&GenieModel>) -> String {
    let controls = Control::ALL.iter().filter(|control| {
        other.is_none() || !matches!(control, Control::Left | Control::Right | Control::Jump)
    });
    let mut words: Vec<_> = controls
        .map(|&control| format!("{}: {}", control.name(), first_key(settings, control)))
        .collect();
    if let Some(model) = other {
        let keys = model
            .actions()
            .iter()
            .filter(|label| !label.hidden)
            .filter_map(|label| label.keys.first());
        let keys: Vec<_> = keys
            .map(|chord| chord.iter().map(|key| in_words(key)).collect::<Vec<_>>())
            .map(|chord| chord.join("+"))
            .collect();
        words.insert(0, format!("actions: {}", keys.join(", ")));
    }
    words.join("   ")
}
