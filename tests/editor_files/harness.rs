//! The editor's files, without its window.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bevy::prelude::*;
use bevy::window::FileDragAndDrop;
use genie_tests::Patience;

use crate::drawing::Canvas;
use crate::files::{Files, FilesPlugin};
use crate::project::Project;
use crate::toasts::Toasts;

/// The editor, as far as files go.
pub(crate) fn editor(data: &Path) -> App {
    let mut app = App::new();
    app.add_plugins(MinimalPlugins)
        .add_message::<FileDragAndDrop>()
        .insert_resource(Files::new(data.to_owned()))
        .init_resource::<Project>()
        .init_resource::<Toasts>()
        .add_plugins(FilesPlugin);
    app.update();
    app
}

/// Opens a file and waits until it is there.
pub(crate) fn open(app: &mut App, path: &Path) {
    app.world_mut().resource_mut::<Files>().open(path);
    at_rest(app);
}

/// Waits until nothing is being read or written.
pub(crate) fn at_rest(app: &mut App) {
    let mut patience = Patience::with_this_process();
    app.update();
    while app.world().resource::<Files>().busy() {
        assert!(!patience.is_over());
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Ends the program as it ends when its window is closed.
pub(crate) fn close(mut app: App) {
    app.world_mut().write_message(AppExit::Success);
    app.update();
}

pub(crate) fn project(app: &App) -> &Project {
    app.world().resource()
}

pub(crate) fn paint(app: &mut App, colour: [u8; 3]) -> Canvas {
    let canvas = Canvas::filled(64, 64, colour);
    let mut project = app.world_mut().resource_mut::<Project>();
    project.change(canvas.clone());
    canvas
}

pub(crate) fn picture(folder: &Path, colour: [u8; 3]) -> PathBuf {
    let path = folder.join(format!("{}.png", colour[0]));
    let picture = image::RgbImage::from_pixel(64, 64, image::Rgb(colour));
    picture.save(&path).unwrap();
    path
}
