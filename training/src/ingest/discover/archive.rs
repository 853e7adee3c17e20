//! Footage inside tar archives.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use super::super::names::compare_names;
use super::super::remark::{Remark, RemarkKind, Unreadable};
use super::super::source::{Source, SourceKind, Stored, is_animation};
use super::found::{Found, single};
use super::kinds::{Kind, is_beside, kind_by_bytes, kind_by_name};
use super::twice::{once, twice};
use super::words::{counted, few};

/// The footage inside a tar archive: films and animations by themselves, pictures together with those of their folder, or of
/// their sample where a sample has several (the convention of `WebDataset`: up to the first dot of the name).
pub(super) fn archive(path: &Path, found: &mut Found) {
    let unreadable = |reason: String| Unreadable {
        source: path.display().to_string(),
        reason,
    };
    let mut files: Vec<(String, Stored)> = Vec::new();
    let (mut links, mut others) = (Vec::new(), Vec::new());
    let mut read = || -> std::io::Result<()> {
        let mut archive = tar::Archive::new(File::open(path)?);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let name = entry.path()?.to_string_lossy().replace('\\', "/");
            let kind = entry.header().entry_type();
            if !kind.is_file() {
                if kind.is_symlink() || kind.is_hard_link() {
                    links.push(name);
                }
                continue;
            }
            let stored = Stored {
                path: path.to_path_buf(),
                inside: Some((name.clone(), entry.raw_file_position(), entry.size())),
            };
            files.push((name, stored));
        }
        Ok(())
    };
    if let Err(error) = read() {
        if files.is_empty() {
            found
                .unreadable
                .push(unreadable(format!("the archive cannot be read: {error}")));
            return;
        }
        found.remarks.push(Remark::new(
            RemarkKind::Damaged,
            format!(
                "{}: what follows {} in the archive cannot be read: {error}",
                path.display(),
                files[files.len() - 1].0
            ),
        ));
    }
    let before = found.sources.len();
    files.sort_by(|(a, _), (b, _)| compare_names(a, b));
    let mut samples: BTreeMap<(String, String), Vec<Stored>> = BTreeMap::new();
    // By their names without the ending.
    let mut actions: BTreeMap<String, Stored> = BTreeMap::new();
    for (name, file) in &files {
        if let Some(stem) = name.strip_suffix("actions.csv") {
            actions.insert(stem.to_owned(), file.clone());
        }
    }
    for (name, file) in files {
        let (folder, base) = name.rsplit_once('/').unwrap_or(("", &name));
        if base.starts_with('.') {
            continue;
        }
        let kind = match kind_by_name(base) {
            Kind::Other if !is_beside(base) => kind_by_bytes(&file),
            kind => kind,
        };
        let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
        let mut single = |kind: fn(Stored) -> SourceKind| {
            single(kind(file.clone()), &file, found);
            let beside = actions.remove(&format!("{stem}."));
            if let Some(source) = found.sources.last_mut() {
                source.actions = beside;
            }
        };
        match kind {
            Kind::Film => single(SourceKind::Film),
            Kind::Animation => single(SourceKind::Animation),
            Kind::Picture if is_animation(&file).is_some() => single(SourceKind::Animation),
            Kind::Picture => {
                let key = base.split('.').next().unwrap_or(base).to_owned();
                samples
                    .entry((folder.to_owned(), key))
                    .or_default()
                    .push(file);
            }
            Kind::UnreadPicture => found.unreadable.push(Unreadable {
                source: file.described(),
                reason: "pictures of this format cannot be read: convert them to PNG".to_owned(),
            }),
            Kind::Other if is_beside(base) => {}
            Kind::Other | Kind::Archive | Kind::Packed => others.push(name),
        }
    }
    let mut left = Vec::new();
    for files in samples.values_mut() {
        *files = once(std::mem::take(files), &mut left);
    }
    if !left.is_empty() {
        let text = format!("{}: {}", path.display(), twice(&left));
        found.remarks.push(Remark::new(RemarkKind::Skipped, text));
    }
    let several = samples.values().any(|files| files.len() > 1);
    let mut clips: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
    for ((folder, key), files) in samples {
        let clip = if several {
            format!("{folder}/{key}")
        } else {
            folder
        };
        clips.entry(clip).or_default().extend(files);
    }
    let mut clips: Vec<_> = clips.into_iter().collect();
    clips.sort_by(|(a, _), (b, _)| compare_names(a, b));
    for (clip, files) in clips {
        found.sources.push(Source {
            name: format!("{}: {clip}", path.display()),
            kind: SourceKind::Pictures { files, pace: None },
            actions: actions.remove(&beside(&clip)),
            remarks: (!found.has_pace)
                .then(|| {
                    Remark::new(
                        RemarkKind::Assumed,
                        "nothing says the pace of its pictures: assumed (--pictures-fps says it)",
                    )
                })
                .into_iter()
                .collect(),
        });
    }
    let idle: Vec<String> = actions
        .into_keys()
        .map(|stem| stem + "actions.csv")
        .collect();
    for (names, what) in [
        (links, "a link in the archive, which is not followed"),
        (others, "no footage"),
        (idle, "there is nothing that the actions belong to"),
    ] {
        if !names.is_empty() {
            found.remarks.push(Remark::new(
                RemarkKind::Skipped,
                format!(
                    "{}: {} passed over ({what}): {}",
                    path.display(),
                    counted(names.len(), "file is", "files are"),
                    few(&names)
                ),
            ));
        }
    }
    if found.sources.len() == before {
        found
            .unreadable
            .push(unreadable("there is no footage in the archive".to_owned()));
    }
}

/// What the name of a file of actions that belongs to the pictures of a folder begins with.
fn beside(folder: &str) -> String {
    if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    }
}
