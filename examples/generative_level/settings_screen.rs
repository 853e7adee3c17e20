//! The settings on the screen.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::bindings::Control;
use crate::look::{FAINT, GOLD, SHADE, TEXT, cover, panel, text};
use crate::menu::{
    ItemText, Menu, MenuAdjusted, MenuCancelled, MenuChosen, MenuItem, MenuSystems, item_node,
};
use crate::settings::{LOUDEST, Quality, Settings};
use crate::sound;
use crate::states::{GameSystems, Overlay, Screen};
use crate::sticks::Sticks;

/// Speeds to choose from.
const SPEEDS: [f32; 5] = [0.5, 0.75, 1.0, 1.5, 2.0];
/// Largest scale to choose.
const LARGEST_SCALE: i32 = 16;

/// The settings screen.
pub(crate) struct SettingsScreenPlugin;

impl Plugin for SettingsScreenPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Overlay::Settings), set_up)
            .add_systems(
                Update,
                (capture, write)
                    .chain()
                    .run_if(in_state(Overlay::Settings))
                    // The key that was just bound does nothing in the menu.
                    .after(MenuSystems)
                    .in_set(GameSystems),
            );
    }
}

/// What a row of the screen changes.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    Scale,
    Speed,
    Quality,
    Scanlines,
    Frame,
    Ghost,
    Volume,
    Key(Control),
    Defaults,
    Back,
}

/// All rows, in the order of their indices.
fn rows() -> Vec<Row> {
    use Row::{Back, Defaults, Frame, Ghost, Key, Quality, Scale, Scanlines, Speed, Volume};
    let mut rows = vec![Scale, Speed, Quality, Scanlines, Frame, Ghost, Volume];
    rows.extend(Control::ALL.map(Key));
    rows.extend([Defaults, Back]);
    rows
}

/// The text of a row.
#[derive(Component)]
struct RowText(Row);

/// Waits for the key or button of a control.
#[derive(Component)]
struct Waiting {
    control: Control,
    /// Keys of the frame in which the waiting began do not count.
    fresh: bool,
}

fn set_up(mut commands: Commands) {
    let menu = commands
        .spawn((
            Menu::new(2),
            DespawnOnExit(Overlay::Settings),
            GlobalZIndex(20),
            cover(),
            BackgroundColor(SHADE),
        ))
        .observe(choose)
        .observe(adjust)
        .observe(cancel)
        .id();
    commands.entity(menu).with_children(|screen| {
        screen.spawn(panel()).with_children(|panel| {
            panel.spawn(text("SETTINGS", 26.0, GOLD));
            for (index, row) in rows().into_iter().enumerate() {
                let node = Node {
                    padding: UiRect::axes(px(12), px(2)),
                    ..item_node()
                };
                let item = MenuItem {
                    menu,
                    index,
                    adjustable: !matches!(row, Row::Key(_) | Row::Defaults | Row::Back),
                };
                panel.spawn((
                    item,
                    node,
                    BackgroundColor(Color::NONE),
                    BorderColor::all(Color::NONE),
                    children![(ItemText, RowText(row), text("", 16.0, TEXT))],
                ));
            }
            panel.spawn(text(
                "Left and right change a value, Enter waits for a new key or button.",
                13.0,
                FAINT,
            ));
        });
    });
}

fn write(
    settings: Res<Settings>,
    waiting: Query<&Waiting>,
    mut texts: Query<(&RowText, &mut Text)>,
) {
    let waits = waiting.iter().next().map(|waiting| waiting.control);
    let on = |on: bool| if on { "on" } else { "off" };
    for (row, text) in &mut texts {
        let now = match row.0 {
            Row::Scale => match settings.scale {
                0 => "scale: as large as fits".to_owned(),
                scale => format!("scale: {scale} x"),
            },
            Row::Speed => format!("speed: {} x", settings.speed),
            Row::Quality => format!("quality: {}", settings.quality.name()),
            Row::Scanlines => format!("scanlines: {}", on(settings.scanlines)),
            Row::Frame => format!("frame: {}", on(settings.frame)),
            Row::Ghost => format!("ghost of the best run: {}", on(settings.ghost)),
            Row::Volume if !sound::BUILT_IN => "volume: built without sound".to_owned(),
            Row::Volume if settings.volume == 0 => "volume: mute".to_owned(),
            Row::Volume => format!("volume: {} of {LOUDEST}", settings.volume),
            Row::Key(control) if waits == Some(control) => {
                format!("{}: press a key or a button", control.name())
            }
            Row::Key(control) => format!(
                "{}: {} | {}",
                control.name(),
                settings.bindings.keys_in_words(control),
                settings.bindings.buttons_in_words(control)
            ),
            Row::Defaults => "as at the beginning".to_owned(),
            Row::Back => "back".to_owned(),
        };
        text.map_unchanged(|text| &mut text.0).set_if_neq(now);
    }
}

fn choose(
    chosen: On<MenuChosen>,
    mut settings: ResMut<Settings>,
    mut menus: Query<&mut Menu>,
    screen: Res<State<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
    mut commands: Commands,
) {
    match rows().get(chosen.index) {
        Some(Row::Key(control)) => {
            if let Ok(mut menu) = menus.get_mut(chosen.menu) {
                menu.enabled = false;
            }
            commands.entity(chosen.menu).insert(Waiting {
                control: *control,
                fresh: true,
            });
        }
        Some(Row::Defaults) => *settings = Settings::default(),
        Some(Row::Back) => close(**screen, &mut overlay),
        Some(row) => change(&mut settings, *row, 1),
        None => {}
    }
}

fn adjust(adjusted: On<MenuAdjusted>, mut settings: ResMut<Settings>) {
    if let Some(row) = rows().get(adjusted.index) {
        change(&mut settings, *row, adjusted.by);
    }
}

/// Goes to the next or the last value, around the ends.
fn change(settings: &mut Settings, row: Row, by: i32) {
    let turn = |at: usize, of: usize| (at as i32 + by).rem_euclid(of as i32) as usize;
    match row {
        Row::Scale => {
            settings.scale = (settings.scale as i32 + by).rem_euclid(LARGEST_SCALE + 1) as u32;
        }
        Row::Speed => {
            let at = SPEEDS
                .iter()
                .position(|speed| (speed - settings.speed).abs() < 0.01);
            settings.speed = SPEEDS[turn(at.unwrap_or(2), SPEEDS.len())];
        }
        Row::Quality => {
            let all = Quality::ALL;
            let at = all.iter().position(|other| *other == settings.quality);
            settings.quality = all[turn(at.unwrap_or(1), all.len())];
        }
        Row::Scanlines => settings.scanlines = !settings.scanlines,
        Row::Frame => settings.frame = !settings.frame,
        Row::Ghost => settings.ghost = !settings.ghost,
        Row::Volume => {
            let louder = settings.volume.saturating_add_signed(by);
            settings.volume = louder.min(LOUDEST);
        }
        Row::Key(_) | Row::Defaults | Row::Back => {}
    }
}

/// The next key, button or push of a stick is bound; Escape keeps what there was.
fn capture(
    keys: Res<ButtonInput<KeyCode>>,
    pads: Query<&Gamepad>,
    sticks: Res<Sticks>,
    mut waiting: Query<(Entity, &mut Waiting, &mut Menu)>,
    mut settings: ResMut<Settings>,
    mut commands: Commands,
) {
    for (entity, mut waiting, mut menu) in &mut waiting {
        if std::mem::take(&mut waiting.fresh) {
            continue;
        }
        let key = keys.get_just_pressed().next().copied();
        let button = pads
            .iter()
            .find_map(|pad| pad.get_just_pressed().next().copied());
        let push = sticks.get_just_pressed().next().copied();
        let pad = button.map(Into::into).or(push.map(Into::into));
        let source: Option<GenieInputSource> = key.map(Into::into).or(pad);
        let Some(source) = source else {
            continue;
        };
        if key != Some(KeyCode::Escape) {
            settings.bindings.rebind(waiting.control, source);
        }
        menu.enabled = true;
        commands.entity(entity).remove::<Waiting>();
    }
}

fn cancel(
    _: On<MenuCancelled>,
    screen: Res<State<Screen>>,
    mut overlay: ResMut<NextState<Overlay>>,
) {
    close(**screen, &mut overlay);
}

/// Back to where they were opened.
fn close(screen: Screen, overlay: &mut NextState<Overlay>) {
    overlay.set(if screen == Screen::Play {
        Overlay::Pause
    } else {
        Overlay::Closed
    });
}
