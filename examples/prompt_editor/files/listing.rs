//! What is in a folder, for the windows that ask for a file. Folders are read on another thread, as any file is.

use std::path::{Path, PathBuf};

/// Entries that are shown; nobody looks through more.
const MOST: usize = 2000;

/// What is in a folder.
#[derive(Default)]
pub(crate) struct Listing {
    /// The folder.
    pub(super) folder: PathBuf,
    /// Folders first, then files, each by name; hidden ones are left out.
    pub(crate) entries: Vec<Entry>,
    /// Why it cannot be read, if it cannot.
    pub(crate) problem: Option<String>,
}

/// A file or a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Whether it is no folder; folders come first.
    pub(crate) is_file: bool,
    /// Its name without those of the folders above it.
    pub(crate) name: String,
}

impl Listing {
    /// Reads a folder; none is the one that the program was started in.
    pub(super) fn read(folder: PathBuf) -> Self {
        let here = Path::new(".");
        let read = std::fs::read_dir(if folder.as_os_str().is_empty() {
            here
        } else {
            &folder
        });
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                let problem = Some(format!("{}: {error}", folder.display()));
                return Self {
                    folder,
                    problem,
                    ..Self::default()
                };
            }
        };
        let entries = read.filter_map(|entry| {
            let entry = entry.ok()?;
            // What cannot be typed cannot be opened from here.
            let name = entry.file_name().into_string().ok()?;
            let is_file = !entry.path().is_dir();
            (!name.starts_with('.')).then_some(Entry { is_file, name })
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort();
        entries.truncate(MOST);
        Self {
            folder,
            entries,
            problem: None,
        }
    }
}
