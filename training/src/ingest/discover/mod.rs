//! Paths become sources of footage.

mod archive;
mod found;
mod given;
mod kinds;
mod twice;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::names::compare_names;
use super::pace::{PACE_FILE, told_pace};
use super::remark::{Remark, RemarkKind, Unreadable};
use super::source::{Source, SourceKind, Stored, is_animation};
use crate::dataset::INDEX_NAME;
use archive::archive;
use found::single;
use given::expand;
use kinds::{Kind, extension, is_beside, kind_by_bytes, kind_by_name};
use twice::{once, twice};

use words::{counted, few};

pub(super) use found::Found;

/// Folders inside folders that are searched.
const DEEPEST: usize = 16;

/// Finds the footage under paths, each file once; the folder `out` is passed over. `has_pace`: the pace of pictures is given.
pub(super) fn discover(paths: &[PathBuf], out: &Path, has_pace: bool) -> Found {
    let mut found = Found::new(has_pace);
    let out = fs::canonicalize(out).ok();
    let mut loose: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in expand(paths, &mut found) {
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                let before = found.sources.len();
                walk(&path, &path, out.as_deref(), 0, &mut found);
                if found.sources.len() == before
                    && let Some(reason) = no_footage(&path, out.as_deref())
                {
                    let source = path.display().to_string();
                    found.unreadable.push(Unreadable { source, reason });
                }
            }
            Ok(meta) if meta.is_file() => named_file(&path, &mut loose, &mut found),
            Ok(_) => found.unreadable.push(Unreadable {
                source: path.display().to_string(),
                reason: "it is neither a file nor a folder".to_owned(),
            }),
            Err(error) => found.unreadable.push(Unreadable {
                source: path.display().to_string(),
                reason: error.to_string(),
            }),
        }
    }
    // Pictures that were named one by one are the frames of one clip for each folder.
    for (folder, files) in loose {
        pictures(&folder, &folder, files, Vec::new(), &mut found);
    }
    found
}

/// A file that the user named: it is read whatever its name.
fn named_file(path: &Path, loose: &mut BTreeMap<PathBuf, Vec<PathBuf>>, found: &mut Found) {
    if !found.meet(path) {
        return;
    }
    let file = Stored::file(path);
    let kind = match kind_by_name(&file.file_name()) {
        Kind::Other => kind_by_bytes(&file),
        kind => kind,
    };
    match kind {
        Kind::Picture if is_animation(&file).is_none() => {
            let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
            loose.entry(folder).or_default().push(path.to_path_buf());
        }
        Kind::Archive => archive(path, found),
        Kind::Packed => found.unreadable.push(Unreadable {
            source: path.display().to_string(),
            reason: "it is packed: unpack it first, or pack it as .tar".to_owned(),
        }),
        Kind::Animation | Kind::Picture => {
            single(SourceKind::Animation(file.clone()), &file, found);
        }
        // Whoever names a file means it: the decoder says what is wrong with it.
        Kind::Film | Kind::Other | Kind::UnreadPicture => {
            single(SourceKind::Film(file.clone()), &file, found);
        }
    }
}

fn walk(folder: &Path, top: &Path, out: Option<&Path>, depth: usize, found: &mut Found) {
    if out.is_some() && fs::canonicalize(folder).ok().as_deref() == out {
        return;
    }
    if !found.meet(folder) {
        found.remarks.push(Remark::new(
            RemarkKind::Skipped,
            format!("{}: met before under another name", folder.display()),
        ));
        return;
    }
    if let Some(what) = made_here(folder).filter(|_| depth > 0) {
        found.remarks.push(Remark::new(
            RemarkKind::Skipped,
            format!("{}: {what}, and no footage", folder.display()),
        ));
        return;
    }
    if depth > DEEPEST {
        found.remarks.push(Remark::new(
            RemarkKind::Skipped,
            format!(
                "{}: folders lie too deep inside each other",
                folder.display()
            ),
        ));
        return;
    }
    let mut entries: Vec<(String, PathBuf)> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .flatten()
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    entry.path(),
                )
            })
            .filter(|(name, _)| !name.starts_with('.'))
            .collect(),
        Err(error) => {
            found.unreadable.push(Unreadable {
                source: folder.display().to_string(),
                reason: error.to_string(),
            });
            return;
        }
    };
    entries
        .sort_by(|(a, path_a), (b, path_b)| compare_names(a, b).then_with(|| path_a.cmp(path_b)));
    let (mut frames, mut unread, mut others, mut folders) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut packed = Vec::new();
    let names: Vec<String> = entries.iter().map(|(name, _)| name.clone()).collect();
    let mut inner = Vec::new();
    for (name, path) in entries {
        if path.is_dir() {
            folders += 1;
            inner.push(path);
            continue;
        }
        if !found.meet(&path) {
            continue;
        }
        let file = Stored::file(&path);
        let kind = match kind_by_name(&name) {
            // Footage without a known ending is still footage.
            Kind::Other if !is_beside(&name) => kind_by_bytes(&file),
            kind => kind,
        };
        match kind {
            Kind::Film => single(SourceKind::Film(file.clone()), &file, found),
            Kind::Animation => single(SourceKind::Animation(file.clone()), &file, found),
            Kind::Archive => archive(&path, found),
            Kind::Picture => {
                // A picture that moves is a clip, not a frame.
                if matches!(extension(&name).as_str(), "png" | "webp")
                    && is_animation(&file).is_some()
                {
                    single(SourceKind::Animation(file.clone()), &file, found);
                } else {
                    frames.push(path);
                }
            }
            Kind::UnreadPicture => unread.push(name),
            Kind::Other if is_beside(&name) => {}
            Kind::Packed => packed.push(name),
            Kind::Other => others.push(name),
        }
    }
    for (name, why) in idle_actions(&names, !frames.is_empty()) {
        found.remarks.push(Remark::new(
            RemarkKind::Skipped,
            format!("{}: {why}", folder.join(name).display()),
        ));
    }
    if !packed.is_empty() {
        found.remarks.push(Remark::new(
            RemarkKind::Skipped,
            format!(
                "{}: {} packed, and not read: {}; unpack them first",
                folder.display(),
                counted(packed.len(), "file is", "files are"),
                few(&packed)
            ),
        ));
    }
    if !others.is_empty() {
        found.remarks.push(Remark::new(
            RemarkKind::Skipped,
            format!(
                "{}: {} no footage by their names: {}",
                folder.display(),
                counted(others.len(), "file is", "files are"),
                few(&others)
            ),
        ));
    }
    let mut remarks = Vec::new();
    if !unread.is_empty() {
        let text = format!(
            "{} of a format that cannot be read ({}): what they show is missing; convert them to PNG",
            counted(unread.len(), "picture is", "pictures are"),
            few(&unread)
        );
        if frames.is_empty() {
            found.unreadable.push(Unreadable {
                source: folder.display().to_string(),
                reason: text,
            });
        } else {
            remarks.push(Remark::new(RemarkKind::Damaged, text));
        }
    }
    if !frames.is_empty() {
        if folders > 0 {
            remarks.push(Remark::new(
                RemarkKind::Assumed,
                "its pictures lie beside other folders: taken as a clip of their own".to_owned(),
            ));
        }
        pictures(folder, top, frames, remarks, found);
    }
    for folder in inner {
        walk(&folder, top, out, depth + 1, found);
    }
}

/// Why there is no footage in a folder that was named, where it is one that this program writes.
fn no_footage(folder: &Path, out: Option<&Path>) -> Option<String> {
    if out.is_some() && fs::canonicalize(folder).ok().as_deref() == out {
        return Some("it is the footage and --out at once; give another --out".to_owned());
    }
    let what = made_here(folder)?;
    let taken_by = match what {
        "a dataset" => ": `genie train --data` and `genie dream` take it as it is",
        _ => "",
    };
    Some(format!("it is {what}, and no footage{taken_by}"))
}

/// What this program has written into a folder of that kind, which it does not read as footage.
fn made_here(folder: &Path) -> Option<&'static str> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if folder.join(INDEX_NAME).is_file() {
        return Some("a dataset");
    }
    if name.starts_with("import-report") && folder.join("report.json").is_file() {
        return Some("the report of an import");
    }
    if folder.join("dream.json").is_file() {
        return Some("the folder of a dream");
    }
    let world = name.strip_suffix(".prompts")?;
    let world = folder.with_file_name(format!("{world}.genie.safetensors"));
    world.is_file().then_some("the prompts of a world")
}

/// Files of actions among the names in a folder that belong to nothing there, and why.
fn idle_actions(names: &[String], has_frames: bool) -> Vec<(&str, &'static str)> {
    let belongs = |name: &str| match name.strip_suffix(".actions.csv") {
        Some(stem) => names
            .iter()
            .any(|other| other != name && other.rsplit_once('.').is_some_and(|(s, _)| s == stem)),
        None => name != "actions.csv" || has_frames,
    };
    names
        .iter()
        .filter(|name| !belongs(name))
        .map(|name| {
            let why = if name == "actions.csv" {
                "it belongs to pictures, and there are none beside it; that of film.mp4 is film.actions.csv"
            } else {
                "the film that it belongs to is not there"
            };
            (name.as_str(), why)
        })
        .collect()
}

fn pictures(
    folder: &Path,
    top: &Path,
    files: Vec<PathBuf>,
    mut remarks: Vec<Remark>,
    found: &mut Found,
) {
    let pace = match told_pace(folder, top) {
        Ok(pace) => pace,
        Err(problem) => {
            found.unreadable.push(Unreadable {
                source: folder.display().to_string(),
                reason: problem,
            });
            return;
        }
    };
    if pace.is_none() && !found.has_pace {
        remarks.push(Remark::new(
            RemarkKind::Assumed,
            format!("nothing says the pace of its pictures: assumed (a file {PACE_FILE} beside them says it, or --pictures-fps)"),
        ));
    }
    let mut left = Vec::new();
    let files = once(
        files.iter().map(|path| Stored::file(path)).collect(),
        &mut left,
    );
    if !left.is_empty() {
        remarks.push(Remark::new(RemarkKind::Skipped, twice(&left)));
    }
    let actions = folder.join("actions.csv");
    found.sources.push(Source {
        name: folder.display().to_string(),
        kind: SourceKind::Pictures { files, pace },
        actions: actions.is_file().then(|| Stored::file(&actions)),
        remarks,
    });
}
