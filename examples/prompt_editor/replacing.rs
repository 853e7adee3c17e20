//! A file that is there already is replaced only when that is asked for twice.

use std::path::{Path, PathBuf};

use crate::files::PROJECT;

/// Remembers which file was asked for.
#[derive(Debug, Default)]
pub(crate) struct Replacing {
    asked: Option<PathBuf>,
}

impl Replacing {
    /// Whether a file may be written now: there is none, it is `own`, or the same one was refused just before.
    pub(crate) fn allows(&mut self, path: &Path, own: Option<&Path>) -> bool {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_own = own.is_some_and(|own| whole(own) == whole(path));
        let again = self.asked.take().is_some_and(|asked| asked == path);
        let allowed = again || is_own || !path.exists();
        if !allowed {
            self.asked = Some(path.to_owned());
        }
        allowed
    }

    /// Forgets what was asked: the next time is the first.
    pub(crate) fn forget(&mut self) {
        self.asked = None;
    }
}

/// Where a project is saved that is to have this name: with an ending by which it can be opened again.
pub(crate) fn project_path(path: PathBuf) -> PathBuf {
    if path.to_string_lossy().ends_with(".json") {
        return path;
    }
    let mut path = path.into_os_string();
    path.push(".");
    path.push(PROJECT);
    path.into()
}
