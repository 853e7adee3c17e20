//! Imports that end before their time.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use image::ImageFormat;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::footage::{encoded, files, genie, import, keeping, save, textured};

/// Twelve clips of sixty pictures.
fn footage(folder: &std::path::Path) {
    for clip in 0..12_u32 {
        for number in 0..60 {
            let bytes = encoded(&textured(96, 96, clip * 100 + number * 2), ImageFormat::Png);
            save(
                &folder.join(format!("clip{clip}")),
                &format!("{number}.png"),
                &bytes,
            );
        }
    }
    save(folder, "frames_per_second", b"10");
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_and_begun_again_it_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video");
    footage(&video);
    let video = video.display().to_string();
    let arguments = |out: &str| ["import", &video, "--out", out].map(str::to_owned);
    let run = |out: &str| {
        let arguments = arguments(out);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        genie(&arguments)
    };
    let whole = folder.path().join("whole");
    let begun = std::time::Instant::now();
    let ended = run(&whole.display().to_string());
    let took = begun.elapsed();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let expected = files(&whole);

    let killed = folder.path().join("killed");
    let mut random = StdRng::seed_from_u64(3);
    let mut kills = 0;
    for _ in 0..20 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_genie"))
            .args(arguments(&killed.display().to_string()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs_f64(
            took.as_secs_f64() * random.random_range(0.05..1.0),
        ));
        // On Unix that is `kill -9`.
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        kills += u32::from(!ended.success());
        if killed.join("dataset.json").exists() {
            // It was quicker than the signal; what it made must be whole. Then from the beginning.
            assert!(
                run(&killed.display().to_string()).status.code() == Some(1)
                    || !killed.join(".import").exists()
            );
            assert_eq!(without_work(files(&killed)), expected);
            fs::remove_dir_all(&killed).unwrap();
        }
    }
    assert!(kills > 5, "only {kills} of 20 were killed in time");
    if !killed.join("dataset.json").exists() {
        let ended = run(&killed.display().to_string());
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    assert!(files(&killed) == expected, "the bytes differ");
}

/// The dataset's files without those of an import that was killed when all but tidying was done.
fn without_work(
    files: std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>,
) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    files
        .into_iter()
        .filter(|(name, _)| !name.starts_with(".import"))
        .collect()
}

#[cfg(unix)]
#[test]
fn a_signal_stops_it_with_its_status_and_the_same_command_goes_on() {
    // 128 and the signal's number, as shells say it.
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("video");
        footage(&video);
        let out = folder.path().join("out");
        let child = Command::new(env!("CARGO_BIN_EXE_genie"))
            .args(["import", "--threads", "1"])
            .arg(&video)
            .arg("--out")
            .arg(&out)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // As soon as it has begun to read.
        while !out.join(".import").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20));
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &id])
                .status()
                .unwrap()
                .success()
        );
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        if ended.status.success() {
            // Too quick for the signal.
            continue;
        }
        assert_eq!(ended.status.code(), Some(status), "{signal}: {said}");
        assert!(said.contains("goes on"), "{said}");
        let half: Vec<_> = files(&out)
            .into_keys()
            .filter(|name| name.to_string_lossy().contains("partial"))
            .collect();
        assert!(half.is_empty(), "{half:?}");
        let again = genie(&[
            "import",
            &video.display().to_string(),
            "--out",
            &out.display().to_string(),
        ]);
        assert!(again.status.success());
        assert!(!out.join(".import").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video");
    footage(&video);
    let out = folder.path().join("out");
    // Files may have 100 KB; a shard wants more.
    let script = format!(
        "trap '' XFSZ; ulimit -f 200; exec {} import {} --out {}",
        env!("CARGO_BIN_EXE_genie"),
        video.display(),
        out.display()
    );
    let ended = Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("write"), "{said}");
    assert!(!out.exists(), "{:?}", files(&out).keys());
}

#[test]
fn other_settings_do_not_take_over_what_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video");
    footage(&video);
    let out = folder.path().join("out");
    // What an interrupted import leaves.
    let unit = out.join(".import/0123456789abcdef");
    save(&unit, "unit.json", b"{}");
    let summary = import(&video, &out, &keeping(16, 16)).unwrap();
    assert_eq!((summary.resumed, summary.clips), (0, 12));
    assert!(!out.join(".import").exists());
}

#[test]
fn the_status_says_that_something_could_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video");
    for number in 0..5 {
        save(
            &video,
            &format!("{number}.png"),
            &encoded(&textured(64, 64, number * 2), ImageFormat::Png),
        );
    }
    let out = folder.path().join("out").display().to_string();
    let video_text = video.display().to_string();
    assert!(
        genie(&["import", &video_text, "--out", &out])
            .status
            .success()
    );
    save(&video, "film.mp4", b"not a film");
    let ended = genie(&["import", &video_text, "--out", &format!("{out}2")]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("film.mp4"));
    assert!(fs::metadata(format!("{out}2/dataset.json")).is_ok());
    // Today's form.
    let ended = genie(&[
        "import",
        "--video",
        &video_text,
        "--out",
        &format!("{out}3"),
        "--size",
        "32X32",
    ]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(fs::metadata(format!("{out}3/dataset.json")).is_ok());
}
