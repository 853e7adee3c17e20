//! The program `genie` among others: pipes that are closed while it prints.
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
