//! Footage inside tar archives.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use super::super::names::compare_names;
use super::super::remark::{Remark, RemarkKind, Unreadable};
use super::super::source::{Source, SourceKind, Stored, is_animation};
use super::found::{Found, single};
use super::kinds::{Kind, kind_by_name};

/// The footage inside a tar archive: films and animations by themselves, pictures together with those of their folder, or of
/// their sample where a sample has several (the convention of `WebDataset`: up to the first dot of the name).
pub(super) fn archive(path: &Path, found: &mut Found) {
    let unreadable = |reason: String| Unreadable {
        source: path.display().to_string(),
        reason,
    };
    let mut files: Vec<(String, Stored)> = Vec::new();
    let mut read = || -> std::io::Result<()> {
        let mut archive = tar::Archive::new(File::open(path)?);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path()?.to_string_lossy().replace('\\', "/");
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
    let mut actions: BTreeMap<String, Stored> = BTreeMap::new();
    for (name, file) in files {
        let (folder, base) = name.rsplit_once('/').unwrap_or(("", &name));
        if base.starts_with('.') {
            continue;
        }
        match kind_by_name(base) {
            Kind::Film => single(SourceKind::Film(file.clone()), &file, found),
            Kind::Animation => single(SourceKind::Animation(file.clone()), &file, found),
            Kind::Picture if is_animation(&file).is_some() => {
                single(SourceKind::Animation(file.clone()), &file, found);
            }
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
            _ if base == "actions.csv" => {
                actions.insert(folder.to_owned(), file);
            }
            _ => {}
        }
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
            actions: actions.get(&clip).cloned(),
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
    if found.sources.len() == before {
        found
            .unreadable
            .push(unreadable("there is no footage in the archive".to_owned()));
    }
}
