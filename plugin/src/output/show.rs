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
        material::build_3d(app);
        #[cfg(feature = "mesh2d")]
        material::build_2d(app);
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
        // Bounds computed from the default image would stay those of one pixel.
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

#[cfg(any(feature = "pbr", feature = "mesh2d"))]
mod material {
    use bevy::asset::AsAssetId;
    use bevy::asset::prelude::AssetChanged;
    use bevy::prelude::*;

    use super::{Changes, GenieTexture};
    use crate::settings::GenieSystems;

    /// A material with a place for a texture.
    trait Textured: Asset {
        fn texture(&self) -> Option<&Handle<Image>>;
        fn set_texture(&mut self, texture: Handle<Image>);
    }

    #[cfg(feature = "pbr")]
    impl Textured for bevy::pbr::StandardMaterial {
        fn texture(&self) -> Option<&Handle<Image>> {
            self.base_color_texture.as_ref()
        }

        fn set_texture(&mut self, texture: Handle<Image>) {
            self.base_color_texture = Some(texture);
        }
    }

    #[cfg(feature = "mesh2d")]
    impl Textured for bevy::sprite_render::ColorMaterial {
        fn texture(&self) -> Option<&Handle<Image>> {
            self.texture.as_ref()
        }

        fn set_texture(&mut self, texture: Handle<Image>) {
            self.texture = Some(texture);
        }
    }

    #[cfg(feature = "pbr")]
    pub(super) fn build_3d(app: &mut App) {
        use bevy::pbr::{MeshMaterial3d, StandardMaterial};
        build::<MeshMaterial3d<StandardMaterial>, StandardMaterial>(app);
    }

    #[cfg(feature = "mesh2d")]
    pub(super) fn build_2d(app: &mut App) {
        use bevy::sprite_render::{ColorMaterial, MeshMaterial2d};
        build::<MeshMaterial2d<ColorMaterial>, ColorMaterial>(app);
    }

    fn build<C: Component + AsAssetId<Asset = M>, M: Textured>(app: &mut App) {
        app.add_systems(
            PostUpdate,
            show_on_materials::<C, M>
                .after(GenieSystems::Dispatch)
                .run_if(resource_exists::<Assets<M>>),
        );
    }

    /// The material may be loaded later than the world is spawned.
    #[allow(clippy::type_complexity)] // What has changed is said by types.
    fn show_on_materials<C: Component + AsAssetId<Asset = M>, M: Textured>(
        worlds: Query<(&GenieTexture, &C), Or<(Changes<C>, AssetChanged<C>)>>,
        mut materials: ResMut<Assets<M>>,
    ) {
        for (texture, component) in &worlds {
            let id = component.as_asset_id();
            let empty = |material: &M| material.texture().is_none();
            if texture.0 != Handle::default()
                && materials.get(id).is_some_and(empty)
                && let Some(mut material) = materials.get_mut(id)
            {
                material.set_texture(texture.0.clone());
            }
        }
    }
}
