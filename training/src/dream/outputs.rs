//! What a dream writes, and whether it can: looked at before any work.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use genie_model::atomic_file::temporary_path;

use super::DreamError;

/// Where the results go: all of them beside the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outputs {
    pub(super) world: PathBuf,
    pub(super) report: PathBuf,
    /// Folder of the prompts.
    pub(super) prompts: PathBuf,
    /// Folder in which it leaves what it has done.
    pub(super) work: PathBuf,
}

/// The name of a file beside the world: its own without its endings, and another ending.
pub(super) fn beside(world: &Path, ending: &str) -> PathBuf {
    let name = world
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let stem = [".genie.safetensors", ".safetensors"]
        .iter()
        .find_map(|known| name.strip_suffix(known))
        .unwrap_or(&name);
    world.with_file_name(format!("{stem}.{ending}"))
}

impl Outputs {
    pub(super) fn of(world: &Path) -> Self {
        Self {
            world: world.to_path_buf(),
            report: beside(world, "report.html"),
            prompts: beside(world, "prompts"),
            work: beside(world, "dream"),
        }
    }

    /// Makes sure that all of it can be written, and that nothing of it is the footage.
    pub(super) fn check(&self, footage: &[PathBuf]) -> Result<(), DreamError> {
        for (what, path, is_folder) in [
            ("the world", &self.world, false),
            ("the report", &self.report, false),
            ("the folder of the prompts", &self.prompts, true),
            ("the folder of what is done so far", &self.work, true),
        ] {
            let wrong = |why: &str| {
                Err(DreamError::Request(format!(
                    "{what} would be {}, and {why}: move it away, or give another --out",
                    path.display()
                )))
            };
            if footage.iter().any(|input| same(input, path)) {
                return wrong("that is the footage");
            }
            if path.is_dir() && !is_folder {
                return wrong("there is a folder of that name");
            }
            if path.exists() && !path.is_dir() && is_folder {
                return wrong("there is a file of that name");
            }
            let tried = match (is_folder, path.is_dir()) {
                // What is not there yet is made beside the world.
                (true, false) => continue,
                (true, true) => temporary_path(&path.join("tried")),
                (false, _) => temporary_path(path),
            };
            if let Some(folder) = tried.parent().filter(|it| *it != Path::new("")) {
                fs::create_dir_all(folder).map_err(DreamError::io("make the folder", folder))?;
            }
            let made = File::create(&tried).map(drop);
            let _ = fs::remove_file(&tried);
            made.map_err(DreamError::io("write", path))?;
        }
        Ok(())
    }
}

/// Whether two paths lead to the same thing.
fn same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    one == other || (real(one).is_some() && real(one) == real(other))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_of_the_world_the_report_or_the_prompts_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let world = at("my.genie.safetensors");
        let check = |footage: &[PathBuf]| Outputs::of(&world).check(footage);
        check(&[at("films")]).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for (name, is_folder) in [
            ("my.genie.safetensors", true),
            ("my.report.html", true),
            ("my.prompts", false),
            ("my.dream", false),
        ] {
            if is_folder {
                fs::create_dir(at(name)).unwrap();
            } else {
                fs::write(at(name), "mine").unwrap();
            }
            let said = check(&[]).unwrap_err().to_string();
            assert!(said.contains(name) && said.contains("--out"), "{said}");
            if is_folder {
                fs::remove_dir(at(name)).unwrap();
            } else {
                fs::remove_file(at(name)).unwrap();
            }
        }
        // Prompts of an earlier dream are no hindrance, unless they are the footage.
        fs::create_dir(at("my.prompts")).unwrap();
        check(&[at("films")]).unwrap();
        assert_eq!(fs::read_dir(at("my.prompts")).unwrap().count(), 0);
        let said = check(&[at("my.prompts")]).unwrap_err().to_string();
        assert!(said.contains("that is the footage"), "{said}");
        assert_eq!(
            beside(Path::new("a/my.safetensors"), "dream"),
            Path::new("a/my.dream")
        );
    }
}
