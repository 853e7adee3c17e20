//! Worlds on the main thread: what the game says of them and to them, and what becomes a request to the worker.

pub(crate) mod command;
pub(crate) mod component;
pub(crate) mod conditions;
pub(crate) mod events;
pub(crate) mod execute;
pub(crate) mod lifetime;
pub(crate) mod pace;
pub(crate) mod prompt;
pub(crate) mod runtime;
pub(crate) mod start;
pub(crate) mod starvation;
