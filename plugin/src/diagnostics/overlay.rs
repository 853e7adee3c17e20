//! Figures in a corner of the screen.

use bevy::diagnostic::{Diagnostic, DiagnosticPath, DiagnosticsStore};
use bevy::prelude::*;

use crate::diagnostics::plugin::GenieDiagnosticsPlugin as Figures;

/// Writes the figures of [`GenieDiagnosticsPlugin`](crate::GenieDiagnosticsPlugin) into the upper left corner of the screen: feature `overlay`.
///
/// It uses Bevy's user interface and its default font. The text is the entity with [`GenieOverlay`]: hide it or move it
/// as needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenieOverlayPlugin;

/// The overlay's text.
#[derive(Component, Reflect, Clone, Copy, Debug, Default)]
#[reflect(Component, Default, Debug, Clone)]
pub struct GenieOverlay;

impl Plugin for GenieOverlayPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<GenieOverlay>()
            .add_systems(Startup, put_up)
            .add_systems(Update, write);
    }
}

fn put_up(mut commands: Commands) {
    let node = Node {
        position_type: PositionType::Absolute,
        top: px(4),
        left: px(4),
        ..default()
    };
    let font = TextFont::from_font_size(13.0);
    commands.spawn((GenieOverlay, Text::default(), font, node));
}

fn write(store: Option<Res<DiagnosticsStore>>, mut overlays: Query<&mut Text, With<GenieOverlay>>) {
    let Some(store) = store else {
        return;
    };
    let figure = |path: &DiagnosticPath| store.get(path).and_then(Diagnostic::value);
    let whole = |path| figure(path).map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
    let frames = figure(&Figures::FRAMES_PER_SECOND).unwrap_or(0.0);
    let text = format!(
        "{} worlds, {frames:.1} frames/s\nlatency {} / {} ms, input {} / {} ms (p50 / p99)\nqueue {}, late ticks {}, starving {}, {} MiB",
        whole(&Figures::WORLDS),
        whole(&Figures::LATENCY_P50),
        whole(&Figures::LATENCY_P99),
        whole(&Figures::INPUT_LATENCY_P50),
        whole(&Figures::INPUT_LATENCY_P99),
        whole(&Figures::QUEUE),
        whole(&Figures::LATE_TICKS),
        whole(&Figures::STARVING),
        whole(&Figures::MEMORY),
    );
    for mut overlay in &mut overlays {
        if overlay.0 != text {
            overlay.0.clone_from(&text);
        }
    }
}
