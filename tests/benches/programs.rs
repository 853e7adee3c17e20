//! What the two programs cost: `cargo bench --profile dev --bench programs` prints a line of JSON for each.
//!
//! The game plays for half a minute under held keys; the figures are milliseconds of the main thread per frame that its own
//! systems take. The editor shows a picture and is left alone; the figure is its share of one core. Both need a screen, such as
//! the virtual one of `.ci/windowed`, and the examples built: `cargo build --examples`.

#[cfg(target_os = "linux")]
fn main() {
    linux::measure();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("measured on Linux only");
}

#[cfg(target_os = "linux")]
#[allow(clippy::unwrap_used)] // A benchmark fails by panicking.
mod linux {
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use genie_tests::example;
    use genie_tests::screen::{Screen, key};

    /// Seconds for which the game is played and the editor rests.
    const TIME: u64 = 30;
    /// Ticks of the processor clock in a second.
    const TICKS: f64 = 100.0;

    pub(super) fn measure() {
        if std::env::var_os("DISPLAY").is_none() {
            println!("skipped: there is no screen (DISPLAY is not set)");
            return;
        }
        let screen = Screen::new();
        println!("{}", game(&screen));
        println!("{}", editor(&screen));
    }

    fn game(screen: &Screen) -> String {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(example("generative_level"));
        command
            .args(["--timings", "--seconds", "100"])
            .env("XDG_DATA_HOME", data.path())
            .stdout(Stdio::piped());
        let mut game = screen.start(command, "Generative level", Some((1280, 720)));
        std::thread::sleep(Duration::from_secs(6));
        screen.tap(key::ENTER);
        std::thread::sleep(Duration::from_secs(2));
        screen.tap(key::ENTER);
        let start = Instant::now();
        screen.key(key::RIGHT, true);
        while start.elapsed() < Duration::from_secs(TIME) {
            screen.key(key::SPACE, true);
            std::thread::sleep(Duration::from_millis(600));
            screen.key(key::SPACE, false);
            std::thread::sleep(Duration::from_millis(500));
        }
        screen.key(key::RIGHT, false);
        // Pause, title, quit: the last item of each menu.
        screen.tap(key::ESCAPE);
        std::thread::sleep(Duration::from_millis(700));
        screen.tap(key::UP);
        screen.tap(key::ENTER);
        std::thread::sleep(Duration::from_secs(2));
        screen.tap(key::UP);
        screen.tap(key::ENTER);
        screen.wait_for_exit(&mut game);
        let mut said = String::new();
        let out = screen.output(&mut game);
        out.unwrap().read_to_string(&mut said).unwrap();
        let line = said
            .lines()
            .find(|line| line.contains("game's own systems"));
        let line = line.unwrap_or("the game did not end as it should");
        format!("{{\"program\": \"generative_level\", \"said\": \"{line}\"}}")
    }

    fn editor(screen: &Screen) -> String {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(example("prompt_editor"));
        command.env("XDG_DATA_HOME", data.path());
        let mut editor = screen.start(command, "Prompt editor", Some((1280, 800)));
        // Until strips and patches are drawn.
        std::thread::sleep(Duration::from_secs(40));
        let process = screen.process(&editor);
        let used = || -> f64 {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
            let (_, fields) = stat.rsplit_once(')').unwrap();
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
            (ticks(11) + ticks(12)) / TICKS
        };
        let before = used();
        std::thread::sleep(Duration::from_secs(TIME));
        let share = (used() - before) / TIME as f64;
        screen.kill(&mut editor);
        format!("{{\"program\": \"prompt_editor\", \"idle_share_of_a_core\": {share:.4}}}")
    }
}
