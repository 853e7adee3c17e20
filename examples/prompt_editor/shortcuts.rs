//! What the editor does on a key of its own, in one table: keys, menus, tooltips and the help all come from it. Keys count while
//! neither a text field nor the world has the keyboard.

use bevy_egui::egui::{Context, Key, KeyboardShortcut, Modifiers};

use crate::tools::Tool;

/// A command of the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begins with an empty picture.
    New,
    /// Asks for a file to open.
    Open,
    /// Saves the project under another name.
    SaveAs,
    /// Saves the project.
    Save,
    /// Opens or closes the window to export.
    Export,
    /// Makes the last change of the picture again.
    Redo,
    /// Takes the last change of the picture back.
    Undo,
    /// Closes the editor.
    Quit,
    /// Takes a tool into the hand.
    Take(Tool),
    /// Shows or hides the grid.
    Grid,
    /// Keeps to the grid, or not.
    Snap,
    /// Lets time run, or stand still.
    PlayOrPause,
    /// Makes one frame.
    Step,
    /// Goes back to the prompt.
    ToPrompt,
    /// Looks at the frame before.
    FrameBefore,
    /// Looks at the frame after.
    FrameAfter,
    /// Forks the played line.
    Fork,
    /// Leaves the world, lets a selection go, closes a small window.
    Leave,
    /// Opens or closes the help.
    Help,
}

/// An action with its keys and words.
pub(crate) struct Shortcut {
    /// What is done.
    pub(crate) action: Action,
    /// What it is called on a button or in a menu.
    pub(crate) name: &'static str,
    /// What it does, in words.
    pub(crate) hint: &'static str,
    keys: &'static [(Modifiers, Key)],
    /// Whether it counts while the world has the keys: only what no game uses.
    while_playing: bool,
}

const NONE: Modifiers = Modifiers::NONE;
const CONTROL: Modifiers = Modifiers::COMMAND;
const BOTH: Modifiers = Modifiers {
    shift: true,
    ..Modifiers::COMMAND
};

const fn on(
    action: Action,
    keys: &'static [(Modifiers, Key)],
    name: &'static str,
    hint: &'static str,
) -> Shortcut {
    Shortcut {
        action,
        name,
        hint,
        keys,
        while_playing: false,
    }
}

const fn tool(tool: Tool, key: &'static [(Modifiers, Key)], hint: &'static str) -> Shortcut {
    on(Action::Take(tool), key, tool.name(), hint)
}

/// All of them, as the help lists them. Of two on one key the one with more modifiers comes first.
#[rustfmt::skip] // A table.
pub(crate) const SHORTCUTS: &[Shortcut] = &[
    on(Action::New, &[(CONTROL, Key::N)], "New picture", "begins with an empty picture in the colour of the pencil"),
    on(Action::Open, &[(CONTROL, Key::O)], "Open...", "opens a picture, a recording, a project, a replay or a saved world"),
    on(Action::SaveAs, &[(BOTH, Key::S)], "Save as...", "saves the project under another name"),
    Shortcut {
        while_playing: true,
        ..on(Action::Save, &[(CONTROL, Key::S)], "Save", "saves the project: the picture, how it is sampled, and the lines of play")
    },
    on(Action::Export, &[(CONTROL, Key::E)], "Export...", "writes the prompt, an animation, a replay or the world itself"),
    on(Action::Redo, &[(CONTROL, Key::Y), (BOTH, Key::Z)], "Redo", "makes the last change again"),
    on(Action::Undo, &[(CONTROL, Key::Z)], "Undo", "takes the last change of the picture back"),
    tool(Tool::Stamp, &[(NONE, Key::B)], "puts down a patch that the model knows"),
    tool(Tool::Pencil, &[(NONE, Key::P)], "draws pixel by pixel"),
    tool(Tool::Fill, &[(NONE, Key::F)], "fills what hangs together and has one colour"),
    tool(Tool::Line, &[(NONE, Key::L)], "draws a straight line"),
    tool(Tool::Rectangle, &[(NONE, Key::R)], "fills a rectangle"),
    tool(Tool::Eyedropper, &[(NONE, Key::I)], "takes a colour from the picture"),
    tool(Tool::Select, &[(NONE, Key::S)], "selects a part; drag it to move it"),
    on(Action::Grid, &[(NONE, Key::G)], "grid", "shows where the model's patches are"),
    on(Action::Snap, &[(NONE, Key::N)], "snap", "keeps stamps, rectangles and selections to the grid"),
    on(Action::PlayOrPause, &[(NONE, Key::Space)], "Play", "lets time run, or stand still"),
    on(Action::Step, &[(NONE, Key::Period)], "Step", "one frame more under the keys that are held"),
    on(Action::ToPrompt, &[(NONE, Key::Home)], "To the prompt", "takes the played line back to its picture"),
    on(Action::FrameBefore, &[(NONE, Key::PageUp)], "Frame before", "looks at the frame before"),
    on(Action::FrameAfter, &[(NONE, Key::PageDown)], "Frame after", "looks at the frame after"),
    on(Action::Fork, &[(NONE, Key::K)], "Fork", "what if? Another line from the frame that is shown"),
    on(Action::Leave, &[(NONE, Key::Escape)], "Leave", "leaves the world, lets a selection go, closes a small window"),
    on(Action::Help, &[(NONE, Key::F1)], "Help", "what to do first, and all shortcuts"),
    on(Action::Quit, &[(CONTROL, Key::Q)], "Quit", "closes the editor; what is being made is kept"),
];

impl Action {
    /// Its keys and words.
    pub(crate) fn shortcut(self) -> &'static Shortcut {
        let found = SHORTCUTS.iter().find(|shortcut| shortcut.action == self);
        found.unwrap_or(&SHORTCUTS[0])
    }
}

impl Shortcut {
    /// Its keys as they are written, such as `Ctrl+Y, Ctrl+Shift+Z`.
    pub(crate) fn keys_in_words(&self) -> String {
        let words = self.keys.iter().map(|(modifiers, key)| {
            let control = if cfg!(target_os = "macos") {
                "Cmd+"
            } else {
                "Ctrl+"
            };
            let control = if modifiers.command { control } else { "" };
            let shift = if modifiers.shift { "Shift+" } else { "" };
            let key = match key {
                Key::Period => ".",
                key => key.name(),
            };
            format!("{control}{shift}{key}")
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// What it does, and its keys.
    pub(crate) fn tooltip(&self) -> String {
        format!("{} ({})", self.hint, self.keys_in_words())
    }
}

/// The actions whose keys were pressed in this frame. The keys of what is returned are taken out of the input.
pub(crate) fn pressed(ctx: &Context, playing: bool) -> Vec<Action> {
    let hit = |shortcut: &&Shortcut| {
        // Left for others to see: a small window that is open closes with it.
        if shortcut.action == Action::Leave {
            return ctx.input(|input| input.key_pressed(Key::Escape));
        }
        let keys = shortcut.keys.iter();
        let mut keys = keys.map(|(modifiers, key)| KeyboardShortcut::new(*modifiers, *key));
        keys.any(|keys| ctx.input_mut(|input| input.consume_shortcut(&keys)))
    };
    let counts = SHORTCUTS
        .iter()
        .filter(|shortcut| !playing || shortcut.while_playing);
    counts.filter(hit).map(|shortcut| shortcut.action).collect()
}
