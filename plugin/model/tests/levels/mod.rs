//! Runs the tests of a test program at every instruction set of this machine.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use genie_model::ops::{SimdLevel, simd_level};

/// Set in the processes that [`run_at_other_levels`] starts.
const MARK: &str = "GENIE_TEST_LEVEL";

/// Runs all other tests of this program once more at each available level that is not in use here. `own` is the name of the
/// test that calls this.
///
/// The level is a setting of the process, so that each run has a process of its own.
pub(crate) fn run_at_other_levels(own: &str) {
    if let Ok(level) = std::env::var(MARK) {
        assert_eq!(simd_level().name(), level, "the level that was asked for");
        return;
    }
    let levels = SimdLevel::ALL.into_iter();
    for level in levels.filter(|level| level.is_available() && *level != simd_level()) {
        let output = Command::new(std::env::current_exe().unwrap())
            .env("GENIE_SIMD", level.name())
            .env(MARK, level.name())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        // This test too: it checks the level.
        assert!(
            text.contains(&format!("test {own} ... ok")),
            "{level}: {text}"
        );
        assert!(output.status.success(), "{level}: {text}");
    }
}
