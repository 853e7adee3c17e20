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
    // Where cargo keeps finished programs apart from what they are built from, it says so.
    let finished = std::env::var_os("CARGO_TARGET_DIR").zip(target.file_name());
    let finished = finished.map(|(folder, profile)| PathBuf::from(folder).join(profile));
    let in_folder = |folder: PathBuf| {
        let name = folder.join("examples").join(name);
        name.with_extension(std::env::consts::EXE_EXTENSION)
    };
    let path = finished.map(in_folder).filter(|path| path.is_file());
    let path = path.unwrap_or_else(|| in_folder(target.to_owned()));
    assert!(
        path.is_file(),
        "{}: build the examples first",
        path.display()
    );
    path
}
