//! The model's threads, as Linux sees them.

use std::time::{Duration, Instant};

use crate::patience::PATIENCE;

/// Names and scheduling policies of the model's threads in this process; empty where the system does not have them.
///
/// The policy is field 41 of `/proc/.../stat`, see `proc(5)` and `sched(7)`.
pub fn genie_thread_policies() -> Vec<(String, u32)> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    tasks
        .filter_map(|task| {
            let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            // The name is in parentheses and may have anything in it.
            let (number_and_name, fields) = stat.rsplit_once(')')?;
            let (_, name) = number_and_name.split_once('(')?;
            let policy = fields.split_whitespace().nth(38)?.parse().ok()?;
            name.starts_with("genie-")
                .then(|| (name.to_owned(), policy))
        })
        .collect()
}

/// Waits until the model's threads have ended. Returns how many are left when none has ended for a long time.
///
/// Threads of the pool end just after the worker that owned them.
pub fn wait_for_no_genie_threads() -> usize {
    let (mut left, mut moved) = (genie_thread_policies().len(), Instant::now());
    while left > 0 && moved.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
        let now = genie_thread_policies().len();
        if now != left {
            (left, moved) = (now, Instant::now());
        }
    }
    left
}
