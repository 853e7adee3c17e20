//! Sprites, images of the user interface and materials on a world's own entity show its frames.

use bevy::prelude::*;

#[cfg(any(
    feature = "sprite",
    feature = "ui",
    feature = "pbr",
    feature = "mesh2d"
))]
use crate::output::frame::GenieTexture;

/// Worlds whose texture, or the component `T` that is to show it, has changed.
#[cfg(any(
    feature = "sprite",
    feature = "ui",
    feature = "pbr",
    feature = "mesh2d"
))]
type Changes<T> = Or<(Changed<GenieTexture>, Changed<T>)>;

/// Puts the texture of a world where its entity has a place for it. What already shows an image stays as it is.
pub(crate) struct ShowPlugin;

impl Plugin for ShowPlugin {
    fn build(&self, app: &mut App) {
        #[cfg(feature = "sprite")]
        sprite::build(app);
        #[cfg(feature = "ui")]
        ui::build(app);
        #[cfg(feature = "pbr")]
        pbr::build(app);
        #[cfg(feature = "mesh2d")]
        mesh2d::build(app);
        let _ = app;
    }
}

#[cfg(feature = "sprite")]
mod sprite {
    use bevy::camera::visibility::VisibilitySystems;
    use bevy::prelude::*;

    use super::{Changes, GenieTexture};
    use crate::settings::GenieSystems;

    pub(super) fn build(app: &mut App) {
        // Bounds of the default image would be those of one pixel for good.
        app.add_systems(
            PostUpdate,
            show_on_sprites
                .after(GenieSystems::Dispatch)
                .before(VisibilitySystems::CalculateBounds),
        );
    }

    fn show_on_sprites(mut worlds: Query<(&GenieTexture, &mut Sprite), Changes<Sprite>>) {
        for (texture, mut sprite) in &mut worlds {
            if sprite.image == Handle::default() && texture.0 != Handle::default() {
                sprite.image = texture.0.clone();
            }
        }
    }
}

#[cfg(feature = "ui")]
mod ui {
    use bevy::image::TRANSPARENT_IMAGE_HANDLE;
    use bevy::prelude::*;
    use bevy::ui::UiSystems;

    use super::{Changes, GenieTexture};
    use crate::settings::GenieSystems;

    pub(super) fn build(app: &mut App) {
        app.add_systems(
            PostUpdate,
            show_on_images
                .after(GenieSystems::Dispatch)
                .before(UiSystems::Content),
        );
    }

    fn show_on_images(mut worlds: Query<(&GenieTexture, &mut ImageNode), Changes<ImageNode>>) {
        for (texture, mut node) in &mut worlds {
            let empty = [Handle::default(), TRANSPARENT_IMAGE_HANDLE].contains(&node.image);
            if empty && texture.0 != Handle::default() {
                node.image = texture.0.clone();
            }
        }
    }
}

#[cfg(feature = "pbr")]
mod pbr {
    use bevy::asset::prelude::AssetChanged;
    use bevy::pbr::{MeshMaterial3d, StandardMaterial};
    use bevy::prelude::*;

    use super::{Changes, GenieTexture};
    use crate::settings::GenieSystems;

    type Material = MeshMaterial3d<StandardMaterial>;
    type MaterialChanges = Or<(Changes<Material>, AssetChanged<Material>)>;

    pub(super) fn build(app: &mut App) {
        app.add_systems(
            PostUpdate,
            show_on_materials
                .after(GenieSystems::Dispatch)
                .run_if(resource_exists::<Assets<StandardMaterial>>),
        );
    }

    /// The material may be loaded later than the world is spawned.
    fn show_on_materials(
        worlds: Query<(&GenieTexture, &Material), MaterialChanges>,
        mut materials: ResMut<Assets<StandardMaterial>>,
    ) {
        for (texture, material) in &worlds {
            let empty = |material: &StandardMaterial| material.base_color_texture.is_none();
            if texture.0 != Handle::default()
                && materials.get(&material.0).is_some_and(empty)
                && let Some(mut material) = materials.get_mut(&material.0)
            {
                material.base_color_texture = Some(texture.0.clone());
            }
        }
    }
}

#[cfg(feature = "mesh2d")]
mod mesh2d {
    use bevy::asset::prelude::AssetChanged;
    use bevy::prelude::*;
    use bevy::sprite_render::{ColorMaterial, MeshMaterial2d};

    use super::{Changes, GenieTexture};
    use crate::settings::GenieSystems;

    type Material = MeshMaterial2d<ColorMaterial>;
    type MaterialChanges = Or<(Changes<Material>, AssetChanged<Material>)>;

    pub(super) fn build(app: &mut App) {
        app.add_systems(
            PostUpdate,
            show_on_materials
                .after(GenieSystems::Dispatch)
                .run_if(resource_exists::<Assets<ColorMaterial>>),
        );
    }

    /// The material may be loaded later than the world is spawned.
    fn show_on_materials(
        worlds: Query<(&GenieTexture, &Material), MaterialChanges>,
        mut materials: ResMut<Assets<ColorMaterial>>,
    ) {
        for (texture, material) in &worlds {
            let empty = |material: &ColorMaterial| material.texture.is_none();
            if texture.0 != Handle::default()
                && materials.get(&material.0).is_some_and(empty)
                && let Some(mut material) = materials.get_mut(&material.0)
            {
                material.texture = Some(texture.0.clone());
            }
        }
    }
}
