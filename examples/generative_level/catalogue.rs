//! The levels: pictures that come with the game, and the player's own.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task};
use bevy_genie::prelude::*;
use genie_examples::{assets, ordinary_file, picture};

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
    /// Whether it is a drawing of the player's.
    pub(crate) is_own: bool,
    /// Where it begins.
    pub(crate) prompt: GeniePrompt,
    /// Its picture on the screen.
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
            is_own: found.key.starts_with(Origin::Own.prefix()),
            key: found.key,
            name: found.name,
            thumbnail: images.add(GenieTexture::image(&found.picture)),
            prompt: found
                .saved
                .map_or_else(|| found.picture.into(), GeniePrompt::Saved),
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
    /// As [`Level::key`].
    pub(crate) key: String,
    name: String,
    picture: GeniePicture,
    /// The saved world that it goes on from, in place of the picture.
    saved: Option<PathBuf>,
    /// A run of it, from a replay file.
    pub(crate) run: Option<GenieReplay>,
}

/// Where a level comes from: files of one name from different places are different levels.
#[derive(Clone, Copy)]
enum Origin {
    /// It comes with the model.
    Shipped,
    /// A drawing of the player's.
    Own,
    /// Named with `--prompt`.
    Given,
    /// A saved world.
    World,
}

impl Origin {
    /// What the keys of its levels begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Shipped => "",
            Self::Own => "own-",
            Self::Given => "given-",
            Self::World => "world-",
        }
    }
}

impl Found {
    /// Reads a picture file.
    fn read(path: &Path, origin: Origin) -> Result<Self, picture::PictureError> {
        let picture = picture::read(path)?;
        Ok(Self::new(path, origin, picture))
    }

    fn new(path: &Path, origin: Origin, picture: GeniePicture) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.replace('_', " ");
        Self {
            key: format!("{}{stem}", origin.prefix()),
            name,
            picture,
            saved: None,
            run: None,
        }
    }

    /// Whether it goes on from a saved world.
    pub(crate) fn is_saved_world(&self) -> bool {
        self.saved.is_some()
    }

    /// Takes a file of the player's: a picture, a replay, whose run becomes the ghost, or a saved world. Pictures are kept among
    /// the drawings in `data`; one that cannot be kept can be played all the same, and the reason comes with it.
    ///
    /// # Errors
    /// In words, with the file's name, if it is none of these.
    pub(crate) fn adopt(path: &Path, data: &Path) -> Result<(Self, Option<String>), String> {
        let name = path.to_string_lossy();
        ordinary_file::check(path).map_err(|error| format!("{name}: {error}"))?;
        if name.ends_with(".world") {
            let mut found = Self::new(path, Origin::World, assets::sketch());
            found.saved = Some(path.to_owned());
            return Ok((found, None));
        }
        let run = if name.ends_with(".json") {
            Some(GenieReplay::read(path).map_err(|error| error.to_string())?)
        } else {
            None
        };
        let picture = match &run {
            Some(run) => run.prompt.clone(),
            None => small(picture::read(path).map_err(|error| error.to_string())?),
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = stem.trim_end_matches(".replay");
        let copy = free_name(&data.join(DRAWINGS), stem, &picture);
        let problem = picture::write_png(&copy, &picture).err();
        let mut found = Self::new(&copy, Origin::Own, picture);
        found.run = run;
        Ok((found, problem.map(|error| error.to_string())))
    }
}

/// The picture, no larger than is kept.
fn small(picture: GeniePicture) -> GeniePicture {
    let longest = picture.width().max(picture.height());
    if longest <= KEPT_EDGE {
        return picture;
    }
    let side = |edge: usize| (edge * KEPT_EDGE / longest).max(1);
    let (width, height) = (side(picture.width()), side(picture.height()));
    let fitted = picture.fitted(width, height, GenieFit::Crop);
    fitted.unwrap_or(picture)
}

/// A file that does not exist, or shows the same picture already: nothing takes another drawing's place.
fn free_name(folder: &Path, stem: &str, picture: &GeniePicture) -> PathBuf {
    let same = |path: &Path| picture::read(path).is_ok_and(|other| other == *picture);
    let mut path = folder.join(format!("{stem}.png"));
    let mut number = 2;
    while path.exists() && !same(&path) {
        path = folder.join(format!("{stem}_{number}.png"));
        number += 1;
    }
    path
}

/// The picture named with `--prompt`, which becomes the first level.
#[derive(Resource)]
pub(crate) struct FirstPrompt(pub(crate) Option<PathBuf>);

/// The pictures that come with the model.
#[derive(Resource)]
pub(crate) struct ShippedPrompts(pub(crate) Vec<PathBuf>);

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

fn begin_reading(
    session: Res<Session>,
    first: Res<FirstPrompt>,
    shipped: Res<ShippedPrompts>,
    mut commands: Commands,
) {
    let (data, first) = (session.data.clone(), first.0.clone());
    let mut shipped = shipped.0.clone();
    commands.insert_resource(Reading(IoTaskPool::get().spawn(async move {
        let whole = |path: &PathBuf| path.canonicalize().ok();
        let given = first.as_ref().and_then(whole);
        // One of them given as the first level is not shown twice.
        let mut own = assets::pictures(&data.join(DRAWINGS));
        let is_given = |path: &PathBuf| given.is_some() && whole(path) == given;
        let origin = if shipped.iter().any(is_given) {
            Origin::Shipped
        } else if own.iter().any(is_given) {
            Origin::Own
        } else {
            Origin::Given
        };
        shipped.retain(|path| !is_given(path));
        own.retain(|path| !is_given(path));
        let first = first.iter().map(|path| Found::read(path, origin));
        let shipped = shipped
            .iter()
            .map(|path| Found::read(path, Origin::Shipped));
        let own = own.iter().map(|path| Found::read(path, Origin::Own));
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
        let found = Found::new(Path::new("sketch"), Origin::Shipped, picture);
        catalogue.add(found, &mut images);
    }
    catalogue.complete = true;
    commands.remove_resource::<Reading>();
}
