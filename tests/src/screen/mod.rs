//! A screen to look at, with keys to press, a mouse, and files to drop. Everything goes through the X server as if a
//! person did it.

mod drop;
mod look;
pub mod programs;

use std::io::IoSlice;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use image::RgbImage;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask, ImageFormat,
    InputFocus, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::patience::Patience;
pub use look::{changed, colours, part, share_of};

/// Codes of keys by what is written on them, as X names them. Letters and digits are their ASCII codes.
pub mod key {
    #![allow(missing_docs)] // The names say it all.
    pub const BACKSPACE: u32 = 0xff08;
    pub const TAB: u32 = 0xff09;
    pub const ENTER: u32 = 0xff0d;
    pub const ESCAPE: u32 = 0xff1b;
    pub const LEFT: u32 = 0xff51;
    pub const UP: u32 = 0xff52;
    pub const RIGHT: u32 = 0xff53;
    pub const DOWN: u32 = 0xff54;
    pub const CONTROL: u32 = 0xffe3;
    pub const SHIFT: u32 = 0xffe1;
    pub const F1: u32 = 0xffbe;
    pub const SPACE: u32 = 0x20;
}

/// Whether windowed tests are to be run: `.ci/windowed` sets the variable and brings a screen.
pub fn windowed() -> bool {
    let wanted = std::env::var_os("GENIE_WINDOWED_TESTS").is_some();
    if !wanted {
        println!("skipped: GENIE_WINDOWED_TESTS is not set");
    }
    wanted
}

/// There is one keyboard, so that tests of one process come one after the other.
static TURN: Mutex<()> = Mutex::new(());

/// A connection to the screen.
pub struct Screen {
    _turn: MutexGuard<'static, ()>,
    x: RustConnection,
    root: Window,
    /// Number of the extension that presses keys.
    xtest: u8,
}

/// A program with a window, ended with the test.
pub struct Program {
    child: Child,
    /// Its window.
    pub window: Window,
    title: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[allow(clippy::unwrap_used)] // Only tests come here, and they fail by panicking.
impl Screen {
    /// The screen of the display that the environment names.
    ///
    /// # Panics
    /// If there is none, or it cannot be sent keys.
    #[allow(clippy::new_without_default)] // It does more than that.
    pub fn new() -> Self {
        // A server that has just seen its last client go may begin anew first.
        let mut connected = x11rb::connect(None);
        for _ in 0..20 {
            if connected.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(250));
            connected = x11rb::connect(None);
        }
        let (x, number) = connected.unwrap();
        let root = x.setup().roots[number].root;
        let xtest = x.query_extension(b"XTEST").unwrap().reply().unwrap();
        assert!(xtest.present, "the X server cannot be sent test keys");
        Self {
            // A test that has failed leaves nothing behind that matters.
            _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner),
            x,
            root,
            xtest: xtest.major_opcode,
        }
    }

    /// Starts a program, waits for its window of this title, moves it to the corner of the screen and gives it the keys.
    ///
    /// # Panics
    /// If no window comes.
    pub fn start(&self, mut command: Command, title: &str, size: Option<(u32, u32)>) -> Program {
        let mut program = Program {
            child: command.spawn().unwrap(),
            window: 0,
            title: title.to_owned(),
        };
        program.window = self.wait(&mut program, "its window", |_| self.window(title));
        let place = ConfigureWindowAux::new().x(0).y(0);
        let place = match size {
            Some((width, height)) => place.width(width).height(height),
            None => place,
        };
        self.x.configure_window(program.window, &place).unwrap();
        self.focus(program.window);
        program
    }

    /// The window with this title, once it is there.
    fn window(&self, title: &str) -> Option<Window> {
        let tree = self.x.query_tree(self.root).unwrap().reply().unwrap();
        tree.children.into_iter().find(|&window| {
            let any = AtomEnum::ANY;
            let name = self
                .x
                .get_property(false, window, AtomEnum::WM_NAME, any, 0, 64);
            let attributes = self.x.get_window_attributes(window).unwrap().reply();
            name.unwrap()
                .reply()
                .is_ok_and(|name| name.value == title.as_bytes())
                && attributes
                    .is_ok_and(|a| a.map_state == x11rb::protocol::xproto::MapState::VIEWABLE)
        })
    }

    /// Without a window manager nobody else gives the window the keyboard.
    fn focus(&self, window: Window) {
        let focus = self.x.set_input_focus(InputFocus::PARENT, window, 0u32);
        focus.unwrap().check().unwrap();
    }

    /// Waits until a program shows what it should.
    ///
    /// # Panics
    /// If the program ends, does nothing for long, or works for long in vain; never because it is slow.
    pub fn wait<T>(
        &self,
        program: &mut Program,
        what: &str,
        mut look: impl FnMut(Window) -> Option<T>,
    ) -> T {
        let mut patience = Patience::with(program.child.id());
        loop {
            if let Some(seen) = look(program.window) {
                return seen;
            }
            let ended = program.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "{} ended before {what}: {ended:?}",
                program.title
            );
            if patience.is_over() {
                if program.window != 0 {
                    self.keep(program.window, "waited_in_vain");
                }
                panic!("{}: waited in vain for {what}", program.title);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The program's exit, waited for.
    ///
    /// # Panics
    /// If it does not end.
    pub fn wait_for_exit(&self, program: &mut Program) -> std::process::ExitStatus {
        let mut patience = Patience::with(program.child.id());
        loop {
            if let Some(status) = program.child.try_wait().unwrap() {
                return status;
            }
            assert!(!patience.is_over(), "{} does not end", program.title);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether a program has not ended.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn running(&self, program: &mut Program) -> bool {
        program.child.try_wait().unwrap().is_none()
    }

    /// What the program has written to its piped output.
    pub fn output(&self, program: &mut Program) -> Option<std::process::ChildStdout> {
        program.child.stdout.take()
    }

    /// Ends a program as a crash would.
    pub fn kill(&self, program: &mut Program) {
        let _ = program.child.kill();
        let _ = program.child.wait();
    }

    /// Asks a program to close its window, as a window manager does when its cross is clicked.
    ///
    /// # Panics
    /// If the X server is gone.
    pub fn close(&self, program: &Program) {
        let atom = |name: &[u8]| {
            let atom = self.x.intern_atom(false, name);
            atom.unwrap().reply().unwrap().atom
        };
        let (protocols, delete) = (atom(b"WM_PROTOCOLS"), atom(b"WM_DELETE_WINDOW"));
        let data = [delete, 0, 0, 0, 0];
        let message = ClientMessageEvent::new(32, program.window, protocols, data);
        let sent = self
            .x
            .send_event(false, program.window, EventMask::NO_EVENT, message);
        sent.unwrap();
        self.x.flush().unwrap();
    }

    /// The number of the program's process.
    pub fn process(&self, program: &Program) -> u32 {
        program.child.id()
    }

    /// Presses a key, or lets it go.
    ///
    /// # Panics
    /// If the keyboard has no such key.
    pub fn key(&self, symbol: u32, down: bool) {
        let setup = self.x.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.x.get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.unwrap().reply().unwrap();
        let per_key = usize::from(mapping.keysyms_per_keycode);
        let keys = &mut mapping.keysyms.chunks(per_key);
        let key = keys.position(|symbols| symbols[0] == symbol).unwrap() as u8 + first;
        self.fake(if down { 2 } else { 3 }, key, (0, 0));
    }

    /// Presses a key for a moment: long enough that a program of a few frames a second sees each press.
    pub fn tap(&self, symbol: u32) {
        self.key(symbol, true);
        std::thread::sleep(Duration::from_millis(250));
        self.key(symbol, false);
        std::thread::sleep(Duration::from_millis(350));
    }

    /// Presses a key while another one is held, for long enough that a slow program sees both together.
    pub fn chord(&self, held: u32, symbol: u32) {
        let moment = Duration::from_millis(500);
        self.key(held, true);
        std::thread::sleep(moment);
        self.tap(symbol);
        std::thread::sleep(moment);
        self.key(held, false);
        std::thread::sleep(Duration::from_millis(100));
    }

    /// Moves the mouse; places are those of the screen, as windows are in its corner.
    pub fn point(&self, x: u32, y: u32) {
        self.fake(6, 0, (x as i16, y as i16));
        std::thread::sleep(Duration::from_millis(60));
    }

    /// Presses the left mouse button, or lets it go.
    pub fn button(&self, down: bool) {
        self.fake(if down { 4 } else { 5 }, 1, (0, 0));
        std::thread::sleep(Duration::from_millis(80));
    }

    /// Clicks at a place.
    pub fn click(&self, x: u32, y: u32) {
        self.point(x, y);
        self.button(true);
        self.button(false);
    }

    /// Presses at one place, and lets go at another.
    pub fn drag(&self, from: (u32, u32), to: (u32, u32)) {
        self.point(from.0, from.1);
        self.button(true);
        for step in 1..=8 {
            let between = |a: u32, b: u32| (a * (8 - step) + b * step) / 8;
            self.point(between(from.0, to.0), between(from.1, to.1));
        }
        self.button(false);
    }

    /// The request `FakeInput` of XTEST: its length in words, the event, its detail; no delay, any device.
    fn fake(&self, event: u8, detail: u8, place: (i16, i16)) {
        let mut request = [0u8; 36];
        request[0] = self.xtest;
        request[1] = 2;
        request[2..4].copy_from_slice(&9u16.to_ne_bytes());
        request[4] = event;
        request[5] = detail;
        request[24..26].copy_from_slice(&place.0.to_ne_bytes());
        request[26..28].copy_from_slice(&place.1.to_ne_bytes());
        if event == 6 {
            request[12..16].copy_from_slice(&self.root.to_ne_bytes());
        }
        let request = [IoSlice::new(&request)];
        self.x
            .send_request_without_reply(&request, Vec::new())
            .unwrap();
        self.x.flush().unwrap();
    }

    /// What the screen shows where the window is.
    pub fn look_at(&self, window: Window) -> RgbImage {
        let place = self.x.get_geometry(window).unwrap().reply().unwrap();
        let whole = self.x.get_geometry(self.root).unwrap().reply().unwrap();
        let width = place.width.min(whole.width);
        let height = place.height.min(whole.height);
        let shot = self.x.get_image(
            ImageFormat::Z_PIXMAP,
            self.root,
            place.x.max(0),
            place.y.max(0),
            width,
            height,
            !0,
        );
        let shot = shot.unwrap().reply().unwrap();
        let count = usize::from(width) * usize::from(height);
        assert_eq!(shot.data.len(), count * 4);
        let pixels = shot.data.chunks_exact(4).flat_map(|p| [p[2], p[1], p[0]]);
        RgbImage::from_raw(width.into(), height.into(), pixels.collect()).unwrap()
    }

    /// Keeps a picture of the window in the folder that `GENIE_SCREENSHOTS` names, if it is set.
    pub fn keep(&self, window: Window, name: &str) {
        if let Some(folder) = std::env::var_os("GENIE_SCREENSHOTS") {
            let path = PathBuf::from(folder).join(name).with_extension("png");
            self.look_at(window).save(path).unwrap();
        }
    }
}
