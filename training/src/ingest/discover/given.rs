//! What users write where paths are wanted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::names::compare_names;
use super::super::remark::Unreadable;
use super::found::Found;

/// Paths with their wildcards replaced, for shells that leave that to programs.
pub(super) fn expand(paths: &[PathBuf], found: &mut Found) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        let mut unreadable = |reason: &str| {
            found.unreadable.push(Unreadable {
                source: text.clone().into_owned(),
                reason: reason.to_owned(),
            });
        };
        if path.exists() {
            all.push(path.clone());
        } else if is_address(&text) {
            unreadable("it is an address: download it first, for nothing is fetched");
        } else if text.contains(['*', '?', '[']) {
            let matches = matches(path);
            if matches.is_empty() {
                unreadable("nothing has such a name");
            }
            all.extend(matches);
        } else {
            all.push(path.clone());
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    all
}

fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// What a path with wildcards stands for, in the order of the names. Folders that are there by that very name are meant as they are:
/// brackets and question marks are letters in them.
fn matches(path: &Path) -> Vec<PathBuf> {
    let mut there = PathBuf::new();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next_if(|part| there.join(part).exists()) {
        there.push(part);
    }
    let mut pattern = PathBuf::from(glob::Pattern::escape(&there.to_string_lossy()));
    pattern.extend(parts);
    let found = glob::glob(&pattern.to_string_lossy());
    let mut matches: Vec<PathBuf> = found.into_iter().flatten().flatten().collect();
    matches.sort_by(|a, b| compare_names(&a.to_string_lossy(), &b.to_string_lossy()));
    matches
}
