//! A folder of films becomes a world with a report, in one call that can be stopped.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Device;
use genie_model::{Frame, WorldModel};
use genie_training::dataset::{DatasetWriter, FrameFormat};
use genie_training::dream::{DreamError, DreamOptions, Stage, dream};
use genie_training::gameplay::{
    GameplayOptions, GameplayRules, VideoKind, generate_clip, generate_dataset,
};
use genie_training::ingest::{IngestOptions, Inspection, Progress, ingest};
use genie_training::train::ActionSource;

#[test]
fn films_become_a_world_with_prompts_and_a_report_and_a_stopped_dream_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let game = GameplayOptions {
        video: Some(VideoKind::Gif),
        ..GameplayOptions::default()
    };
    generate_dataset(&at("game"), 4, 80, 1, game, &|_| ()).unwrap();
    std::fs::write(at("game/video/broken.mp4"), b"no film").unwrap();
    let paths = [at("game/video")];
    let out = at("my.genie.safetensors");
    let options = DreamOptions {
        // No more than the fewest steps.
        hours: 1.0 / 3600.0,
        actions: ActionSource::Learned,
        latent_actions: Some(3),
        player: 1,
        footage: IngestOptions {
            width: 32,
            height: 32,
            ..IngestOptions::default()
        },
        seed: 5,
    };
    let stop = AtomicBool::new(false);
    let stages = std::sync::Mutex::new(Vec::new());
    let begin = |show: &(dyn Fn(Stage) + Sync)| {
        dream(
            &paths,
            &out,
            &options,
            &Device::Cpu,
            &|status| show(status.stage),
            &stop,
        )
    };
    // Stopped in the middle of the training.
    let error = begin(&|stage| {
        if stage == Stage::Dynamics {
            stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    assert!(matches!(error, DreamError::Stopped), "{error}");
    assert!(!out.exists());
    // And in each stage after it.
    for last in [Stage::Label, Stage::Evaluate, Stage::Report] {
        stop.store(false, Ordering::Relaxed);
        let error = begin(&|stage| {
            stages.lock().unwrap().push(stage);
            if stage == last {
                stop.store(true, Ordering::Relaxed);
            }
        })
        .unwrap_err();
        assert!(matches!(error, DreamError::Stopped), "{last}: {error}");
        assert!(!out.exists());
    }
    stop.store(false, Ordering::Relaxed);
    let dreamt = begin(&|stage| stages.lock().unwrap().push(stage)).unwrap();
    let mut seen = stages.into_inner().unwrap();
    seen.sort_unstable();
    seen.dedup();
    // The tokenizer was complete.
    assert!(
        seen.contains(&Stage::Dynamics) && !seen.contains(&Stage::Tokenizer),
        "{seen:?}"
    );

    let world = WorldModel::load(&dreamt.world).unwrap();
    assert_eq!(world.action_count(), 3);
    assert_eq!(
        (world.config().frame_width, world.config().frame_height),
        (32, 32)
    );
    assert!(dreamt.damaged && dreamt.unreadable[0].contains("broken.mp4"));
    assert!(dreamt.prompts.len() > 1);
    let prompt = Frame::decode(&std::fs::read(&dreamt.prompts[0]).unwrap()).unwrap();
    let mut rollout = world.prompt(&prompt, 1).unwrap();
    rollout.step(1).unwrap();

    let page = std::fs::read_to_string(&dreamt.report).unwrap();
    assert_eq!(dreamt.report, at("my.report.html"));
    // A strip for each action, reconstructions, rollouts: all of it in the page.
    assert_eq!(page.matches("data:image/png;base64,").count(), 3 + 2);
    let words: String = page
        .split("src=\"data:")
        .map(|part| part.split_once('"').map_or(part, |(_, words)| words))
        .collect();
    assert!(!words.contains("://") && !words.contains("NaN"), "{words}");
    for label in world.actions() {
        assert!(page.contains(&label.name), "{}", label.name);
    }
    // What a minute of training cannot give is said, with what helps.
    assert!(!dreamt.findings.is_empty());
    for finding in &dreamt.findings {
        assert!(
            page.contains(&finding.remedy.replace('>', "&gt;")),
            "{finding:?}"
        );
    }

    // Once more: nothing is done again, and what is missing is there again.
    std::fs::remove_file(&out).unwrap();
    let again = begin(&|_| ()).unwrap();
    assert_eq!(again.findings, dreamt.findings);
    assert_eq!(
        WorldModel::load(&out).unwrap().fingerprint(),
        world.fingerprint()
    );
}

/// A dataset of small frames that says what was pressed.
fn dataset_with_keys(folder: &std::path::Path) {
    let format = FrameFormat {
        height: 32,
        width: 32,
        frames_per_second: 10.0,
    };
    let mut writer = DatasetWriter::create(folder, format).unwrap();
    for clip in 0..4 {
        let (pixels, actions) = generate_clip(GameplayRules::FREE, 1, clip, 60);
        // Every other pixel of every other line of 64.
        let small: Vec<u8> = (pixels.chunks_exact(64 * 3).step_by(2))
            .flat_map(|line| line.chunks_exact(3).step_by(2).flatten().copied())
            .collect();
        writer.push_clip(&small, Some(&actions)).unwrap();
    }
    writer.finish().unwrap();
    let names = r#"{"keys": ["", "left", "right", "jump", "left+jump", "right+jump"]}"#;
    std::fs::write(folder.join("true_actions.json"), names).unwrap();
}

#[test]
fn a_dataset_is_dreamt_as_it_is_with_the_keys_that_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    dataset_with_keys(&data);
    let out = folder.path().join("keys.genie.safetensors");
    let mut options = DreamOptions {
        hours: 1.0 / 3600.0,
        actions: ActionSource::Given,
        latent_actions: None,
        player: 1,
        footage: IngestOptions {
            width: 32,
            height: 32,
            ..IngestOptions::default()
        },
        seed: 2,
    };
    let stop = AtomicBool::new(false);
    let begin = |options: &DreamOptions| {
        let paths = std::slice::from_ref(&data);
        dream(paths, &out, options, &Device::Cpu, &|_| (), &stop)
    };
    // Its frames are as they are.
    let error = begin(&options).unwrap_err().to_string();
    assert!(
        error.contains("is a dataset") && error.contains("--size"),
        "{error}"
    );
    assert!(!folder.path().join("keys.dream").exists());
    options.footage = IngestOptions::default();
    let dreamt = begin(&options).unwrap();
    let world = WorldModel::load(&dreamt.world).unwrap();
    assert_eq!(world.config().frame_width, 32);
    let names: Vec<&str> = world.actions().iter().map(|it| it.name.as_str()).collect();
    assert!(
        names.contains(&"idle") && names.contains(&"right"),
        "{names:?}"
    );
    let right = world.actions().iter().find(|it| it.name == "right");
    assert_eq!(right.unwrap().keys, [["ArrowRight"]]);
    let page = std::fs::read_to_string(&dreamt.report).unwrap();
    assert!(page.contains("240 frames in 4 clips"), "{page}");
    assert!(!folder.path().join("keys.dream/footage").exists());
}

#[test]
fn what_these_commands_write_is_answered_with_who_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let said = |input: &str, out: &str| {
        let stop = AtomicBool::new(false);
        let (options, progress) = (IngestOptions::default(), Progress::default());
        ingest(&[at(input)], &at(out), &options, &progress, &stop)
            .unwrap_err()
            .to_string()
    };
    dataset_with_keys(&at("data"));
    let error = said("data", "new");
    assert!(
        error.contains("a dataset") && error.contains("genie dream"),
        "{error}"
    );
    std::fs::create_dir(at("films")).unwrap();
    std::fs::write(at("films/film.mp4"), b"whatever").unwrap();
    let error = said("films", "films");
    assert!(error.contains("--out at once"), "{error}");
    assert!(!at("new").exists());
    assert_eq!(std::fs::read_dir(at("films")).unwrap().count(), 1);
}

#[test]
fn what_stands_against_footage_is_said_with_what_helps() {
    let good = Inspection {
        seconds: 600.0,
        blank: 0.0,
        frozen: 0.0,
        cuts_per_minute: 0.5,
        moving: 0.9,
        pixels_per_frame: Some(3.0),
    };
    assert_eq!(good.findings(), []);
    for (look, what, remedy) in [
        (
            Inspection {
                pixels_per_frame: Some(20.0),
                ..good
            },
            "20 pixels (of 64) from frame to frame",
            "more frames a second",
        ),
        (
            Inspection {
                pixels_per_frame: Some(0.3),
                ..good
            },
            "hardly anything moves",
            "fewer frames a second",
        ),
        (
            Inspection {
                pixels_per_frame: None,
                ..good
            },
            "nobody acts",
            "--crop",
        ),
        (
            Inspection {
                cuts_per_minute: 5.0,
                ..good
            },
            "5.0 scene cuts a minute lie inside clips",
            "--keep-all",
        ),
        (
            Inspection {
                seconds: 30.0,
                ..good
            },
            "30 seconds of footage",
            "minutes of play",
        ),
    ] {
        let found = look.findings();
        assert!(
            found.len() == 1 && found[0].what.contains(what) && found[0].remedy.contains(remedy),
            "{what}: {found:?}"
        );
    }
}

#[test]
fn what_cannot_be_is_said_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("my.genie.safetensors");
    let mut options = DreamOptions {
        hours: 0.0,
        actions: ActionSource::Learned,
        latent_actions: None,
        player: 1,
        footage: IngestOptions::default(),
        seed: 0,
    };
    let said = |options: &DreamOptions| {
        let stop = AtomicBool::new(false);
        dream(
            &[folder.path().to_owned()],
            &out,
            options,
            &Device::Cpu,
            &|_| (),
            &stop,
        )
        .unwrap_err()
        .to_string()
    };
    assert!(said(&options).contains("--hours"));
    options.hours = 1.0;
    options.latent_actions = Some(1);
    assert!(said(&options).contains("--latent-actions"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    options.latent_actions = None;
    // What is in the way of the results is known before anything is read.
    let prompts = folder.path().join("my.prompts");
    std::fs::write(&prompts, "mine").unwrap();
    assert!(said(&options).contains("my.prompts"));
    std::fs::remove_file(&prompts).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    options.actions = ActionSource::Given;
    std::fs::write(folder.path().join("film.mp4"), b"whatever").unwrap();
    let error = said(&options);
    assert!(
        error.contains("--actions given") && error.contains("film.mp4"),
        "{error}"
    );
    options.actions = ActionSource::Learned;
    let error = said(&options);
    assert!(error.contains("film.mp4"), "{error}");
    // Nothing is left of what never began.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Asked to stop while it names actions or evaluates, the program ends with the status of the signal, and goes on when it is called again.
#[cfg(unix)]
#[test]
fn a_signal_in_any_stage_ends_the_program_and_the_same_command_goes_on() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let game = GameplayOptions {
        video: Some(VideoKind::Gif),
        ..GameplayOptions::default()
    };
    generate_dataset(&folder.path().join("game"), 4, 80, 1, game, &|_| ()).unwrap();
    let out = folder.path().join("my.genie.safetensors");
    let begin = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_genie"));
        command
            .arg("dream")
            .arg(folder.path().join("game/video"))
            .args([
                "--size",
                "32x32",
                "--latent-actions",
                "3",
                "--hours",
                "0.0003",
            ])
            .arg("--out")
            .arg(&out)
            .stderr(Stdio::piped())
            .stdout(Stdio::null());
        command.spawn().unwrap()
    };
    for (signal, status, stage) in [
        ("INT", 130, "naming the actions"),
        ("TERM", 143, "evaluating"),
    ] {
        let mut child = begin();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.map_while(Result::ok) {
            if line.contains(stage) && said.iter().all(|it: &String| !it.contains(stage)) {
                let id = child.id().to_string();
                let sent = Command::new("kill")
                    .args([&format!("-{signal}"), &id])
                    .status();
                assert!(sent.unwrap().success());
            }
            said.push(line);
        }
        let ended = child.wait().unwrap();
        assert_eq!(ended.code(), Some(status), "{stage}: {said:#?}");
        assert!(
            said.last()
                .is_some_and(|it| it.contains("goes on where it was")),
            "{said:#?}"
        );
        assert!(!out.exists());
    }
    let mut child = begin();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success(), "{said:#?}");
    assert!(out.exists());
    // Nothing is trained or named again.
    assert!(
        said.iter().all(|it| !it.contains("training the tokenizer")),
        "{said:#?}"
    );
}
