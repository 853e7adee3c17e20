//! The levels: pictures that come with the game, and the player's own.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task};
use bevy_genie::prelude::*;
use genie_examples::{assets, picture};

use crate::states::{GameSystems, Session};
use crate::toast::Toast;

/// Folder of the player's own pictures, within the game's data.
const DRAWINGS: &str = "drawings";
/// Own pictures are kept with at most so many pixels on an edge.
const KEPT_EDGE: usize = 256;

/// A picture to start from.
#[derive(Clone)]
pub(crate) struct Level {
    /// What its best run is kept under.
    pub(crate) key: String,
    /// What it is called on the screen.
    pub(crate) name: String,
    /// The picture.
    pub(crate) picture: GeniePicture,
    /// The picture for the screen.
    pub(crate) thumbnail: Handle<Image>,
}

/// All levels, and the one that is chosen.
#[derive(Resource, Default)]
pub(crate) struct Catalogue {
    /// In the order in which they are shown.
    pub(crate) levels: Vec<Level>,
    /// The one that is played, or was last.
    pub(crate) chosen: usize,
    /// Whether all that was there at the start has been read.
    pub(crate) complete: bool,
}

impl Catalogue {
    /// The chosen level, once there is one.
    pub(crate) fn level(&self) -> Option<&Level> {
        self.levels.get(self.chosen)
    }

    /// Adds a level, or changes the picture of the one with its key; returns its number.
    pub(crate) fn add(&mut self, found: Found, images: &mut Assets<Image>) -> usize {
        let level = Level {
            key: found.key,
            name: found.name,
            thumbnail: images.add(GenieTexture::image(&found.picture)),
            picture: found.picture,
        };
        let known = self.levels.iter().position(|other| other.key == level.key);
        if let Some(number) = known {
            self.levels[number] = level;
            return number;
        }
        self.levels.push(level);
        self.levels.len() - 1
    }
}

/// A level as it was found on the disk.
pub(crate) struct Found {
    key: String,
    name: String,
    picture: GeniePicture,
}

impl Found {
    /// Reads a picture file; `own` for those of the player.
    fn read(path: &Path, own: bool) -> Result<Self, picture::PictureError> {
        let picture = picture::read(path)?;
        Ok(Self::new(path, own, picture))
    }

    fn new(path: &Path, own: bool, picture: GeniePicture) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.replace('_', " ");
        let key = format!("{}{stem}", if own { "own-" } else { "" });
        Self { key, name, picture }
    }

    /// Reads the player's picture at `path` and keeps a copy of it among the drawings in `data`. The picture can be played
    /// even if no copy can be kept; the reason comes with it.
    ///
    /// # Errors
    /// If it is no picture.
    pub(crate) fn adopt(
        path: &Path,
        data: &Path,
    ) -> Result<(Self, Option<picture::PictureError>), picture::PictureError> {
        let whole = picture::read(path)?;
        let longest = whole.width().max(whole.height());
        let kept = if longest > KEPT_EDGE {
            let side = |edge: usize| (edge * KEPT_EDGE / longest).max(1);
            let (width, height) = (side(whole.width()), side(whole.height()));
            whole.fitted(width, height, GenieFit::Crop).unwrap_or(whole)
        } else {
            whole
        };
        let stem = path.file_stem().unwrap_or_default();
        let copy = data.join(DRAWINGS).join(stem).with_extension("png");
        let problem = picture::write_png(&copy, &kept).err();
        Ok((Self::new(&copy, true, kept), problem))
    }
}

/// The picture named with `--prompt`, which becomes the first level.
#[derive(Resource)]
pub(crate) struct FirstPrompt(pub(crate) Option<PathBuf>);

/// Reads the levels without holding anything up.
pub(crate) struct CataloguePlugin;

impl Plugin for CataloguePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Catalogue>()
            .add_systems(Startup, begin_reading)
            .add_systems(
                Update,
                take_in
                    .run_if(resource_exists::<Reading>)
                    .in_set(GameSystems),
            );
    }
}

type ReadAll = Vec<Result<Found, picture::PictureError>>;

#[derive(Resource)]
struct Reading(Task<ReadAll>);

fn begin_reading(session: Res<Session>, first: Res<FirstPrompt>, mut commands: Commands) {
    let (data, first) = (session.data.clone(), first.0.clone());
    commands.insert_resource(Reading(IoTaskPool::get().spawn(async move {
        let whole = |path: &PathBuf| path.canonicalize().ok();
        let given = first.as_ref().and_then(whole);
        let mut shipped = assets::prompts(&assets::root());
        // One of them given as the first level is not shown twice.
        let known = shipped
            .iter()
            .any(|path| given.is_some() && whole(path) == given);
        shipped.retain(|path| given.is_none() || whole(path) != given);
        let first = first.iter().map(|path| Found::read(path, !known));
        let shipped = shipped.iter().map(|path| Found::read(path, false));
        let own = assets::pictures(&data.join(DRAWINGS));
        let own = own.iter().map(|path| Found::read(path, true));
        first.chain(shipped).chain(own).collect()
    })));
}

fn take_in(
    mut reading: ResMut<Reading>,
    mut catalogue: ResMut<Catalogue>,
    mut images: ResMut<Assets<Image>>,
    mut toasts: MessageWriter<Toast>,
    mut commands: Commands,
) {
    let Some(all) = check_ready(&mut reading.0) else {
        return;
    };
    for found in all {
        match found {
            Ok(found) => {
                catalogue.add(found, &mut images);
            }
            Err(error) => {
                toasts.write(Toast::error(error));
            }
        }
    }
    if catalogue.levels.is_empty() {
        let picture = assets::sketch();
        let found = Found::new(Path::new("sketch"), false, picture);
        catalogue.add(found, &mut images);
    }
    catalogue.complete = true;
    commands.remove_resource::<Reading>();
}
