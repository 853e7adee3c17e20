//! Files that are dropped on windows.

use std::path::Path;
use std::time::Duration;

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, WindowClass,
};

use super::{Program, Screen};

#[allow(clippy::unwrap_used)] // Only tests come here, and they fail by panicking.
impl Screen {
    /// Drops a file on a window, by the protocol XDND.
    ///
    /// # Panics
    /// If the window never asks for it.
    pub fn drop_file(&self, program: &mut Program, path: &Path) {
        let window = program.window;
        let atom = |name: &str| -> Atom {
            let atom = self.x.intern_atom(false, name.as_bytes());
            atom.unwrap().reply().unwrap().atom
        };
        let source = self.x.generate_id().unwrap();
        let visual = x11rb::COPY_FROM_PARENT;
        let input = WindowClass::INPUT_OUTPUT;
        let aux = CreateWindowAux::new();
        self.x
            .create_window(0, source, self.root, 0, 0, 1, 1, 0, input, visual, &aux)
            .unwrap();
        let (selection, list) = (atom("XdndSelection"), atom("text/uri-list"));
        self.x.set_selection_owner(source, selection, 0u32).unwrap();
        let send = |name: &str, data: [u32; 5]| {
            let message = ClientMessageEvent::new(32, window, atom(name), data);
            let sent = self
                .x
                .send_event(false, window, EventMask::NO_EVENT, message);
            sent.unwrap();
            self.x.flush().unwrap();
        };
        send("XdndEnter", [source, 5 << 24, list, 0, 0]);
        send("XdndPosition", [source, 0, 0, 0, atom("XdndActionCopy")]);
        let asked = self.wait(program, "it to ask for the dropped file", |_| {
            match self.x.poll_for_event().unwrap() {
                Some(Event::SelectionRequest(asked)) if asked.selection == selection => Some(asked),
                _ => None,
            }
        });
        let uri = format!("file://{}\r\n", path.display());
        self.x
            .change_property(
                PropMode::REPLACE,
                asked.requestor,
                asked.property,
                asked.target,
                8,
                uri.len() as u32,
                uri.as_bytes(),
            )
            .unwrap();
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: asked.time,
            requestor: asked.requestor,
            selection,
            target: asked.target,
            property: asked.property,
        };
        self.x
            .send_event(false, asked.requestor, EventMask::NO_EVENT, answer)
            .unwrap();
        self.x.flush().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        send("XdndDrop", [source, 0, 0, 0, 0]);
        std::thread::sleep(Duration::from_millis(300));
        self.x.destroy_window(source).unwrap();
        self.x.flush().unwrap();
    }
}
