//! The whole game: all screens and what they share.

use bevy::prelude::*;

use crate::{
    attract, best_runs, catalogue, dream, drop_picture, ghost, goals, hud, levels, menu, pause,
    play, result, rewind, saving, scripted, scroll, settings, settings_screen, sound, stage,
    states, sticks, title, toast,
};

/// The game. It wants a [`Session`](states::Session), a [`FirstPrompt`](catalogue::FirstPrompt) and
/// [`ShippedPrompts`](catalogue::ShippedPrompts) as resources.
pub(crate) struct GamePlugin;

impl Plugin for GamePlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins((
            states::StatesPlugin,
            toast::ToastPlugin,
            saving::SavingPlugin,
            sticks::SticksPlugin,
            settings::SettingsPlugin,
            best_runs::BestRunsPlugin,
            catalogue::CataloguePlugin,
            drop_picture::DropPicturePlugin,
            dream::DreamPlugin,
            goals::GoalsPlugin,
            sound::SoundPlugin,
        ))
        .add_plugins((
            stage::StagePlugin,
            menu::MenuPlugin,
            scroll::ScrollPlugin,
            title::TitlePlugin,
            attract::AttractPlugin,
            levels::LevelsPlugin,
            play::PlayPlugin,
            scripted::ScriptedPlugin,
            hud::HudPlugin,
            rewind::RewindPlugin,
            ghost::GhostPlugin,
        ))
        .add_plugins((
            pause::PausePlugin,
            result::ResultPlugin,
            settings_screen::SettingsScreenPlugin,
        ));
    }
}
