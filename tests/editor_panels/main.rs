//! The panels of the prompt editor as a screen reader is told of them: names, roles and values, clicks and keys. No window, and no
//! picture is looked at.

#![allow(clippy::unwrap_used)]
// A test fails by panicking.
// As in the editor: a system's arguments are what it asks the world for.
#![allow(clippy::too_many_arguments, clippy::type_complexity)]
#![allow(dead_code, unused_imports)] // Its `main.rs` uses more of it.

#[path = "../../examples/prompt_editor/closing.rs"]
mod closing;
#[path = "../../examples/prompt_editor/drawing.rs"]
mod drawing;
#[path = "../../examples/prompt_editor/export.rs"]
mod export;
#[path = "../../examples/prompt_editor/files/mod.rs"]
mod files;
#[path = "../../examples/prompt_editor/history.rs"]
mod history;
#[path = "../../examples/prompt_editor/layout.rs"]
mod layout;
#[path = "../../examples/prompt_editor/lines/mod.rs"]
mod lines;
#[path = "../../examples/prompt_editor/memory.rs"]
mod memory;
#[path = "../../examples/prompt_editor/pace.rs"]
mod pace;
#[path = "../../examples/prompt_editor/palette.rs"]
mod palette;
#[path = "../../examples/prompt_editor/project.rs"]
mod project;
#[path = "../../examples/prompt_editor/replacing.rs"]
mod replacing;
#[path = "../../examples/prompt_editor/shortcuts.rs"]
mod shortcuts;
#[path = "../../examples/prompt_editor/source.rs"]
mod source;
#[path = "../../examples/prompt_editor/study/mod.rs"]
mod study;
#[path = "../../examples/prompt_editor/toasts.rs"]
mod toasts;
#[path = "../../examples/prompt_editor/tools.rs"]
mod tools;
#[path = "../../examples/prompt_editor/tries.rs"]
mod tries;
#[path = "../../examples/prompt_editor/ui/mod.rs"]
mod ui;

mod harness;
mod names;
mod panels;
mod rest;
mod windows;
