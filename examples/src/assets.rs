//! The workspace's assets, wherever the example is started from.

use std::path::{Path, PathBuf};

use bevy_genie::GeniePicture;

/// The shipped world, within the assets folder.
pub const MODEL: &str = "models/platformer.genie.safetensors";

/// The `assets` folder: next to the example's package, or the nearest one at or above the current directory.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = std::env::current_dir().ok();
    let starts = manifest.iter().chain(&here).flat_map(|dir| dir.ancestors());
    starts
        .map(|dir| dir.join("assets"))
        .find(|assets| assets.join("models").is_dir())
        .unwrap_or_else(|| PathBuf::from("assets"))
}

/// The pictures in the folder `prompts` of `root`, sorted by name.
pub fn prompts(root: &Path) -> Vec<PathBuf> {
    pictures(&root.join("prompts"))
}

/// The pictures to start the world of a checkpoint from: those in the folder beside it that `genie dream` writes (`my.prompts` for
/// `my.genie.safetensors`), or the shipped ones. A path that is no file is one within the assets.
pub fn prompts_of(model: &Path) -> Vec<PathBuf> {
    let model = if model.exists() {
        model.to_owned()
    } else {
        root().join(model)
    };
    let name = model
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let stem = name.as_deref().map(|name| {
        [".genie.safetensors", ".safetensors"]
            .iter()
            .find_map(|known| name.strip_suffix(known))
            .unwrap_or(name)
    });
    let own = stem.map(|stem| pictures(&model.with_file_name(format!("{stem}.prompts"))));
    own.filter(|own| !own.is_empty())
        .unwrap_or_else(|| prompts(&root()))
}

/// The PNG pictures in a folder, sorted by name; none if there is no such folder.
pub fn pictures(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut pictures: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .collect();
    pictures.sort();
    pictures
}

/// A picture of last resort, for when there is no prompt at all: a figure on the ground under the sky.
pub fn sketch() -> GeniePicture {
    let mut rgb = Vec::with_capacity(64 * 64 * 3);
    for y in 0..64 {
        for x in 0..64 {
            rgb.extend(match (x, y) {
                (28..36, 38..48) => [200, 60, 50],
                (_, 48..50) => [90, 170, 70],
                (_, 50..) => [120, 80, 50],
                _ => [130, 190, 240],
            });
        }
    }
    GeniePicture::from_rgb(64, 64, rgb)
        .unwrap_or_else(|_| GeniePicture::filled(64, 64, [130, 190, 240]))
}
