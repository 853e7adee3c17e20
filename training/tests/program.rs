//! The program `genie` among others: signals, and pipes that are closed while it prints.
#![allow(clippy::unwrap_used)]

mod tiny_training;

use std::path::Path;
use std::process::{Command, Stdio};

fn genie() -> Command {
    Command::new(env!("CARGO_BIN_EXE_genie"))
}

/// A tiny training in a file, of so many steps of the dynamics.
fn configuration(path: &Path, steps: u64) {
    let mut config = tiny_training::config();
    config.dynamics.steps = steps;
    std::fs::write(path, toml::to_string(&config).unwrap()).unwrap();
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_goes_away_ends_no_work_and_is_not_complained_about() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let ended = genie()
        .args(["plan", "--preset", "platformer"])
        .stdout(closed())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{said}");

    let ended = genie()
        .args(["gameplay", "--clips", "6", "--frames", "16", "--out"])
        .arg(at("data"))
        .stdout(closed())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !said.contains("panic"), "{said}");
    assert!(at("data/dataset.json").exists());

    // A log that nobody reads ends no training.
    configuration(&at("tiny.toml"), 8);
    let ended = genie()
        .args(["train", "--any-pace", "--config"])
        .arg(at("tiny.toml"))
        .arg("--data")
        .arg(at("data"))
        .arg("--run")
        .arg(at("run"))
        .stdout(closed())
        .stderr(closed())
        .status()
        .unwrap();
    assert!(ended.success(), "{ended}");
    assert!(at("run/world.genie.safetensors").exists());
}

/// Asked to stop, a training saves where it is and ends with the status of the signal; `--resume` goes on from there.
#[cfg(unix)]
#[test]
fn a_signal_ends_a_training_in_order_and_it_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    tiny_training::footage(&at("data"));
    configuration(&at("tiny.toml"), 1_000_000);
    let metrics = || std::fs::read_to_string(at("run/dynamics/metrics.jsonl")).unwrap_or_default();
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut command = genie();
        command.args(["train", "--any-pace", "--config"]);
        command.arg(at("tiny.toml")).arg("--data").arg(at("data"));
        command.arg("--run").arg(at("run"));
        if at("run").exists() {
            command.arg("--resume");
        }
        let before = metrics().lines().count();
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        // It has taken some steps of this call.
        while metrics().lines().count() < before + 2 {
            assert_eq!(child.try_wait().unwrap(), None, "{signal}");
            assert!(begun.elapsed().as_secs() < 240, "{signal}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let id = child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &id])
            .status();
        assert!(sent.unwrap().success());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(status), "{said}");
        assert!(said.contains("--resume goes on"), "{said}");
        assert!(at("run/dynamics/state.safetensors").exists());
    }
    // No step was taken twice, and none was left out.
    let text = metrics();
    let steps = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["step"].as_u64().unwrap()
    });
    let steps: Vec<u64> = steps.collect();
    assert!(steps.len() >= 6, "{steps:?}");
    for (number, step) in steps.iter().enumerate() {
        assert_eq!(*step, 20 * number as u64 + 19, "{steps:?}");
    }
}
