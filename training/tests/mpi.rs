//! Training under `mpirun`: the same steps, and an end when a process dies. With the feature `mpi`, where `mpirun` is installed.
#![cfg(feature = "mpi")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use genie_training::gameplay::{GameplayOptions, GameplayRules, generate_dataset};

/// The footage that the configurations of these tests are made for.
const ALIGNED: GameplayOptions = GameplayOptions {
    rules: GameplayRules::ALIGNED,
    video: None,
};

/// `genie train` of a small world in so many processes.
fn genie(processes: usize, data: &Path, run: &Path, steps: u32) -> Command {
    let mut command = Command::new("mpirun");
    command
        .args([
            "--allow-run-as-root",
            "--oversubscribe",
            "--bind-to",
            "none",
            "-n",
        ])
        .arg(processes.to_string())
        .args([
            "-x",
            "RAYON_NUM_THREADS=1",
            env!("CARGO_BIN_EXE_genie"),
            "train",
        ])
        .args(["--preset", "platformer", "--data"])
        .arg(data)
        .arg("--run")
        .arg(run);
    let small =
        "{ layers = 1, width = 16, heads = 2, head_width = 8, feed_forward = 4, window = 4 }";
    for part in [
        "tokenizer.encoder",
        "tokenizer.decoder",
        "latent_actions.encoder",
        "dynamics.transformer",
    ] {
        command.args(["--set", &format!("model.{part}={small}")]);
    }
    for setting in [
        "bf16=false",
        "dynamics.batch=4",
        "tokenizer.batch=4",
        "dynamics.clip_frames=4",
        "tokenizer.clip_frames=4",
    ] {
        command.args(["--set", setting]);
    }
    command
        .args(["--set", &format!("tokenizer.steps={steps}")])
        .args(["--set", "dynamics.steps=4"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn footage(folder: &Path) {
    generate_dataset(folder, 6, 16, 5, ALIGNED, &|_| ()).unwrap();
}

fn loss(run: &Path, phase: &str) -> f64 {
    let text = std::fs::read_to_string(run.join(phase).join("metrics.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    line["loss"].as_f64().unwrap()
}

#[test]
fn two_processes_have_the_losses_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    footage(&data);
    let runs = [1, 2].map(|processes| {
        let run = folder.path().join(processes.to_string());
        let output = genie(processes, &data, &run, 8).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(run.join("world.genie.safetensors").exists());
        run
    });
    for phase in ["tokenizer", "dynamics"] {
        let [one, two] = [0, 1].map(|at: usize| loss(&runs[at], phase));
        assert!((one - two).abs() < 1e-4 * one.abs(), "{phase}: {one} {two}");
    }
}

#[test]
fn a_process_that_dies_ends_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    footage(&data);
    let run = folder.path().join("run");
    let mut mpirun = genie(2, &data, &run, 100_000).spawn().unwrap();
    // Well into the steps.
    let metrics = run.join("tokenizer/metrics.jsonl");
    let begun = Instant::now();
    while std::fs::metadata(&metrics).map_or(0, |it| it.len()) == 0 {
        assert!(
            begun.elapsed() < Duration::from_mins(4),
            "no step was taken"
        );
        assert!(mpirun.try_wait().unwrap().is_none(), "mpirun ended early");
        std::thread::sleep(Duration::from_millis(200));
    }
    let children = format!("/proc/{0}/task/{0}/children", mpirun.id());
    let children = std::fs::read_to_string(children).unwrap();
    let rank = children
        .split_whitespace()
        .find(|id| {
            let name = std::fs::read_to_string(format!("/proc/{id}/comm"));
            name.is_ok_and(|name| name.trim() == "genie")
        })
        .unwrap();
    let killed = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-KILL", rank])
            .status()
            .unwrap()
            .success()
    );
    let status = loop {
        if let Some(status) = mpirun.try_wait().unwrap() {
            break status;
        }
        assert!(
            killed.elapsed() < Duration::from_secs(30),
            "the others go on"
        );
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(!status.success());
}
