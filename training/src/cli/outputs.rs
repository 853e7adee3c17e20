//! Files that a command is going to write, looked at before it begins its work.

use std::fs::{self, File};
use std::path::Path;

use genie_model::atomic_file::temporary_path;

/// Makes sure that a file can be written: folders that are missing are made, and nothing that the command reads is written
/// over. `option` is how the user named it.
///
/// # Errors
/// What is in the way, in words.
pub(super) fn check_output(option: &str, path: &Path, inputs: &[&Path]) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{option} {}: {what}", path.display()));
    if path.is_dir() {
        return wrong("it is a folder; expected the name of a file");
    }
    let same = |input: &&&Path| {
        let real = |path: &Path| fs::canonicalize(path).ok();
        **input == path || (real(input).is_some() && real(input) == real(path))
    };
    if let Some(input) = inputs.iter().find(same) {
        return wrong(&format!(
            "it would be written over {}, which is read; choose another name",
            input.display()
        ));
    }
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        fs::create_dir_all(folder)
            .map_err(|error| format!("{option} {}: {error}", path.display()))?;
    }
    let temporary = temporary_path(path);
    let tried = File::create(&temporary).map(drop);
    let _ = fs::remove_file(&temporary);
    tried.map_err(|error| format!("{option} {}: it cannot be written: {error}", path.display()))
}

/// As [`check_output`], for a file of one format, which its ending must say.
///
/// # Errors
/// What is in the way, in words.
pub(super) fn check_output_of(
    ending: &str,
    option: &str,
    path: &Path,
    inputs: &[&Path],
) -> Result<(), String> {
    let found = path
        .extension()
        .map(|found| found.to_string_lossy().into_owned());
    if !found
        .as_ref()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
    {
        return Err(format!(
            "{option} {}: the file is a {}, so its name must end in .{ending}",
            path.display(),
            ending.to_uppercase()
        ));
    }
    check_output(option, path, inputs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_known_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let said = |path: &Path, inputs: &[&Path]| check_output("--out", path, inputs).unwrap_err();
        assert!(said(folder.path(), &[]).contains("folder"));
        fs::write(at("in"), "x").unwrap();
        assert!(said(&at("in"), &[&at("in")]).contains("written over"));
        assert!(said(&at("in/out"), &[]).starts_with("--out"));
        let gif = check_output_of("gif", "--out", &at("x.png"), &[]).unwrap_err();
        assert!(gif.contains(".gif") && gif.contains("x.png"), "{gif}");
        // Missing folders are made, and nothing else.
        check_output_of("gif", "--out", &at("new/x.GIF"), &[&at("in")]).unwrap();
        assert_eq!(fs::read_dir(at("new")).unwrap().count(), 0);
    }
}
