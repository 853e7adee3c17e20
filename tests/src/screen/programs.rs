//! The two programs of the project on the screen, and what they show once they have begun. Parts of a window are in thousandths: left,
//! top, width, height.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use image::RgbImage;
use x11rb::protocol::xproto::Window;

use super::{Program, Screen, changed, colours, key, part, share_of};
use crate::example;

/// In a level, to the right of the hero, which stays in one column and may jump there.
pub const LEVEL: [u32; 4] = [550, 250, 150, 500];
/// At the middle of the upper edge of a level: name, score and coins.
const HUD: [u32; 4] = [150, 0, 700, 70];
/// The canvas of the editor.
pub const CANVAS: [u32; 4] = [65, 130, 290, 470];
/// Its world.
pub const VIEWPORT: [u32; 4] = [490, 165, 240, 380];
/// The lower right corner, where messages of both come up.
pub const CORNER: [u32; 4] = [500, 750, 500, 220];
/// What is selected in the game, and its coins.
pub const GOLD: [u8; 3] = [255, 209, 82];
/// What has gone wrong.
pub const RED: [u8; 3] = [245, 107, 97];
/// Behind everything in the game.
pub const NIGHT: [u8; 3] = [14, 15, 22];
/// The colour that the editor's hand holds at first.
pub const BLUE: [u8; 3] = [152, 212, 248];
/// Behind pictures in the editor.
const BACKGROUND: [u8; 3] = [17, 18, 24];

/// A picture to start from that comes with the project.
pub fn prompt(name: &str) -> PathBuf {
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/prompts");
    prompts.join(name)
}

/// Whether something is selected, or there are coins.
pub fn has_gold(shot: &RgbImage) -> bool {
    share_of(shot, GOLD, 12) > 0.001
}

/// Whether a message in the corner says that something has gone wrong.
pub fn has_refusal(shot: &RgbImage) -> bool {
    share_of(&part(shot, CORNER), RED, 12) > 0.001
}

impl Screen {
    /// The game, which keeps its files in `data`, in a window of this size.
    pub fn game(&self, data: &Path, options: &[&str], size: (u32, u32)) -> Program {
        let mut command = Command::new(example("generative_level"));
        command.args(options).env("XDG_DATA_HOME", data);
        self.start(command, "Generative level", Some(size))
    }

    /// The editor, which keeps its files in `data`, in a window of this size.
    pub fn editor(&self, data: &Path, options: &[&str], size: (u32, u32)) -> Program {
        let mut command = Command::new(example("prompt_editor"));
        command.args(options).env("XDG_DATA_HOME", data);
        command.current_dir(data);
        self.start(command, "Prompt editor", Some(size))
    }

    /// From the title of the game to a level that moves, in a window of 1280 x 720 pixels: two keys.
    pub fn begin_level(&self, game: &mut Program) {
        self.wait(game, "the title", |window| {
            has_gold(&part(&self.look_at(window), [250, 200, 500, 250])).then_some(())
        });
        self.tap(key::ENTER);
        self.wait(game, "the levels", |window| {
            (colours(&part(&self.look_at(window), [0, 100, 1000, 500])) > 60).then_some(())
        });
        self.tap(key::ENTER);
        self.wait(game, "the level", |window| {
            let shot = self.look_at(window);
            let hud = part(&shot, HUD);
            let hud = share_of(&hud, NIGHT, 6) > 0.5 && has_gold(&hud);
            (hud && colours(&part(&shot, LEVEL)) > 8).then_some(())
        });
    }

    /// In the editor, in a window of 1280 x 800 pixels, picture and world are there, and nothing moves any more. Until the model has
    /// taken in the picture, words stand in its place.
    pub fn editor_rests(&self, editor: &mut Program) {
        let areas = |window| {
            let shot = self.look_at(window);
            [part(&shot, CANVAS), part(&shot, VIEWPORT)]
        };
        let mut last = areas(editor.window);
        self.wait(editor, "the picture and its world, at rest", |window| {
            std::thread::sleep(Duration::from_millis(500));
            let before = std::mem::replace(&mut last, areas(window));
            let there = |area: &RgbImage| colours(area) > 8 && share_of(area, BACKGROUND, 8) < 0.5;
            let still = |(a, b)| changed(a, b) < 0.001;
            let rests = before.iter().zip(&last).all(still);
            (rests && last.iter().all(there)).then_some(())
        });
    }

    /// How much blue is on the editor's canvas.
    pub fn blue_on_canvas(&self, editor: Window) -> f64 {
        share_of(&part(&self.look_at(editor), CANVAS), BLUE, 10)
    }

    /// Draws a rectangle of the first colour on the editor's canvas.
    pub fn paint_rectangle(&self) {
        self.tap(u32::from(b'r'));
        self.drag((120, 160), (300, 230));
    }
}
