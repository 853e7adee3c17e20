//! Colours and pieces that all screens are made of.

use bevy::prelude::*;

/// Behind everything.
pub(crate) const NIGHT: Color = Color::srgb(0.055, 0.06, 0.085);
/// Behind menus and cards.
pub(crate) const PANEL: Color = Color::srgba(0.075, 0.085, 0.125, 0.985);
/// Over a dream, so that text can be read.
pub(crate) const SHADE: Color = Color::srgba(0.03, 0.035, 0.06, 0.62);
/// Ordinary text.
pub(crate) const TEXT: Color = Color::srgb(0.93, 0.94, 0.97);
/// Text that can wait.
pub(crate) const FAINT: Color = Color::srgb(0.62, 0.66, 0.76);
/// What is selected, and coins.
pub(crate) const GOLD: Color = Color::srgb(1.0, 0.82, 0.32);
/// Edges.
pub(crate) const EDGE: Color = Color::srgb(0.24, 0.27, 0.37);
/// What has gone wrong.
pub(crate) const RED: Color = Color::srgb(0.96, 0.42, 0.38);

/// A line of text.
pub(crate) fn text(content: impl Into<String>, size: f32, colour: Color) -> impl Bundle {
    (
        Text::new(content),
        TextFont::from_font_size(size),
        TextColor(colour),
        TextLayout {
            justify: Justify::Center,
            ..default()
        },
    )
}

/// A node that covers the window, its children in the middle, one below the other.
pub(crate) fn cover() -> Node {
    Node {
        position_type: PositionType::Absolute,
        width: percent(100),
        height: percent(100),
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        justify_content: JustifyContent::Center,
        row_gap: px(10),
        padding: UiRect::all(px(12)),
        ..default()
    }
}

/// A panel as large as its content.
pub(crate) fn panel() -> impl Bundle {
    (
        Node {
            flex_direction: FlexDirection::Column,
            align_items: AlignItems::Center,
            row_gap: px(6),
            padding: UiRect::all(px(20)),
            border: UiRect::all(px(2)),
            border_radius: BorderRadius::all(px(8)),
            max_width: percent(100),
            max_height: percent(100),
            ..default()
        },
        BackgroundColor(PANEL),
        BorderColor::all(EDGE),
    )
}
