//! Footage that is added, true actions, and what they are good for.

use std::path::Path;

use genie_training::dataset::{Dataset, TrueActions};
use genie_training::ingest::{FootageChanges, FoundFootage, IngestOptions, PaceChoice};
use image::ImageFormat;

use super::footage::{encoded, first_bytes, import, keeping, plain, said, save, textured};

fn clip(folder: &Path, values: std::ops::Range<u8>) {
    for value in values {
        save(
            folder,
            &format!("{value:03}.png"),
            &encoded(&plain(4, 4, value), ImageFormat::Png),
        );
    }
    save(folder, "frames_per_second", b"10");
}

#[test]
fn footage_is_added_and_what_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second, out) = (
        folder.path().join("a"),
        folder.path().join("b"),
        folder.path().join("out"),
    );
    clip(&first, 0..5);
    clip(&second, 20..24);
    import(&first, &out, &keeping(4, 4)).unwrap();
    let before = std::fs::read(out.join("shard-00000.frames")).unwrap();
    assert!(import(&second, &out, &keeping(4, 4)).is_err());
    let add = IngestOptions {
        append: true,
        ..keeping(4, 4)
    };
    import(&second, &out, &add).unwrap();
    assert_eq!(
        first_bytes(&out),
        [(0..5).collect::<Vec<u8>>(), (20..24).collect()]
    );
    assert_eq!(
        std::fs::read(out.join("shard-00000.frames")).unwrap(),
        before
    );
    for (options, said) in [
        (
            IngestOptions {
                append: true,
                ..keeping(8, 8)
            },
            "4x4",
        ),
        (
            IngestOptions {
                pace: PaceChoice::FramesPerSecond(20.0),
                ..add
            },
            "10 frames a second",
        ),
    ] {
        let error = import(&second, &out, &options).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(Dataset::open(&out).unwrap().clip_count(), 2);
}

#[test]
fn true_actions_come_from_a_file_beside_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second, out) = (
        folder.path().join("a"),
        folder.path().join("b"),
        folder.path().join("out"),
    );
    clip(&first, 0..6);
    save(
        &first,
        "actions.csv",
        b"frame,keys\n0,\n2,right\n4,jump+right\n",
    );
    clip(&second, 20..23);
    save(&second, "actions.csv", b"0,right\n");
    import(folder.path(), &out, &keeping(4, 4)).unwrap();
    let actions = TrueActions::open(&out).unwrap();
    // By name: none, jump and right, right.
    assert_eq!(actions.clip(0), Some([0, 0, 2, 2, 1].as_slice()));
    assert_eq!(actions.clip(1), Some([2, 2].as_slice()));
    let names = std::fs::read_to_string(out.join("true_actions.json")).unwrap();
    assert!(names.contains("jump+right"), "{names}");

    // Frames that are left out take their keys with them: the longest held counts.
    let half = folder.path().join("half");
    let options = IngestOptions {
        pace: PaceChoice::Every(2),
        ..keeping(4, 4)
    };
    import(&first, &half, &options).unwrap();
    assert_eq!(
        TrueActions::open(&half).unwrap().clip(0),
        Some([0, 1].as_slice())
    );

    // Of a clip without them the dataset says nothing.
    std::fs::remove_file(second.join("actions.csv")).unwrap();
    let without = folder.path().join("without");
    let summary = import(folder.path(), &without, &keeping(4, 4));
    let summary = summary.unwrap();
    assert!(
        said(&summary).contains("true actions are known for 1 of 2 clips"),
        "{}",
        said(&summary)
    );
    let actions = TrueActions::of(&Dataset::open(&without).unwrap())
        .unwrap()
        .unwrap();
    assert_eq!(actions.clip(0), Some([0, 0, 2, 2, 1].as_slice()));
    assert!(!actions.is_known(1));
}

#[test]
fn adding_footage_without_actions_takes_none_away() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second, out) = (
        folder.path().join("a"),
        folder.path().join("b"),
        folder.path().join("out"),
    );
    clip(&first, 0..5);
    save(&first, "actions.csv", b"frame,keys\n0,left\n2,right\n");
    clip(&second, 20..24);
    import(&first, &out, &keeping(4, 4)).unwrap();
    let files = || {
        ["true_actions.bin", "true_actions.json", "dataset.json"]
            .map(|name| std::fs::read(out.join(name)).unwrap())
    };
    let before = files();
    let add = IngestOptions {
        append: true,
        ..keeping(4, 4)
    };
    let strict = IngestOptions {
        strict: true,
        ..add.clone()
    };
    let error = import(&second, &out, &strict).unwrap_err().to_string();
    assert!(error.contains("1 of 2 clips"), "{error}");
    assert_eq!(files(), before);
    import(&second, &out, &add).unwrap();
    let third = folder.path().join("c");
    clip(&third, 40..44);
    save(&third, "actions.csv", b"frame,keys\n0,jump\n");
    import(&third, &out, &add).unwrap();
    let actions = TrueActions::of(&Dataset::open(&out).unwrap())
        .unwrap()
        .unwrap();
    assert_eq!(actions.clip(0), Some([0, 0, 1, 1].as_slice()));
    assert_eq!(actions.clip(1), Some([].as_slice()));
    assert_eq!(actions.clip(2), Some([2, 2, 2].as_slice()));
}

#[test]
fn footage_that_is_there_is_not_added_again() {
    let folder = tempfile::tempdir().unwrap();
    let (films, out) = (folder.path().join("films"), folder.path().join("out"));
    clip(&films.join("a"), 0..5);
    import(&films, &out, &keeping(4, 4)).unwrap();
    let add = IngestOptions {
        append: true,
        ..keeping(4, 4)
    };
    let error = import(&films, &out, &add).unwrap_err().to_string();
    assert!(error.contains("already"), "{error}");
    let paths = [films.clone()];
    let look = || FoundFootage::look(&paths, &out, &add);
    assert_eq!(look().changes(), FootageChanges::default());
    clip(&films.join("b"), 20..24);
    let b = films.join("b").display().to_string();
    assert_eq!(look().changes().new, [b.as_str()]);
    save(&films.join("a"), "actions.csv", b"frame,keys\n0,\n");
    assert_eq!(look().without_actions(), [b.as_str()]);
    std::fs::remove_file(films.join("a/actions.csv")).unwrap();
    let summary = import(&films, &out, &add).unwrap();
    assert!(
        said(&summary).contains("in the dataset already"),
        "{}",
        said(&summary)
    );
    assert_eq!(
        first_bytes(&out),
        [(0..5).collect::<Vec<u8>>(), (20..24).collect()]
    );
}

#[test]
#[cfg(unix)]
fn links_and_what_this_program_has_made_are_no_footage() {
    let folder = tempfile::tempdir().unwrap();
    let films = folder.path().join("films");
    clip(&films.join("a"), 0..5);
    std::os::unix::fs::symlink(&films, films.join("again")).unwrap();
    std::os::unix::fs::symlink(films.join("a"), films.join("b")).unwrap();
    import(&films.join("a"), &films.join("made"), &keeping(4, 4)).unwrap();
    save(&films, "stray.actions.csv", b"frame,keys\n0,left\n");
    save(&films, "recording", b"no footage at all");
    let out = folder.path().join("out");
    let summary = import(&films, &out, &keeping(4, 4)).unwrap();
    assert_eq!(first_bytes(&out), [(0..5).collect::<Vec<u8>>()]);
    let said = said(&summary);
    for what in [
        "made: a dataset",
        "again: met before",
        "b: met before",
        "stray.actions.csv: the film that it belongs to is not there",
        "recording",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
}

#[test]
fn a_pace_that_is_given_is_no_assumption() {
    let folder = tempfile::tempdir().unwrap();
    let films = folder.path().join("a");
    clip(&films, 0..5);
    std::fs::remove_file(films.join("frames_per_second")).unwrap();
    let strict = IngestOptions {
        strict: true,
        ..keeping(4, 4)
    };
    assert!(import(&films, &folder.path().join("no"), &strict).is_err());
    let given = IngestOptions {
        pictures_pace: Some(10.0),
        ..strict
    };
    import(&films, &folder.path().join("out"), &given).unwrap();
}

#[test]
fn a_wrong_file_of_actions_is_named() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), 0..3);
    save(folder.path(), "actions.csv", b"frame,keys\nzero,left\n");
    let error = import(folder.path(), &folder.path().join("out"), &keeping(4, 4))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("actions.csv") && error.contains("line 2"),
        "{error}"
    );
}

#[test]
fn each_decision_is_in_the_report_with_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    for number in 0..60_u32 {
        let picture = if (20..30).contains(&number) {
            plain(64, 64, 0)
        } else {
            textured(64, 64, number * 2)
        };
        save(
            &clip,
            &format!("{number:03}.png"),
            &encoded(&picture, ImageFormat::Png),
        );
    }
    save(&clip, "frames_per_second", b"10");
    let out = folder.path().join("out");
    let options = IngestOptions {
        keep_all: false,
        ..keeping(64, 64)
    };
    let summary = import(&clip, &out, &options).unwrap();
    assert_eq!((summary.clips, summary.frames), (2, 50));
    assert_eq!(summary.left_out.get("blank"), Some(&10));
    let report = std::fs::read_to_string(summary.report.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let source = &report["sources"][0];
    assert_eq!(source["clips"][1]["from"].as_f64(), Some(3.0));
    assert_eq!(source["left_out"][0]["reason"], "blank");
    for sheet in source["sheets"].as_array().unwrap() {
        let path = summary.report.join(sheet.as_str().unwrap());
        assert!(genie_training::pictures::read_image(&path).is_ok());
    }
}

#[test]
fn what_came_changed_or_went_is_named_and_what_was_only_touched_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (films, out) = (folder.path().join("films"), folder.path().join("out"));
    for (name, frames) in [("a", 0..5), ("b", 10..15), ("c", 20..25)] {
        clip(&films.join(name), frames);
    }
    save(&films, "broken.mp4", b"no film");
    import(&films, &out, &keeping(4, 4)).unwrap();
    let changes = || {
        let found = FoundFootage::look(std::slice::from_ref(&films), &out, &keeping(4, 4));
        found.changes()
    };
    // Nor is what could not be read.
    let again = std::fs::read(films.join("a/000.png")).unwrap();
    save(&films.join("a"), "000.png", &again);
    assert_eq!(changes(), FootageChanges::default());
    let other = std::fs::read(films.join("a/001.png")).unwrap();
    save(&films.join("a"), "000.png", &other);
    std::fs::remove_dir_all(films.join("b")).unwrap();
    clip(&films.join("d"), 30..35);
    let named = |name: &str| vec![films.join(name).display().to_string()];
    assert_eq!(
        changes(),
        FootageChanges {
            new: named("d"),
            changed: named("a"),
            gone: named("b"),
        }
    );
    // Only a file of actions came.
    save(&films.join("c"), "actions.csv", b"frame,keys\n0,jump\n");
    assert_eq!(changes().changed.len(), 2);
}

#[test]
fn actions_of_other_footage_are_said() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), 0..6);
    save(
        folder.path(),
        "actions.csv",
        b"frame;left;rigth\n0;1;0\n3;0;1\n9000;0;0\n",
    );
    let out = folder.path().join("out");
    let summary = import(folder.path(), &out, &keeping(4, 4)).unwrap();
    let told = said(&summary);
    for part in [
        "rows of actions.csv are behind the last frame, which is number 5 (1 of 3)",
        "rigth (is it right?)",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let strict = IngestOptions {
        strict: true,
        ..keeping(4, 4)
    };
    assert!(import(folder.path(), &folder.path().join("strict"), &strict).is_err());
    // Of a part of the footage the other rows are not wanted.
    let part = IngestOptions {
        end: Some(0.3),
        ..keeping(4, 4)
    };
    let summary = import(folder.path(), &folder.path().join("part"), &part).unwrap();
    assert!(!said(&summary).contains("rows"), "{}", said(&summary));
    // A table of which nothing says the keys is no list of keys.
    save(folder.path(), "actions.csv", b"0;1;0;0\n3;0;1;1\n");
    let error = import(folder.path(), &folder.path().join("no"), &keeping(4, 4));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("actions.csv") && error.contains("names them"),
        "{error}"
    );
}
