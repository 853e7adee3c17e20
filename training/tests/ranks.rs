//! A training in two processes is that of one. Threads stand for the processes, and shared memory for what connects them.
#![allow(clippy::unwrap_used)]

mod tiny_training;

use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex};

use candle_core::Device;
use genie_model::ops::with_composed;
use genie_training::train::{Ended, Ranks, TrainConfig, train, with_ranks};

/// What the threads of a training share.
struct Shared {
    barrier: Barrier,
    floats: Mutex<Vec<Vec<f32>>>,
    wide: Mutex<Vec<Vec<f64>>>,
    numbers: Mutex<Vec<Vec<u32>>>,
}

/// One of the threads.
#[derive(Clone)]
struct Thread {
    shared: Arc<Shared>,
    rank: usize,
    count: usize,
}

impl std::fmt::Debug for Thread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.count)
    }
}

impl Thread {
    fn all(count: usize) -> Vec<Self> {
        let shared = Arc::new(Shared {
            barrier: Barrier::new(count),
            floats: Mutex::new(vec![Vec::new(); count]),
            wide: Mutex::new(vec![Vec::new(); count]),
            numbers: Mutex::new(vec![Vec::new(); count]),
        });
        let thread = |rank| Self {
            shared: Arc::clone(&shared),
            rank,
            count,
        };
        (0..count).map(thread).collect()
    }

    /// The values of all ranks.
    fn exchange<T: Clone>(&self, own: &[T], place: &Mutex<Vec<Vec<T>>>) -> Vec<Vec<T>> {
        place.lock().unwrap()[self.rank] = own.to_vec();
        self.shared.barrier.wait();
        let all = place.lock().unwrap().clone();
        self.shared.barrier.wait();
        all
    }
}

impl Ranks for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.count
    }

    fn sum(&self, values: &mut [f32]) {
        let all = self.exchange(values, &self.shared.floats);
        for (i, value) in values.iter_mut().enumerate() {
            *value = all.iter().map(|it| it[i]).sum();
        }
    }

    fn sum_wide(&self, values: &mut [f64]) {
        let all = self.exchange(values, &self.shared.wide);
        for (i, value) in values.iter_mut().enumerate() {
            *value = all.iter().map(|it| it[i]).sum();
        }
    }

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        self.exchange(own, &self.shared.floats).concat()
    }

    fn gather_numbers(&self, own: &[u32]) -> Vec<u32> {
        self.exchange(own, &self.shared.numbers).concat()
    }

    fn wait(&self) {
        self.shared.barrier.wait();
    }
}

fn config() -> TrainConfig {
    let mut config = tiny_training::config();
    (config.tokenizer.batch, config.dynamics.batch) = (4, 4);
    // Past the first revival of codes, and of actions.
    config.tokenizer.steps = 28;
    config.actions_frozen = 3;
    config
}

/// How a training is run.
#[derive(Clone, Copy)]
struct Way {
    ranks: usize,
    /// Whether its operations are those of other devices.
    composed: bool,
}

fn fused(ranks: usize) -> Way {
    Way {
        ranks,
        composed: false,
    }
}

/// Runs a training in threads until `stop_at` steps of a phase; all must end alike.
fn run(
    way: Way,
    config: &TrainConfig,
    data: &Path,
    folder: &Path,
    resume: bool,
    stop_at: (&str, u64),
) -> Ended {
    let ended: Vec<Ended> = std::thread::scope(|scope| {
        let threads = Thread::all(way.ranks).into_iter().map(|thread| {
            scope.spawn(move || {
                with_ranks(Rc::new(thread), || {
                    let stop = |phase: &str, steps: u64| (phase, steps) == stop_at;
                    let train =
                        || train(config, data, folder, resume, &Device::Cpu, &stop).unwrap();
                    if way.composed {
                        with_composed(train)
                    } else {
                        train()
                    }
                })
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(ended.iter().all(|it| *it == ended[0]), "{ended:?}");
    ended[0]
}

/// The mean losses in the metrics of a phase.
fn losses(folder: &Path, phase: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(folder.join(phase).join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["loss"].as_f64().unwrap()
    });
    lines.collect()
}

#[test]
fn two_ranks_take_the_steps_of_one_and_either_goes_on_with_the_other_ones_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    tiny_training::footage(&data);
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let never = ("nothing", 0);
    let config = config();
    let run = |count, folder: &Path, resume, stop_at| {
        run(fused(count), &config, &data, folder, resume, stop_at)
    };
    assert_eq!(run(1, &one, false, never), Ended::Complete);
    assert_eq!(run(2, &two, false, ("tokenizer", 9)), Ended::Stopped);
    assert_eq!(run(4, &two, true, ("dynamics", 11)), Ended::Stopped);
    assert_eq!(run(2, &two, true, never), Ended::Complete);
    for phase in ["tokenizer", "dynamics"] {
        let (one, two) = (losses(&one, phase), losses(&two, phase));
        // A run that stops within a line of the metrics writes the mean of what came after.
        assert_eq!(one.len(), two.len());
        let (one, two) = (one.last().unwrap(), two.last().unwrap());
        assert!((one - two).abs() < 1e-4 * one.abs(), "{phase}: {one} {two}");
    }
}

/// Whatever the model is made of, and where its operations run.
#[test]
fn two_ranks_have_the_losses_of_one_in_every_line_of_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    tiny_training::footage(&data);
    let mut configurations = tiny_training::kinds(&config());
    let passes = |c: &mut TrainConfig| (c.tokenizer.accumulate, c.dynamics.accumulate) = (2, 2);
    let passes = tiny_training::changed(&config(), passes);
    configurations.push(("several passes", passes.clone()));
    let configurations = configurations.into_iter().map(|it| (it, false));
    let composed = (("composed operations", passes), true);
    for ((name, config), composed) in configurations.chain([composed]) {
        let runs = [1, 2].map(|ranks| {
            let run_folder = folder.path().join(format!("{name} {ranks}"));
            let way = Way { ranks, composed };
            let ended = run(way, &config, &data, &run_folder, false, ("nothing", 0));
            assert_eq!(ended, Ended::Complete);
            run_folder
        });
        for phase in ["tokenizer", "dynamics"] {
            let [one, two] = runs.each_ref().map(|run| losses(run, phase));
            assert!(!one.is_empty() && one.len() == two.len());
            for (one, two) in one.iter().zip(&two) {
                let same = (one - two).abs() < 1e-4 * one.abs();
                assert!(same, "{name}, {phase}: {one} {two}");
            }
        }
    }
}

#[test]
fn batches_that_ranks_cannot_share_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    tiny_training::footage(&data);
    let threads = Thread::all(3);
    std::thread::scope(|scope| {
        for thread in threads {
            let (data, run) = (&data, folder.path().join("run"));
            scope.spawn(move || {
                with_ranks(Rc::new(thread), || {
                    let never = |_: &str, _: u64| false;
                    let error =
                        train(&config(), data, &run, false, &Device::Cpu, &never).unwrap_err();
                    assert!(error.to_string().contains("4 clips"), "{error}");
                });
            });
        }
    });
}
