//! No two files import each other, directly or by way of others, in any of the project's crates and programs.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module as the names on the way to it; the root is empty.
type Module = Vec<String>;

/// The source of each module below a folder, without comments and without tests at the end of a file.
fn sources(root: &Path) -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(root.to_owned(), Vec::new())];
    while let Some((folder, path)) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut module: Module = path.clone();
            if file.is_dir() {
                module.push(name);
                folders.push((file, module));
                continue;
            }
            if file.extension().is_none_or(|it| it != "rs") {
                continue;
            }
            if !["mod", "lib", "main"].contains(&name.as_str()) {
                module.push(name);
            }
            let text = fs::read_to_string(&file).unwrap();
            let lines = without_tests(&text).into_iter();
            let lines = lines.map(|line| line.split("//").next().unwrap());
            found.insert(module, lines.collect::<Vec<_>>().join("\n"));
        }
    }
    found
}

/// The lines before the module of tests at the end of a file.
fn without_tests(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |at: usize| {
        let attributes = lines[at..].iter().take_while(|it| it.starts_with("#["));
        let module = lines.get(at + attributes.count());
        lines[at].starts_with("#[cfg(")
            && lines[at].contains("test")
            && module.is_some_and(|it| it.starts_with("mod ") && it.ends_with('{'))
    };
    let end = (0..lines.len()).find(|&at| begins(at));
    lines[..end.unwrap_or(lines.len())].to_vec()
}

/// The paths of a tree of names, such as `a::{b, c::{self, d}}`.
fn paths(tree: &str) -> Vec<Vec<String>> {
    let Some((start, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().split("::");
        let names = path.map(|it| it.trim().to_owned());
        return vec![names.filter(|it| !it.is_empty()).collect()];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| paths(&format!("{start}{part}")))
        .collect()
}

/// What a module imports or names by `crate::` or `super::`: whether it hands it on, and the path.
fn imports(source: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    for statement in source.split(';') {
        let Some(at) = statement.rfind("use ") else {
            continue;
        };
        let before = statement[..at].lines().last().unwrap_or("").trim();
        if !(before.is_empty() || before.starts_with("pub")) {
            continue;
        }
        let passed_on = before.starts_with("pub");
        found.extend(
            paths(&statement[at + 4..])
                .into_iter()
                .map(|path| (passed_on, path)),
        );
    }
    for start in ["crate::", "super::"] {
        for (at, _) in source.match_indices(start) {
            let is_part = |it: char| it.is_alphanumeric() || it == '_' || it == ':';
            if source[..at].ends_with(is_part) {
                continue;
            }
            let path: String = source[at..].chars().take_while(|&it| is_part(it)).collect();
            // What goes on with a brace or a star is an import, which is seen above.
            if !path.ends_with("::") {
                found.extend(paths(&path).into_iter().map(|path| (false, path)));
            }
        }
    }
    found
}

/// A path as the names on the way from the root, if it leads to one of the modules.
fn absolute(of: &Module, path: &[String], modules: &BTreeMap<Module, String>) -> Option<Module> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([of.as_slice(), &path[1..]].concat()),
        "super" => {
            let up = path.iter().take_while(|it| *it == "super").count();
            let base = of.get(..of.len().checked_sub(up)?)?;
            Some([base, &path[up..]].concat())
        }
        child => {
            let inside = [of.as_slice(), &[child.to_owned()]].concat();
            let known = modules.contains_key(&inside);
            known.then(|| [of.as_slice(), path].concat())
        }
    }
}

/// Which modules each module imports. A name that is handed on counts as the module that it comes from; that a module hands on what is in its own children
/// is no import.
fn graph(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut all = Vec::new();
    let mut passed_on = BTreeMap::new();
    for (module, source) in modules {
        for (public, path) in imports(source) {
            let Some(target) = absolute(module, &path, modules) else {
                continue;
            };
            if let (true, Some(name)) = (public, target.last()) {
                let place = [module.as_slice(), std::slice::from_ref(name)].concat();
                passed_on.insert(place, target.clone());
            }
            all.push((module.clone(), public, target));
        }
    }
    let resolve = |mut path: Module| {
        // A name is handed on a few times at most.
        for _ in 0..8 {
            let whole = (0..=path.len())
                .rev()
                .find(|&end| modules.contains_key(&path[..end]))?;
            let name = path.get(..=whole).map(<[String]>::to_vec);
            match name.and_then(|name| passed_on.get(&name)) {
                Some(next) if *next != path => {
                    path = [next.as_slice(), &path[whole + 1..]].concat();
                }
                _ => return Some(path[..whole].to_vec()),
            }
        }
        None
    };
    let mut graph: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, public, target) in all {
        let Some(target) = resolve(target) else {
            continue;
        };
        let child = public && target.starts_with(&module);
        if target != module && !child {
            graph.entry(module).or_default().insert(target);
        }
    }
    graph
}

/// A way from a module back to itself, if there is one.
fn circle(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    let mut done = BTreeSet::new();
    for start in graph.keys() {
        let mut way: Vec<(&Module, Vec<&Module>)> = Vec::new();
        let next = |of| graph.get(of).into_iter().flatten().collect::<Vec<_>>();
        way.push((start, next(start)));
        while let Some((at, rest)) = way.last_mut() {
            let Some(to) = rest.pop() else {
                done.insert(*at);
                way.pop();
                continue;
            };
            if let Some(seen) = way.iter().position(|(it, _)| *it == to) {
                let part = way[seen..].iter().map(|(it, _)| (*it).clone());
                return Some(part.collect());
            }
            if !done.contains(to) {
                way.push((to, next(to)));
            }
        }
    }
    None
}

fn circle_below(root: &Path) -> Option<Vec<Module>> {
    circle(&graph(&sources(root)))
}

#[test]
fn no_two_files_import_each_other() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for folder in [
        "plugin/src",
        "plugin/model/src",
        "training/src",
        "examples/src",
        "examples/generative_level",
        "examples/prompt_editor",
        "tests/src",
    ] {
        let root = project.join(folder);
        assert!(
            !graph(&sources(&root)).is_empty(),
            "{folder} has no imports"
        );
        let found = circle_below(&root);
        let names = found.map(|it| it.iter().map(|it| it.join("::")).collect::<Vec<_>>());
        assert_eq!(names, None, "{folder}");
    }
}

/// Circles of all kinds are found, and what is none is not.
#[test]
fn circles_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\nmod b;\npub use a::A;\n");
    write("a/mod.rs", "mod inner;\npub use inner::A;\n");
    write("a/inner.rs", "pub struct A;\n// use crate::b::B;\n");
    write(
        "b.rs",
        "use std::fs;\nuse crate::{\n    A,\n};\npub struct B;\n",
    );
    assert_eq!(circle_below(folder.path()), None);
    // By way of what the root hands on.
    write("a/inner.rs", "use crate::b::B;\npub struct A(B);\n");
    let found: BTreeSet<_> = circle_below(folder.path()).unwrap().into_iter().collect();
    let names = |names: &[&str]| names.iter().map(|&it| it.to_owned()).collect::<Module>();
    assert_eq!(found, [names(&["a", "inner"]), names(&["b"])].into());
    // By a path in the midst of code, and in tests it does not count.
    write("a/inner.rs", "pub struct A;\nfn f() { crate::b::g() }\n");
    assert!(circle_below(folder.path()).is_some());
    let tested = "pub struct A;\n#[cfg(test)]\n#[allow(a)]\nmod tests {\n    use crate::b::B;\n}\n";
    write("a/inner.rs", tested);
    assert_eq!(circle_below(folder.path()), None);
    // A parent that uses its child, which uses its parent.
    write("a/mod.rs", "mod inner;\nuse inner::A;\npub struct C;\n");
    write("a/inner.rs", "use super::C;\npub struct A(C);\n");
    assert!(circle_below(folder.path()).is_some());
}
