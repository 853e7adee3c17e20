//! Training under `mpirun`: the same steps, and an end when a process dies. With the feature `mpi`, where `mpirun` is installed.
#![cfg(feature = "mpi")]
#![allow(clippy::unwrap_used)]

mod tiny_training;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tiny_training::footage;

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

/// The processes of the training that an `mpirun` has started so far.
fn ranks_of(mpirun: u32) -> Vec<u32> {
    let children = format!("/proc/{mpirun}/task/{mpirun}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    let is_rank = |id: &u32| {
        let name = std::fs::read_to_string(format!("/proc/{id}/comm"));
        name.is_ok_and(|name| name.trim() == "genie")
    };
    children.filter(is_rank).collect()
}

/// Ends processes without giving them a say.
fn kill(processes: &[u32]) {
    let ids = processes.iter().map(u32::to_string);
    let status = Command::new("kill").arg("-KILL").args(ids).status();
    // One of them may have ended by itself.
    status.unwrap();
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
    let killed = Instant::now();
    kill(&ranks_of(mpirun.id())[..1]);
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
    let mut said = String::new();
    let mut stderr = mpirun.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.to_lowercase().contains("rank"), "{said}");
}

/// Twenty times a process of a run, or all of them at once, are killed at some moment. Resumed each time, the run comes to the weights of
/// a run to which nothing happened. `cargo test -p genie_training --features mpi --test mpi -- --ignored --nocapture`
#[test]
#[ignore = "takes some minutes"]
fn killed_at_random_moments_a_run_goes_on_to_the_same_weights() {
    const KILLS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    footage(&data);
    let run_of = |name: usize| folder.path().join(name.to_string());
    let begin = |run: &Path| {
        let mut command = genie(2, &data, run, 900);
        command.args(["--set", "save_every=0.2", "--set", "dynamics.steps=600"]);
        if run.join("tokenizer/state.safetensors").exists() {
            command.arg("--resume");
        }
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    let files = |run: &Path| {
        let names = [
            "tokenizer/state.safetensors",
            "dynamics/state.safetensors",
            "world.genie.safetensors",
        ];
        names.map(|name| contents(&run.join(name)))
    };
    assert!(begin(&run_of(0)).wait().unwrap().success());
    let undisturbed = files(&run_of(0));
    let seed = std::process::id();
    let mut rng = ChaCha8Rng::seed_from_u64(seed.into());
    let (mut kills, mut resumed_at, mut runs) = (0, Vec::new(), 0);
    while kills < KILLS {
        runs += 1;
        let run = run_of(runs);
        loop {
            let (before, begun) = (lines_of(&run), Instant::now());
            let mut mpirun = begin(&run);
            // Most moments are amid the steps, some in what is done before them.
            let among_steps = rng.random::<f32>() < 0.8;
            while among_steps
                && lines_of(&run) == before
                && mpirun.try_wait().unwrap().is_none()
                && begun.elapsed() < Duration::from_mins(1)
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(Duration::from_millis(rng.random_range(0..2500)));
            if kills < KILLS && mpirun.try_wait().unwrap().is_none() {
                let ranks = ranks_of(mpirun.id());
                match ranks.as_slice() {
                    [] => kill(&[mpirun.id()]),
                    ranks if rng.random() => kill(&[ranks[rng.random_range(0..ranks.len())]]),
                    ranks => kill(&[ranks, &[mpirun.id()]].concat()),
                }
                kills += 1;
                let ended = Instant::now();
                mpirun.wait().unwrap();
                assert!(ended.elapsed() < Duration::from_secs(30), "{kills}");
                resumed_at.push(lines_of(&run));
            } else if mpirun.wait().unwrap().success() {
                break;
            }
        }
        for (found, expected) in files(&run).iter().zip(&undisturbed) {
            assert_eq!(found.0, expected.0);
            let pairs = found.1.iter().zip(&expected.1);
            let other: Vec<_> = pairs.filter(|(a, b)| a != b).map(|(a, _)| &a.0).collect();
            assert!(
                other.is_empty(),
                "{other:?} after {kills} kills, seed {seed}"
            );
        }
    }
    println!(
        "{kills} kills in {runs} runs (seed {seed}), with so many lines of metrics written: {resumed_at:?}"
    );
}

/// All tensors of a file, and the step that it was saved at.
fn contents(path: &Path) -> (Option<String>, Vec<(String, Vec<u8>)>) {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let step = header.metadata().as_ref().and_then(|it| it.get("step"));
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors = tensors.iter();
    let mut tensors: Vec<_> = tensors
        .map(|(name, tensor)| (name.to_owned(), tensor.data().to_vec()))
        .collect();
    tensors.sort();
    (step.cloned(), tensors)
}

/// How far a run is: lines of both phases' metrics.
fn lines_of(run: &Path) -> [usize; 2] {
    ["tokenizer", "dynamics"].map(|phase| {
        let text = std::fs::read_to_string(run.join(phase).join("metrics.jsonl"));
        text.map_or(0, |text| text.lines().count())
    })
}
