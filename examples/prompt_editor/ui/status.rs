//! The line at the lower edge: what is being made, and how far long work is.

use std::time::{Duration, Instant};

use bevy_egui::egui;

use super::{BAD, EditorView, Work};

/// Work that is over sooner is not shown.
const SHORT: Duration = Duration::from_millis(700);
/// More parts than these are no numbers that say anything; a share does.
const MANY: u64 = 10_000;

/// Work under way.
struct Under {
    name: String,
    done: u64,
    all: u64,
    stop: Stop,
}

/// What stops it.
#[derive(Clone, Copy)]
enum Stop {
    Job(usize),
    Again,
    Strips,
    Patches,
}

pub(super) fn show(ui: &mut egui::Ui, view: &mut EditorView, work: &mut Work) {
    ui.horizontal_wrapped(|ui| {
        let name = work.project.file.as_ref().and_then(|path| path.file_name());
        let name = name.map_or("not saved to a file".into(), |name| name.to_string_lossy());
        let mark = if work.project.unsaved() { " *" } else { "" };
        ui.weak(format!("{name}{mark}"));
        ui.separator();
        if let Some(problem) = work.files.autosave_problem() {
            let text = egui::RichText::new("your work is not kept").color(BAD);
            ui.label(text).on_hover_text(problem);
            ui.separator();
        }
        let keys = if view.playing {
            "keys go to the world; Escape gives them back"
        } else {
            "F1: help"
        };
        ui.weak(keys);
        let all = under_way(work);
        if all.is_empty() {
            view.busy_since = None;
            return;
        }
        let since = *view.busy_since.get_or_insert_with(Instant::now);
        if since.elapsed() < SHORT {
            return;
        }
        for Under {
            name,
            done,
            all,
            stop,
        } in all
        {
            ui.separator();
            let share = done as f32 / all.max(1) as f32;
            ui.weak(match all {
                0 => name.clone(),
                MANY.. => format!("{name}: {:.0} %", 100.0 * share),
                _ => format!("{name}: {done} of {all}"),
            });
            ui.add(
                egui::ProgressBar::new(share)
                    .desired_width(90.0)
                    .desired_height(10.0),
            );
            let button = ui.small_button("Stop");
            if button.on_hover_text(format!("stop {name}")).clicked() {
                stop_it(work, stop);
            }
        }
    });
}

/// All work that may take longer than a moment.
fn under_way(work: &Work) -> Vec<Under> {
    let mut all = Vec::new();
    let mut add = |name: &str, (done, all_parts): (u64, u64), stop| {
        all.push(Under {
            name: name.to_owned(),
            done,
            all: all_parts,
            stop,
        });
    };
    for (number, job) in work.files.jobs().iter().enumerate() {
        if let Some(name) = &job.name {
            add(name, job.progress.parts(), Stop::Job(number));
        }
    }
    let wide = |(done, all): (usize, usize)| (done as u64, all as u64);
    if let (Some(_), Some(parts)) = (work.lines.arriving(), work.lines.arrived()) {
        add("playing lines again", wide(parts), Stop::Again);
    }
    if let (Some(parts), false) = (work.lines.strips_missing(), work.lines.strips_stopped) {
        add("strips", wide(parts), Stop::Strips);
    }
    if work.study.patches_pending() {
        add("drawing patches", work.study.patches.parts(), Stop::Patches);
    }
    all
}

fn stop_it(work: &mut Work, stop: Stop) {
    match stop {
        Stop::Job(number) => {
            if let Some(job) = work.files.jobs().get(number) {
                job.progress.cancel();
            }
        }
        Stop::Again => work.lines.stop_playing_again(),
        Stop::Strips => work.lines.strips_stopped = true,
        Stop::Patches => work.study.patches.cancel(),
    }
}
