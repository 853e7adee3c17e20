//! What users give where paths are wanted.

use std::fs;

use image::ImageFormat;

use super::footage::{encoded, files, genie, import, keeping, plain, save};

fn png(value: u8) -> Vec<u8> {
    encoded(&plain(4, 4, value), ImageFormat::Png)
}

#[test]
fn wildcards_work_under_folders_with_brackets() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("[OBS] rec (1)");
    for number in 0..3 {
        save(&recordings, &format!("{number}.png"), &png(number));
    }
    save(&recordings, "3.bmp", b"not wanted");
    for pattern in ["*.png", "[0-2].png", "?.png"] {
        let out = folder.path().join("out");
        let summary = import(&recordings.join(pattern), &out, &keeping(4, 4)).unwrap();
        assert_eq!(summary.frames, 3, "{pattern}");
        fs::remove_dir_all(&out).unwrap();
    }
    let error = import(
        &recordings.join("*.gif"),
        &folder.path().join("out"),
        &keeping(4, 4),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("nothing has such a name"), "{error}");
}

#[test]
fn what_has_to_be_fetched_or_unpacked_first_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let zip = save(folder.path(), "clips.zip", b"PK\x03\x04");
    let packed = save(folder.path(), "clips.tar.gz", &[0x1F, 0x8B, 8, 0]);
    let out = folder.path().join("out");
    for (path, said) in [
        (zip.as_path(), "unpack it first"),
        (packed.as_path(), "unpack it first"),
        (
            "https://example.org/film.mp4?quality=high".as_ref(),
            "download it first",
        ),
    ] {
        let error = import(path, &out, &keeping(4, 4)).unwrap_err().to_string();
        assert!(error.contains(said), "{}: {error}", path.display());
    }
    // Beside footage they are passed over.
    save(folder.path(), "0.png", &png(3));
    let summary = import(folder.path(), &out, &keeping(4, 4)).unwrap();
    let told = super::footage::said(&summary);
    assert!(told.contains("2 files are packed"), "{told}");
}

#[test]
fn nothing_is_left_of_folders_that_were_made_for_figures() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    let out = folder.path().join("out");
    let text = |path: &std::path::Path| path.display().to_string();
    let run = |json: &std::path::Path| {
        genie(&[
            "import",
            &text(&nothing),
            "--out",
            &text(&out),
            "--json",
            &text(json),
        ])
    };
    for json in [
        "out/figures.json",
        "out/a/b/figures.json",
        "other/figures.json",
    ] {
        assert_eq!(
            run(&folder.path().join(json)).status.code(),
            Some(1),
            "{json}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{json}");
    }
    // What was there before stays.
    fs::create_dir(&out).unwrap();
    assert_eq!(run(&out.join("figures.json")).status.code(), Some(1));
    assert!(out.is_dir() && files(&out).is_empty());
}

#[test]
fn a_part_may_be_given_as_on_a_clock() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    for number in 0..30 {
        save(&clip, &format!("{number:02}.png"), &png(number));
    }
    save(&clip, "frames_per_second", b"10");
    let out = folder.path().join("out");
    let (clip, out_text) = (clip.display().to_string(), out.display().to_string());
    let part = [
        "--keep-all",
        "--fps",
        "10",
        "--start",
        "0:01",
        "--end",
        "0:00:02.5",
    ];
    let ended = genie(&[&["import", &clip, "--out", &out_text], &part[..]].concat());
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(super::footage::clips(&out)[0].len(), 15);
    let ended = genie(&["import", &clip, "--out", &out_text, "--start", "1h"]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("h:mm:ss"), "{said}");
}
