//! Puts a world on the screen: each of its pixels a whole number of the window's, with a frame and scanlines.

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::look::EDGE;
use crate::settings::Settings;
use crate::states::GameSystems;

/// Width of the frame in logical pixels.
const FRAME: f32 = 6.0;
/// How dark a scanline is, 0 to 255.
const LINE: u8 = 90;

/// A world that is shown in the middle of the window, by its `Sprite`.
#[derive(Component, Default, PartialEq)]
#[require(Sprite)]
pub(crate) struct Stage {
    /// Whether it fills the window, its edges cut off, instead of being whole.
    pub(crate) covers: bool,
    /// Pixels of the window for each of the world's, as it is shown now; logical.
    pub(crate) scale: f32,
}

/// A node along the upper or lower edge of the window whose height is kept free of the stage.
#[derive(Component)]
pub(crate) struct Margin {
    /// At the upper edge, or else at the lower one.
    pub(crate) top: bool,
}

#[derive(Component)]
struct Backdrop;

#[derive(Component)]
struct Scanlines {
    rows: u32,
}

/// Places stages.
pub(crate) struct StagePlugin;

impl Plugin for StagePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Startup, set_up)
            .add_systems(Update, (place, decorate).chain().in_set(GameSystems));
    }
}

fn set_up(mut commands: Commands) {
    commands.spawn(Camera2d);
    commands.spawn((
        Backdrop,
        Sprite::from_color(EDGE, Vec2::ZERO),
        Visibility::Hidden,
    ));
    commands.spawn((Scanlines { rows: 0 }, Sprite::default(), Visibility::Hidden));
}

fn place(
    window: Single<&Window>,
    settings: Res<Settings>,
    images: Res<Assets<Image>>,
    margins: Query<(&ComputedNode, &Margin)>,
    mut stages: Query<(&mut Stage, &mut Sprite, &mut Transform)>,
) {
    let density = window.scale_factor();
    let free = |top: bool| -> f32 {
        let heights = margins.iter().filter(|(_, margin)| margin.top == top);
        heights.map(|(node, _)| node.size.y).fold(0.0, f32::max)
    };
    let (above, below) = (free(true), free(false));
    let whole = window.physical_size().as_vec2();
    for (mut stage, mut sprite, mut place) in &mut stages {
        // Until the first frame there is nothing to show.
        let image = images.get(&sprite.image);
        let Some(image) = image.filter(|_| sprite.image != Handle::default()) else {
            continue;
        };
        let size = image.size_f32();
        let (room, centre) = if stage.covers {
            (whole, 0.0)
        } else {
            let frame = if settings.frame {
                2.0 * FRAME * density
            } else {
                0.0
            };
            let room = (whole - vec2(frame, above + below + frame)).max(Vec2::ONE);
            (room, (below - above) / 2.0)
        };
        let fits = if stage.covers {
            (room / size).max_element().ceil()
        } else {
            let most = (room / size).min_element();
            let chosen = match settings.scale {
                0 => most,
                scale => most.min(scale as f32),
            };
            // A window smaller than the world shows it smaller.
            if chosen >= 1.0 {
                chosen.floor()
            } else {
                chosen
            }
        };
        let shown = size * fits;
        // Edges on whole pixels, in a window of odd size too.
        let odd = (whole - shown).rem_euclid(Vec2::splat(2.0)) / 2.0;
        let middle = vec2(0.0, centre.round()) + odd;
        let (shown, middle) = (shown / density, middle / density);
        if sprite.custom_size != Some(shown) {
            sprite.custom_size = Some(shown);
        }
        if place.translation.truncate() != middle {
            place.translation = middle.extend(0.0);
        }
        stage.set_if_neq(Stage {
            covers: stage.covers,
            scale: fits / density,
        });
    }
}

type Decoration<'w, 's, T, F> = Query<
    'w,
    's,
    (
        &'static mut Sprite,
        &'static mut Transform,
        &'static mut Visibility,
        T,
    ),
    F,
>;

fn decorate(
    settings: Res<Settings>,
    window: Single<&Window>,
    stages: Query<(&Stage, &Sprite, &Transform)>,
    mut backdrop: Decoration<(), (With<Backdrop>, Without<Stage>, Without<Scanlines>)>,
    mut scanlines: Decoration<&mut Scanlines, (Without<Backdrop>, Without<Stage>)>,
    mut images: ResMut<Assets<Image>>,
) {
    let shown = stages
        .iter()
        .find(|(stage, sprite, _)| !stage.covers && sprite.custom_size.is_some());
    let place = shown.and_then(|(stage, sprite, place)| {
        Some((stage.scale, sprite.custom_size?, place.translation))
    });
    for (mut sprite, mut transform, mut visibility, ()) in &mut backdrop {
        let Some((_, size, middle)) = place.filter(|_| settings.frame) else {
            visibility.set_if_neq(Visibility::Hidden);
            continue;
        };
        visibility.set_if_neq(Visibility::Visible);
        let size = Some(size + 2.0 * FRAME);
        if sprite.custom_size != size {
            sprite.custom_size = size;
        }
        let middle = middle.with_z(-1.0);
        if transform.translation != middle {
            transform.translation = middle;
        }
    }
    for (mut sprite, mut transform, mut visibility, mut lines) in &mut scanlines {
        let Some((scale, size, middle)) = place.filter(|_| settings.scanlines) else {
            visibility.set_if_neq(Visibility::Hidden);
            continue;
        };
        visibility.set_if_neq(Visibility::Visible);
        let density = window.scale_factor();
        let rows = (size.y * density).round() as u32;
        if lines.rows != rows {
            lines.rows = rows;
            sprite.image = images.add(dark_lines(rows, (scale * density).round() as u32));
        }
        if sprite.custom_size != Some(size) {
            sprite.custom_size = Some(size);
        }
        let middle = middle.with_z(5.0);
        if transform.translation != middle {
            transform.translation = middle;
        }
    }
}

/// One column of pixels of which the last in each `period` is dark.
fn dark_lines(rows: u32, period: u32) -> Image {
    let period = period.max(2);
    let line = |row: u32| [0, 0, 0, if row % period + 1 == period { LINE } else { 0 }];
    let mut image = GenieTexture::image(&GeniePicture::filled(1, rows.max(1) as usize, [0; 3]));
    image.data = Some((0..rows.max(1)).flat_map(line).collect());
    image
}
