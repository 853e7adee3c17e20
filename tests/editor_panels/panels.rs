//! What each panel says, and what happens when its controls are used.

use bevy::prelude::*;
use bevy_egui::egui::accesskit::Role;
use bevy_egui::egui::{Key, Modifiers};

use crate::drawing::Canvas;
use crate::files::Files;
use crate::harness::Editor;
use crate::layout::Panel;
use crate::lines::Lines;
use crate::project::Project;
use crate::shortcuts::{SHORTCUTS, Shortcut};
use crate::study::Study;
use crate::toasts::Toasts;
use crate::tools::{Hand, Tool};
use crate::ui::EditorView;

fn editor(data: &tempfile::TempDir) -> Editor {
    Editor::new(data.path(), 1280.0, 900.0)
}

fn show(editor: &mut Editor, panel: Panel) {
    editor
        .world_mut()
        .resource_mut::<EditorView>()
        .show_panel(panel, 1280.0);
    editor.steps(4);
}

#[test]
fn tools_are_chosen_by_button_and_by_key_and_undo_is_there_when_there_is_something_to_undo() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    let tool = |editor: &Editor| editor.world().resource::<Hand>().tool;
    for other in [Tool::Pencil, Tool::Select, Tool::Stamp] {
        editor.click(other.name());
        assert_eq!(tool(&editor), other);
        assert!(editor.node(Role::Button, other.name()).unwrap().selected);
    }
    editor.press(Modifiers::NONE, Key::R);
    assert_eq!(tool(&editor), Tool::Rectangle);
    assert!(editor.node(Role::Button, "Rectangle").unwrap().selected);
    let blue = editor.world().resource::<Project>().canvas.now().clone();
    let mut project = editor.world_mut().resource_mut::<Project>();
    project.change(Canvas::filled(16, 16, [1, 2, 3]));
    editor.steps(3);
    assert!(editor.node(Role::Button, "Redo").unwrap().disabled);
    editor.click("Undo");
    assert_eq!(editor.world().resource::<Project>().canvas.now(), &blue);
    editor.press(Modifiers::COMMAND, Key::Y);
    assert_ne!(editor.world().resource::<Project>().canvas.now(), &blue);
    editor.click("snap");
    assert!(!editor.world().resource::<Hand>().snap);
}

#[test]
fn a_world_is_stepped_named_forked_and_set_beside_by_its_buttons() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    let newest = |world: &World| world.resource::<Lines>().played().unwrap().newest();
    for frame in 1..4 {
        editor.click("Step");
        editor.until("the step", |world| newest(world) == frame);
    }
    editor.steps(3);
    assert!(editor.shows("frame 3, idle"), "{:#?}", editor.nodes());
    assert_eq!(editor.node(Role::Slider, "frame").unwrap().value, "3");
    for thumbnail in ["frame 0, the picture", "frame 2, idle"] {
        assert!(
            editor.node(Role::Button, thumbnail).is_some(),
            "{thumbnail}"
        );
    }
    editor.click("frame 1, idle");
    assert_eq!(editor.world().resource::<Lines>().shown, Some(1));
    editor.click("Fork");
    editor.until("the fork", |world| {
        let lines = world.resource::<Lines>();
        lines.all.len() == 2 && newest(world) == 1 && lines.shown.is_none()
    });
    editor.steps(3);
    let fork = editor
        .node(Role::Button, "line 2, forked at frame 1")
        .unwrap();
    assert!(fork.selected);
    editor.click("name of this line");
    editor.type_text("jump here");
    assert!(
        editor
            .node(Role::Button, "jump here, forked at frame 1")
            .is_some(),
        "{:#?}",
        editor.nodes()
    );
    editor.press(Modifiers::NONE, Key::Escape);
    editor.click("line 1 beside the played line");
    assert_eq!(editor.world().resource::<Lines>().beside, Some(0));
    editor.click("line 1, from the picture");
    assert_eq!(editor.world().resource::<Lines>().played, 0);
    editor.click("forget jump here");
    assert_eq!(editor.world().resource::<Lines>().all.len(), 1);
    editor.click("Go back here");
    assert_eq!(newest(editor.world()), 3, "there is nothing to go back to");
    editor.click("frame 0, the picture");
    editor.click("Go back here");
    editor.until("the prompt", |world| newest(world) == 0);
}

#[test]
fn the_samplers_values_are_read_and_set() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    let value =
        |editor: &Editor, name: &str| editor.node(Role::Slider, name).unwrap().value.clone();
    assert_eq!(value(&editor, "MaskGIT steps"), "4");
    let field =
        |editor: &Editor, name: &str| editor.node(Role::SpinButton, name).unwrap().value.clone();
    assert_eq!(field(&editor, "MaskGIT steps"), "4");
    assert_eq!(field(&editor, "temperature"), "1.00");
    let mut project = editor.world_mut().resource_mut::<Project>();
    project.sampler.temperature = 1.5;
    editor.steps(3);
    assert_eq!(value(&editor, "temperature"), "1.5");
    let unmasking = |editor: &Editor| editor.world().resource::<Project>().sampler.order;
    let before = unmasking(&editor);
    editor.click("any");
    assert_ne!(unmasking(&editor), before);
    editor.click("As usual");
    assert_eq!(unmasking(&editor), before);
    assert_eq!(value(&editor, "temperature"), "1");
    assert_eq!(editor.node(Role::SpinButton, "seed").unwrap().value, "0");
}

#[test]
fn what_the_model_sees_is_said_in_words_and_numbers() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    show(&mut editor, Panel::Understand);
    let words = editor
        .world()
        .resource::<Study>()
        .canvas
        .found
        .as_ref()
        .unwrap()
        .in_words();
    assert!(words.contains("dB") && editor.shows(&words), "{words}");
    assert!(editor.shows("of the model's 32 codes are in the picture"));
    for picture in [
        "the prompt",
        "as the model draws it",
        "where they differ",
        "the codebook",
    ] {
        assert!(editor.node(Role::Image, picture).is_some(), "{picture}");
    }
    editor.click("tokens");
    assert!(editor.node(Role::Image, "its tokens").is_some());
    show(&mut editor, Panel::Strips);
    for label in ["idle", "left", "right"] {
        let last = format!("frame 7 under {label}");
        assert!(editor.node(Role::Image, &last).is_some(), "{last}");
    }
    show(&mut editor, Panel::Stamps);
    assert!(editor.shows("patches that the model knows"));
}

#[test]
fn a_cut_is_shown_beside_what_the_model_makes_of_it() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    show(&mut editor, Panel::Source);
    assert!(editor.shows("Drop a picture or a recording"));
    let path = data.path().join("two.png");
    let half = |x: u32, _| image::Rgb(if x < 32 { [250, 250, 250] } else { [0, 0, 0] });
    image::RgbImage::from_fn(64, 32, half).save(&path).unwrap();
    editor.world_mut().resource_mut::<Files>().open(&path);
    let found = |world: &World| {
        world
            .resource::<Study>()
            .cut
            .found
            .as_ref()
            .map(|f| f.version())
    };
    editor.until("the cut's reconstruction", |world| found(world).is_some());
    editor.steps(3);
    let first = found(editor.world());
    for picture in ["the cut", "as the model draws it"] {
        assert!(editor.node(Role::Image, picture).is_some(), "{picture}");
    }
    let words = editor
        .world()
        .resource::<Study>()
        .cut
        .found
        .as_ref()
        .unwrap()
        .in_words();
    assert!(editor.shows(&words));
    // Another part, another answer, without the canvas being touched.
    let version = editor.world().resource::<Project>().version;
    let mut files = editor.world_mut().resource_mut::<Files>();
    let source = files.source.as_mut().unwrap();
    (source.centre, source.share) = ((0.1, 0.5), 0.3);
    editor.steps(1);
    editor.until("the new cut's", |world| {
        !world.resource::<Study>().cut.pending()
    });
    assert_ne!(found(editor.world()), first);
    assert_eq!(editor.world().resource::<Project>().version, version);
    editor.click("Put it on the canvas");
    let canvas = editor.world().resource::<Project>().canvas.now();
    assert_eq!(canvas.colour((8, 8)), Some([250; 3]));
}

#[test]
fn long_work_says_how_far_it_is_and_is_stopped_by_its_button() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    // Strips that do not come to an end, as their worlds are held.
    let mut lines = editor.world_mut().resource_mut::<Lines>();
    lines.strips[1].frames.truncate(3);
    std::thread::sleep(std::time::Duration::from_millis(100));
    editor.steps(2);
    std::thread::sleep(std::time::Duration::from_millis(800));
    editor.steps(2);
    assert!(editor.shows("strips: 19 of 24"), "{:#?}", editor.nodes());
    assert!(
        editor
            .nodes()
            .iter()
            .any(|node| node.role == Role::ProgressIndicator)
    );
    editor.click("Stop");
    assert!(editor.world().resource::<Lines>().strips_stopped);
    assert!(!editor.shows("strips: 19 of 24"));
    show(&mut editor, Panel::Strips);
    editor.click("Go on");
    assert!(!editor.world().resource::<Lines>().strips_stopped);
}

#[test]
fn the_help_lists_every_shortcut_and_every_one_does_something() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = Editor::new(data.path(), 1280.0, 1400.0);
    editor.press(Modifiers::NONE, Key::F1);
    for shortcut in SHORTCUTS {
        let (keys, hint) = (shortcut.keys_in_words(), shortcut.hint);
        assert!(!keys.is_empty() && editor.shows(&keys), "{keys}");
        assert!(editor.shows(hint), "{hint}");
    }
    let keys: Vec<_> = SHORTCUTS.iter().map(Shortcut::keys_in_words).collect();
    let different: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "one key, one action");
    editor.press(Modifiers::NONE, Key::F1);
    let sample = SHORTCUTS
        .iter()
        .find(|shortcut| shortcut.keys_in_words().contains("Ctrl+E"));
    assert!(
        !editor.shows(sample.unwrap().hint),
        "closed by the same key"
    );
    // Shift makes another action of the same letter.
    let file = data.path().join("my.prompt.json");
    editor.world_mut().resource_mut::<Project>().file = Some(file.clone());
    editor.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    assert!(editor.world().resource::<EditorView>().save_as.is_some());
    editor.until("the folder", |world| !world.resource::<Files>().busy());
    assert!(!file.exists(), "saved without being asked");
}

/// A BMP file of any size of which the pixels are missing.
fn hollow_bmp(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    for word in [54, 0, 54, 40, width, height, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        bytes.extend(i32::to_le_bytes(word));
    }
    bytes
}

#[cfg(target_os = "linux")] // It has a full disk to try.
#[test]
fn what_cannot_be_read_or_saved_is_said_with_its_reason_and_nothing_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    let work = Canvas::filled(16, 16, [1, 2, 3]);
    let mut project = editor.world_mut().resource_mut::<Project>();
    project.change(work.clone());
    let text = data.path().join("notes.png");
    std::fs::write(&text, "words").unwrap();
    let huge = data.path().join("huge.bmp");
    std::fs::write(&huge, hollow_bmp(20_000, 20_000)).unwrap();
    let damaged = data.path().join("damaged.prompt.json");
    std::fs::write(&damaged, "{\"format\": ").unwrap();
    for (path, reason) in [
        (&text, "notes.png: not a picture"),
        (&huge, "huge.bmp: 20000 x 20000 pixels are too many"),
        (&damaged, "damaged.prompt.json: not a prompt project"),
    ] {
        editor.world_mut().resource_mut::<Files>().open(path);
        editor.until("the reason", |world| !world.resource::<Files>().busy());
        editor.steps(3);
        assert!(editor.shows(reason), "{reason}: {:#?}", editor.nodes());
    }
    // A file in place of a folder, and a full disk: saved from the window that asks for a name.
    let blocked = data.path().join("notes.png/my.prompt.json");
    let full = data.path().join("full.prompt.json");
    std::os::unix::fs::symlink("/dev/full", data.path().join("full.prompt.json.part")).unwrap();
    for (path, reason) in [(&blocked, "notes.png"), (&full, "No space left")] {
        editor.world_mut().resource_mut::<Toasts>().all.clear();
        editor.world_mut().resource_mut::<EditorView>().save_as = Some(path.display().to_string());
        editor.steps(3);
        editor.click("Save as");
        editor.until("the reason", |world| {
            !world.resource::<Toasts>().all.is_empty()
        });
        editor.steps(3);
        assert!(editor.shows(reason), "{reason}: {:#?}", editor.nodes());
        assert!(editor.shows("not saved to a file *"));
        assert!(!path.is_file());
    }
    assert_eq!(editor.world().resource::<Project>().canvas.now(), &work);
}
