//! What the prompt editor keeps between starts, without its window: where the panels are, projects, and what was there before.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "../../examples/prompt_editor/drawing.rs"]
#[allow(dead_code)] // The editor uses more of it.
mod drawing;
#[path = "../../examples/prompt_editor/files/mod.rs"]
#[allow(dead_code)]
mod files;
#[path = "../../examples/prompt_editor/history.rs"]
#[allow(dead_code)]
mod history;
#[path = "../../examples/prompt_editor/layout.rs"]
#[allow(dead_code)]
mod layout;
#[path = "../../examples/prompt_editor/memory.rs"]
mod memory;
#[path = "../../examples/prompt_editor/project.rs"]
#[allow(dead_code)]
mod project;
#[path = "../../examples/prompt_editor/replacing.rs"]
mod replacing;
#[path = "../../examples/prompt_editor/source.rs"]
#[allow(dead_code)]
mod source;
#[path = "../../examples/prompt_editor/toasts.rs"]
#[allow(dead_code)]
mod toasts;
#[path = "../../examples/prompt_editor/tries.rs"]
#[allow(dead_code)]
mod tries;

mod harness;
mod panels;
mod projects;
mod recordings;
mod refused;
