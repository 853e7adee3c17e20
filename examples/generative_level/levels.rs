//! Choosing a level: the pictures to start from, the selected one alive.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::prelude::*;

use crate::best_runs::BestRuns;
use crate::catalogue::Catalogue;
use crate::dream::dream;
use crate::look::{FAINT, GOLD, NIGHT, PANEL, TEXT, cover, text};
use crate::menu::{ItemText, Menu, MenuCancelled, MenuChosen, MenuItem};
use crate::scroll::ScrolledList;
use crate::states::{GameSystems, Screen, Session};

/// Edges that thumbnails may have, in logical pixels: whole multiples of a picture's own 64.
const THUMBNAILS: [f32; 3] = [256.0, 192.0, 128.0];
/// What a card has beside its thumbnail: width, and height with its two lines of text.
const AROUND: Vec2 = vec2(20.0, 68.0);
/// Distance between cards.
const GAP: f32 = 14.0;
/// Distance of the cards from the edge of their grid.
const PADDING: f32 = 6.0;
/// Seconds for which a card is selected before it comes alive.
const PATIENCE: f32 = 0.25;

/// The screen with the levels.
pub(crate) struct LevelsPlugin;

impl Plugin for LevelsPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Levels), set_up)
            .add_systems(
                Update,
                (lay_out_cards, size_cards, wake_card)
                    .chain()
                    .run_if(in_state(Screen::Levels))
                    .in_set(GameSystems),
            )
            .add_observer(show_dream);
    }
}

/// The grid of cards.
#[derive(Component)]
struct Cards;

/// The picture on a card, of the level with this number.
#[derive(Component)]
struct Thumbnail(usize);

/// The world on the selected card.
#[derive(Component)]
struct CardDream(usize);

fn set_up(catalogue: Res<Catalogue>, mut commands: Commands) {
    let mut menu = Menu::new(0);
    menu.selected = catalogue.chosen;
    let screen = Node {
        justify_content: JustifyContent::Start,
        ..cover()
    };
    let screen = commands
        .spawn((
            menu,
            DespawnOnExit(Screen::Levels),
            screen,
            BackgroundColor(NIGHT),
        ))
        .observe(play)
        .observe(leave)
        .id();
    commands.entity(screen).with_children(|parent| {
        parent.spawn(text("Choose where the dream begins", 28.0, GOLD));
        parent.spawn(text(
            "Drop any picture on the window to play it.",
            15.0,
            FAINT,
        ));
        parent.spawn((
            Cards,
            ScrolledList { menu: screen },
            Node {
                width: percent(100),
                flex_grow: 1.0,
                flex_basis: px(0),
                flex_direction: FlexDirection::Row,
                flex_wrap: FlexWrap::Wrap,
                justify_content: JustifyContent::Center,
                align_content: AlignContent::Start,
                row_gap: px(GAP),
                column_gap: px(GAP),
                padding: UiRect::all(px(PADDING)),
                overflow: Overflow::scroll_y(),
                ..default()
            },
        ));
        parent.spawn(text("Enter: play    Escape: back", 14.0, FAINT));
    });
}

/// One card for each level, made again when there are more.
fn lay_out_cards(
    catalogue: Res<Catalogue>,
    runs: Res<BestRuns>,
    cards: Single<(Entity, &ChildOf, Option<&Children>), With<Cards>>,
    mut commands: Commands,
) {
    let (grid, menu, children) = *cards;
    let menu = menu.parent();
    if children.map_or(0, RelationshipTarget::len) == catalogue.levels.len() {
        return;
    }
    commands.entity(grid).despawn_children();
    for (index, level) in catalogue.levels.iter().enumerate() {
        let best = runs.score(&level.key);
        let best = best.map_or("not played yet".to_owned(), |best| format!("best {best}"));
        let whose = if level.is_own { "yours, " } else { "" };
        let node = Node {
            flex_direction: FlexDirection::Column,
            align_items: AlignItems::Center,
            row_gap: px(4),
            padding: UiRect::all(px(8)),
            border: UiRect::all(px(2)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        };
        let item = MenuItem {
            menu,
            index,
            adjustable: false,
        };
        commands.entity(grid).with_child((
            item,
            node,
            BackgroundColor(PANEL),
            BorderColor::all(Color::NONE),
            children![
                (Thumbnail(index), ImageNode::new(level.thumbnail.clone())),
                (ItemText, text(level.name.clone(), 15.0, TEXT)),
                text(format!("{whose}{best}"), 13.0, FAINT),
            ],
        ));
    }
}

/// Thumbnails are as large as all cards fit into the grid with; if they never do, they are small, and scrolled.
fn size_cards(
    grid: Single<&ComputedNode, With<Cards>>,
    mut thumbnails: Query<&mut Node, With<Thumbnail>>,
) {
    let room = grid.size * grid.inverse_scale_factor - 2.0 * PADDING;
    let count = thumbnails.iter().len() as f32;
    let fits = |edge: &f32| {
        let card = AROUND + *edge + GAP;
        let columns = ((room.x + GAP) / card.x).floor();
        columns >= 1.0 && (count / columns).ceil() * card.y <= room.y + GAP
    };
    let smallest = THUMBNAILS[THUMBNAILS.len() - 1];
    let edge = THUMBNAILS.into_iter().find(fits).unwrap_or(smallest);
    for mut node in &mut thumbnails {
        if node.width != px(edge) {
            (node.width, node.height) = (px(edge), px(edge));
        }
    }
}

/// The card that stays selected for a moment begins to move.
fn wake_card(
    time: Res<Time<Real>>,
    session: Res<Session>,
    server: Res<AssetServer>,
    catalogue: Res<Catalogue>,
    menu: Single<&Menu, With<Children>>,
    dreams: Query<(Entity, &CardDream)>,
    mut thumbnails: Query<(&Thumbnail, &mut ImageNode)>,
    mut since: Local<(usize, f32)>,
    mut commands: Commands,
) {
    let selected = menu.selected;
    if since.0 != selected {
        *since = (selected, 0.0);
    }
    since.1 += time.delta_secs();
    for (world, dream) in &dreams {
        if dream.0 != selected {
            commands.entity(world).despawn();
            for (thumbnail, mut image) in &mut thumbnails {
                if let Some(level) = catalogue.levels.get(thumbnail.0)
                    && thumbnail.0 == dream.0
                {
                    image.image = level.thumbnail.clone();
                }
            }
        }
    }
    // Without a model none ever will, as has been said.
    let possible = !server.load_state(&session.model).is_failed();
    if since.1 >= PATIENCE
        && possible
        && dreams.is_empty()
        && let Some(level) = catalogue.levels.get(selected)
    {
        commands.spawn((
            DespawnOnExit(Screen::Levels),
            CardDream(selected),
            dream(&session, level),
        ));
    }
}

/// From its first frame on the dream takes the place of the picture.
fn show_dream(
    ready: On<GenieReady>,
    dreams: Query<(&CardDream, &GenieTexture)>,
    mut thumbnails: Query<(&Thumbnail, &mut ImageNode)>,
) {
    let Ok((dream, texture)) = dreams.get(ready.world) else {
        return;
    };
    for (thumbnail, mut image) in &mut thumbnails {
        if thumbnail.0 == dream.0 {
            image.image = texture.0.clone();
        }
    }
}

fn play(
    chosen: On<MenuChosen>,
    mut catalogue: ResMut<Catalogue>,
    mut screen: ResMut<NextState<Screen>>,
) {
    if chosen.index < catalogue.levels.len() {
        catalogue.chosen = chosen.index;
        screen.set(Screen::Play);
    }
}

fn leave(_: On<MenuCancelled>, mut screen: ResMut<NextState<Screen>>) {
    screen.set(Screen::Title);
}
