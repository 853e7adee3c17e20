//! A game in a real window under real key presses: keys go in through the X server's own test extension, and what comes
//! out is read back from the screen. Needs a display and a graphics adapter (virtual ones will do), so it runs only when
//! `GENIE_WINDOWED_TESTS` is set; `.ci/windowed` sets all of it up.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::HashSet;
use std::io::IoSlice;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use genie_tests::example;
use image::RgbImage;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt, ImageFormat, InputFocus, Window};
use x11rb::rust_connection::RustConnection;

/// Long enough for any machine; only a hang takes it.
const PATIENCE: Duration = Duration::from_mins(2);
/// Codes of keys by what is written on them, as X names them.
const RIGHT: u32 = 0xff53;
const R: u32 = 0x72;

/// What a person has of a computer: a screen to look at and keys to press.
struct Desk {
    x: RustConnection,
    root: Window,
    /// Number of the extension that presses keys.
    xtest: u8,
}

impl Desk {
    fn new() -> Self {
        let (x, screen) = x11rb::connect(None).unwrap();
        let root = x.setup().roots[screen].root;
        let xtest = x.query_extension(b"XTEST").unwrap().reply().unwrap();
        assert!(xtest.present, "the X server cannot be sent test keys");
        Self {
            x,
            root,
            xtest: xtest.major_opcode,
        }
    }

    /// The window with this title, once it is there.
    fn window(&self, title: &str) -> Option<Window> {
        let children = self
            .x
            .query_tree(self.root)
            .unwrap()
            .reply()
            .unwrap()
            .children;
        children.into_iter().find(|&window| {
            let any = AtomEnum::ANY;
            let name = self
                .x
                .get_property(false, window, AtomEnum::WM_NAME, any, 0, 64);
            name.unwrap()
                .reply()
                .is_ok_and(|name| name.value == title.as_bytes())
        })
    }

    /// Without a window manager nobody else gives the window the keyboard.
    fn focus(&self, window: Window) {
        let focus = self.x.set_input_focus(InputFocus::PARENT, window, 0u32);
        focus.unwrap().check().unwrap();
    }

    fn key(&self, symbol: u32, down: bool) {
        let setup = self.x.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.x.get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.unwrap().reply().unwrap();
        let per_key = usize::from(mapping.keysyms_per_keycode);
        let keys = &mut mapping.keysyms.chunks(per_key);
        let key = keys.position(|symbols| symbols[0] == symbol).unwrap() as u8 + first;
        // The request FakeInput: its length in words, the event, the key; no delay, no pointer, any device.
        let mut request = [0u8; 36];
        request[0] = self.xtest;
        request[1] = 2;
        request[2..4].copy_from_slice(&9u16.to_ne_bytes());
        request[4] = if down { 2 } else { 3 };
        request[5] = key;
        let request = [IoSlice::new(&request)];
        self.x
            .send_request_without_reply(&request, Vec::new())
            .unwrap();
        self.x.flush().unwrap();
    }

    /// What the screen shows where the window is.
    fn look_at(&self, window: Window) -> RgbImage {
        let place = self.x.get_geometry(window).unwrap().reply().unwrap();
        let (width, height) = (place.width, place.height);
        let shot = self.x.get_image(
            ImageFormat::Z_PIXMAP,
            self.root,
            place.x,
            place.y,
            width,
            height,
            !0,
        );
        let shot = shot.unwrap().reply().unwrap();
        assert_eq!(
            shot.data.len(),
            usize::from(width) * usize::from(height) * 4
        );
        let pixels = shot.data.chunks_exact(4).flat_map(|p| [p[2], p[1], p[0]]);
        RgbImage::from_raw(width.into(), height.into(), pixels.collect()).unwrap()
    }
}

/// A game that ends with the test.
struct Game(Child);

impl Drop for Game {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The part of the level to the right of the hero, which stays in one column and may jump there.
fn level(shot: &RgbImage) -> RgbImage {
    let (width, height) = shot.dimensions();
    image::imageops::crop_imm(shot, width * 5 / 8, height / 8, width / 4, height * 5 / 8).to_image()
}

/// Share of the pixels that differ visibly.
fn changed(a: &RgbImage, b: &RgbImage) -> f64 {
    let differs = |(a, b): (&image::Rgb<u8>, &image::Rgb<u8>)| {
        let apart = |i: usize| u32::from(a.0[i].abs_diff(b.0[i]));
        apart(0) + apart(1) + apart(2) > 40
    };
    let count = a
        .pixels()
        .zip(b.pixels())
        .filter(|pair| differs(*pair))
        .count();
    count as f64 / f64::from(a.width() * a.height())
}

fn wait_for<T>(game: &mut Game, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        let ended = game.0.try_wait().unwrap();
        assert!(ended.is_none(), "the game ended before {what}: {ended:?}");
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn holding_a_key_moves_the_level_and_letting_go_stops_it() {
    if std::env::var_os("GENIE_WINDOWED_TESTS").is_none() {
        println!("skipped: GENIE_WINDOWED_TESTS is not set");
        return;
    }
    let desk = Desk::new();
    let mut game = Game(Command::new(example("generative_level")).spawn().unwrap());
    let window = wait_for(&mut game, "the window", || desk.window("Generative level"));
    wait_for(&mut game, "the level", || {
        let shot = level(&desk.look_at(window));
        let colours: HashSet<_> = shot.pixels().map(|pixel| pixel.0).collect();
        (colours.len() > 8).then_some(())
    });
    desk.focus(window);
    let press = |symbol| {
        desk.key(symbol, true);
        std::thread::sleep(Duration::from_millis(200));
        desk.key(symbol, false);
    };
    // R goes back to the picture.
    press(R);
    let start = level(&desk.look_at(window));
    desk.key(RIGHT, true);
    let pressed = Instant::now();
    let run = wait_for(&mut game, "the level to move under the key", || {
        let change = changed(&start, &level(&desk.look_at(window)));
        (change > 0.2).then_some(change)
    });
    let took = pressed.elapsed();
    desk.key(RIGHT, false);
    press(R);
    wait_for(&mut game, "the picture after a restart", || {
        (changed(&start, &level(&desk.look_at(window))) < 0.08).then_some(())
    });
    // Left alone for as long, the level stays where it is.
    let mut rest: f64 = 0.0;
    let alone = Instant::now();
    while alone.elapsed() < took {
        rest = rest.max(changed(&start, &level(&desk.look_at(window))));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        rest < run / 3.0,
        "moved {run:.2} under the key, {rest:.2} without"
    );
}
