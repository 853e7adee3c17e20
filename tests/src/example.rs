//! The examples as built binaries.

use std::path::PathBuf;

/// The built example of this name, next to the tests. `cargo test` builds the examples too.
///
/// # Panics
/// If it has not been built.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let target = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are built in deps");
    let path = target
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.is_file(),
        "{}: build the examples first",
        path.display()
    );
    path
}
