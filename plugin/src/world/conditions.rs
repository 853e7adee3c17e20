//! Run conditions: when a game's systems make sense.

use bevy::prelude::*;

use crate::world::component::{GenieStatus, GenieWorld};

/// Run condition: at least one world has shown its prompt and has not failed since.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_genie::prelude::*;
/// # fn keep_score() {}
/// # let mut app = App::new();
/// app.add_systems(Update, keep_score.run_if(any_world_ready));
/// ```
pub fn any_world_ready(worlds: Query<&GenieStatus, With<GenieWorld>>) -> bool {
    worlds.iter().any(|status| status.phase.is_alive())
}

/// Run condition: there are worlds, and each of them has shown its prompt and has not failed since.
pub fn all_worlds_ready(worlds: Query<&GenieStatus, With<GenieWorld>>) -> bool {
    !worlds.is_empty() && worlds.iter().all(|status| status.phase.is_alive())
}

/// Run condition: a world with the game's component `M` has shown its prompt and has not failed since.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_genie::prelude::*;
/// #[derive(Component)]
/// struct Level;
/// # fn move_enemies() {}
/// # let mut app = App::new();
/// app.add_systems(Update, move_enemies.run_if(world_is_ready::<Level>));
/// ```
pub fn world_is_ready<M: Component>(
    worlds: Query<&GenieStatus, (With<GenieWorld>, With<M>)>,
) -> bool {
    worlds.iter().any(|status| status.phase.is_alive())
}
