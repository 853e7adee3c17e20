//! The `genie` command: gameplay video in, a playable checkpoint out.

// First, since its macros take the place of the standard ones in what follows.
#[macro_use]
mod printing;
mod cli;

use std::io::IsTerminal;
use std::process::ExitCode;

use genie_training::allocator::{Allocator, keep_freed_memory};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    keep_freed_memory();
    let arguments = cli::Cli::read();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that nobody reads any more ends no training.
        .log_internal_errors(false)
        // A file of the log holds no codes of colours.
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("genie: {}", with_causes(error.as_ref()));
            error
                .downcast_ref::<cli::Interrupted>()
                .map_or(ExitCode::FAILURE, |interrupted| {
                    ExitCode::from(interrupted.status)
                })
        }
    }
}

/// An error and what caused it, one behind the other.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        // Some errors already repeat their cause.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = next.source();
    }
    line.trim_end().to_owned()
}
