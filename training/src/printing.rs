//! What the program prints, to readers that may have gone: `genie … | head`.
//!
//! The macros of the standard library end a program there in the middle of its work. These take their place in the whole program: nothing
//! more is said then, and the work goes on to its end, so that what it writes is whole.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};

/// Prints to the standard output.
pub(crate) fn to_stdout(text: Arguments<'_>) {
    if cfg!(test) {
        // Shown only where a test fails.
        std::print!("{text}");
        return;
    }
    match stdout().lock().write_fmt(text) {
        // Whoever read it has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            to_stderr(format_args!("genie: cannot print: {error}\n"));
            std::process::exit(1);
        }
        _ => {}
    }
}

/// Prints to the standard error, where there is nobody left to tell that it failed.
pub(crate) fn to_stderr(text: Arguments<'_>) {
    let _ = stderr().lock().write_fmt(text);
}

macro_rules! print {
    ($($text:tt)*) => { $crate::printing::to_stdout(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::printing::to_stdout(format_args!("\n")) };
    ($($text:tt)*) => { $crate::printing::to_stdout(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::printing::to_stderr(format_args!("{}\n", format_args!($($text)*))) };
}
