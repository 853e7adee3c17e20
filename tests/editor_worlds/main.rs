//! The worlds of the prompt editor without its window: lines, forks, what is exported of them, and what is kept.

#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::too_many_arguments)] // As in the editor: a system's arguments are what it asks the world for.

#[path = "../../examples/prompt_editor/drawing.rs"]
#[allow(dead_code)] // The editor uses more of it.
mod drawing;
#[path = "../../examples/prompt_editor/export.rs"]
#[allow(dead_code)]
mod export;
#[path = "../../examples/prompt_editor/files/mod.rs"]
#[allow(dead_code)]
mod files;
#[path = "../../examples/prompt_editor/history.rs"]
#[allow(dead_code)]
mod history;
#[path = "../../examples/prompt_editor/lines/mod.rs"]
#[allow(dead_code, unused_imports)]
mod lines;
#[path = "../../examples/prompt_editor/memory.rs"]
mod memory;
#[path = "../../examples/prompt_editor/project.rs"]
#[allow(dead_code)]
mod project;
#[path = "../../examples/prompt_editor/source.rs"]
#[allow(dead_code)]
mod source;
#[path = "../../examples/prompt_editor/toasts.rs"]
#[allow(dead_code)]
mod toasts;
#[path = "../../examples/prompt_editor/tries.rs"]
#[allow(dead_code)]
mod tries;

mod exports;
mod harness;
mod kept;
mod tree;
