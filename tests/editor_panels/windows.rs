//! Small windows: what they list, what closes them, and what stays in sight when nothing can be kept.

use bevy_egui::egui::accesskit::Role;
use bevy_egui::egui::{Key, Modifiers};

use crate::drawing::Canvas;
use crate::files::Files;
use crate::harness::Editor;
use crate::project::Project;
use crate::tools::{Hand, Tool};
use crate::ui::EditorView;

fn editor(data: &tempfile::TempDir) -> Editor {
    Editor::new(data.path(), 1280.0, 900.0)
}

/// Draws until the listed folder is there.
fn look(editor: &mut Editor) {
    editor.steps(1);
    editor.until("the folder", |world| !world.resource::<Files>().busy());
    editor.steps(3);
}

#[test]
fn a_file_is_found_folder_by_folder_and_opened_by_two_clicks() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let deep = files.path().join("deep");
    std::fs::create_dir(&deep).unwrap();
    let picture = image::RgbImage::from_pixel(16, 16, image::Rgb([200, 10, 10]));
    picture.save(deep.join("Red.PNG")).unwrap();
    for name in ["notes.txt", ".hidden.png"] {
        std::fs::write(deep.join(name), "words").unwrap();
    }
    let mut editor = editor(&data);
    let folder = format!("{}/", files.path().display());
    editor.world_mut().resource_mut::<EditorView>().open = Some(folder.clone());
    look(&mut editor);
    editor.click("deep/");
    look(&mut editor);
    let typed = |editor: &Editor| editor.world().resource::<EditorView>().open.clone();
    assert_eq!(typed(&editor), Some(format!("{folder}deep/")));
    assert!(editor.node(Role::Button, "Red.PNG").is_some());
    for other in ["notes.txt", ".hidden.png"] {
        assert!(editor.node(Role::Button, other).is_none(), "{other}");
    }
    // Up and down again, and by the first letter of its name.
    editor.click("..");
    look(&mut editor);
    assert_eq!(typed(&editor), Some(folder.clone()));
    editor.type_text("DE");
    assert!(editor.node(Role::Button, "deep/").is_some());
    editor.type_text("x");
    assert!(editor.node(Role::Button, "deep/").is_none());
    editor.world_mut().resource_mut::<EditorView>().open = Some(format!("{folder}deep/"));
    look(&mut editor);
    editor.click("Red.PNG");
    assert_eq!(typed(&editor), Some(format!("{folder}deep/Red.PNG")));
    editor.steps(10);
    editor.double_click("Red.PNG");
    assert_eq!(typed(&editor), None);
    editor.until("the picture", |world| {
        let canvas = world.resource::<Project>().canvas.now();
        canvas.colour((8, 8)) == Some([200, 10, 10])
    });
    // A folder that is not there is said not to be there.
    editor.world_mut().resource_mut::<EditorView>().open = Some(format!("{folder}nowhere/"));
    look(&mut editor);
    assert!(
        editor.shows("nowhere/: No such file"),
        "{:#?}",
        editor.nodes()
    );
}

#[test]
fn an_empty_picture_takes_the_place_of_work_that_can_be_had_back() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    let work = Canvas::filled(16, 16, [1, 2, 3]);
    let mut project = editor.world_mut().resource_mut::<Project>();
    project.change(work.clone());
    project.file = Some(data.path().join("my.prompt.json"));
    editor.press(Modifiers::COMMAND, Key::N);
    editor.until("the work is kept", |world| {
        !world.resource::<Files>().busy()
    });
    let project = editor.world().resource::<Project>();
    let colour = editor.world().resource::<Hand>().colour;
    assert_eq!(project.canvas.now(), &Canvas::filled(16, 16, colour));
    assert_eq!(project.file, None, "nothing is saved over the other one");
    let before = data.path().join("autosave.before.prompt.json");
    assert!(crate::project::ProjectFile::read(&before).is_ok());
    editor.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(editor.world().resource::<Project>().canvas.now(), &work);
}

#[test]
fn escape_closes_what_lies_over_the_panels_and_lets_nothing_else_go() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    editor.click("Select");
    let mut hand = editor.world_mut().resource_mut::<Hand>();
    hand.press(&Canvas::filled(16, 16, [0; 3]), (0, 0));
    hand.drag((9, 9));
    hand.release();
    let selected = |editor: &Editor| editor.world().resource::<Hand>().selection.is_some();
    assert!(selected(&editor));
    let (none, control) = (Modifiers::NONE, Modifiers::COMMAND);
    for (modifiers, key, window) in [
        (none, Key::F1, "Help"),
        (control, Key::E, "Export"),
        (control, Key::O, "Open"),
        (control | Modifiers::SHIFT, Key::S, "Save as"),
    ] {
        editor.press(modifiers, key);
        editor.until("the folder", |world| !world.resource::<Files>().busy());
        assert!(editor.node(Role::Window, window).is_some(), "{window}");
        editor.press(none, Key::Escape);
        assert!(editor.node(Role::Window, window).is_none(), "{window}");
        assert!(selected(&editor), "{window}");
    }
    editor.press(none, Key::Escape);
    assert!(!selected(&editor), "nothing lies over it any more");
    assert_eq!(editor.world().resource::<Hand>().tool, Tool::Select);
}

#[cfg(target_os = "linux")] // It has a full disk to try.
#[test]
fn that_work_is_not_kept_is_in_sight_until_it_is() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = editor(&data);
    let told = "your work is not kept";
    editor.until("the first autosave", |world| {
        let project = world.resource::<Project>();
        world.resource::<Files>().until_autosave(project).is_none()
    });
    editor.steps(3);
    assert!(!editor.shows(told));
    let part = data.path().join("autosave.prompt.json.part");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let mut project = editor.world_mut().resource_mut::<Project>();
    project.change(Canvas::filled(16, 16, [1, 2, 3]));
    editor.until("the refusal", |world| {
        world.resource::<Files>().autosave_problem().is_some()
    });
    editor.steps(3);
    assert!(editor.shows(told) && editor.shows("No space left"));
    editor.until("a second try, with room", |world| {
        world.resource::<Files>().autosave_problem().is_none()
    });
    editor.steps(3);
    assert!(!editor.shows(told) && editor.shows("your work is kept again"));
}
