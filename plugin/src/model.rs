//! Checkpoints as Bevy assets.

use std::sync::Arc;

use bevy::asset::io::Reader;
use bevy::asset::{AssetLoader, LoadContext};
use bevy::prelude::*;
use bevy::reflect::TypePath;
use genie_model::checkpoint::Checkpoint;
use genie_model::{ActionLabel, GenieConfig};

/// A checkpoint: weights, configuration and action labels, shared by all worlds that use it.
///
/// Load one with the asset server (`*.genie.safetensors`), or make one with [`new`](Self::new) and add it to
/// `Assets<GenieModel>`. When the asset changes, its worlds start again.
#[derive(Asset, TypePath, Clone, Debug)]
pub struct GenieModel {
    checkpoint: Arc<Checkpoint>,
}

impl GenieModel {
    /// A model from a checkpoint in memory.
    pub fn new(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint: Arc::new(checkpoint),
        }
    }

    /// Its configuration: frame size, frames per second, sizes of its networks.
    pub fn config(&self) -> &GenieConfig {
        &self.checkpoint.config
    }

    /// One label per latent action.
    pub fn actions(&self) -> &[ActionLabel] {
        &self.checkpoint.actions
    }

    /// The whole checkpoint.
    pub fn checkpoint(&self) -> &Arc<Checkpoint> {
        &self.checkpoint
    }
}

/// Path of the world that is built into the program: a platformer in several themes. Needs the feature `embedded_model`.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_genie::prelude::*;
/// # let mut app = App::new();
/// # app.add_plugins((MinimalPlugins, AssetPlugin::default(), GeniePlugin::default()));
/// # let assets = app.world().resource::<AssetServer>();
/// let model: Handle<GenieModel> = assets.load(bevy_genie::EMBEDDED_MODEL);
/// ```
#[cfg(feature = "embedded_model")]
pub const EMBEDDED_MODEL: &str = "embedded://bevy_genie/platformer.genie.safetensors";

/// Puts the built-in world where the asset server finds it.
#[cfg(feature = "embedded_model")]
pub(crate) fn embed(app: &mut App) {
    use bevy::asset::io::embedded::EmbeddedAssetRegistry;

    let path = std::path::Path::new("bevy_genie/platformer.genie.safetensors");
    let registry = app.world_mut().resource_mut::<EmbeddedAssetRegistry>();
    registry.insert_asset(path.to_owned(), path, bevy_genie_platformer::PLATFORMER);
}

/// Loads [`GenieModel`] from `*.genie.safetensors`.
///
/// The whole file is read and checked in the asset server's task, so that a file that is damaged, or of another kind,
/// fails to load; the networks are built by the worker thread.
#[derive(Debug, Default, TypePath)]
pub struct GenieModelLoader;

impl AssetLoader for GenieModelLoader {
    type Asset = GenieModel;
    type Settings = ();
    type Error = genie_model::Error;

    async fn load(
        &self,
        reader: &mut dyn Reader,
        (): &(),
        context: &mut LoadContext<'_>,
    ) -> Result<GenieModel, Self::Error> {
        let source_name = context.path().to_string();
        let mut bytes = Vec::new();
        reader
            .read_to_end(&mut bytes)
            .await
            .map_err(|error| genie_model::CheckpointError::Io {
                source_name: source_name.clone(),
                error,
            })?;
        Ok(GenieModel::new(Checkpoint::from_bytes(
            &source_name,
            &bytes,
        )?))
    }

    fn extensions(&self) -> &[&str] {
        &["genie.safetensors"]
    }
}
