//! Everything that can be pressed or changed has a name, and says what it does when the mouse rests on it.

use std::collections::BTreeSet;

use bevy_egui::egui::{self, accesskit::Role};

use crate::harness::{Editor, Shown};
use crate::layout::Panel;
use crate::ui::EditorView;

/// Roles of what can be pressed or changed.
const ROLES: [Role; 7] = [
    Role::Button,
    Role::CheckBox,
    Role::RadioButton,
    Role::Slider,
    Role::SpinButton,
    Role::ComboBox,
    Role::ColorWell,
];
/// Of egui's own windows: everybody knows the cross.
const CROSS: &str = "Close window";

/// Whether a tooltip comes up where the mouse rests; menus within menus open there instead.
fn explains_itself(editor: &mut Editor, shown: &Shown) -> bool {
    // Nothing is there.
    editor.hover(egui::pos2(1.0, 1.0));
    editor.steps(2);
    let (opens, before) = (shown.name.ends_with('⏵'), editor.nodes().len());
    editor.hover(shown.rect.center());
    (0..4).any(|_| {
        editor.steps(1);
        editor.has_tooltip() || (opens && editor.nodes().len() > before)
    })
}

/// What is wrong with the controls that are shown and have not been looked at before.
fn problems(editor: &mut Editor, seen: &mut BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for control in editor.nodes().to_vec() {
        let typed = control.role == Role::TextInput;
        if !(typed || ROLES.contains(&control.role)) {
            continue;
        }
        let name = control.name.trim();
        if name.is_empty() {
            problems.push(format!("without a name: {control:?}"));
            continue;
        }
        // One patch is like another; what is typed where is said by a label in sight.
        let kind = if name.starts_with("patch ") {
            "patch"
        } else {
            name
        };
        let is_new = seen.insert(format!("{:?} {kind}", control.role));
        if is_new && !typed && name != CROSS && !explains_itself(editor, &control) {
            // What stops some work goes with it.
            if !(editor.nodes().iter())
                .any(|node| node.role == control.role && node.name == control.name)
            {
                continue;
            }
            problems.push(format!("without a tooltip: {:?} `{name}`", control.role));
        }
    }
    problems
}

#[test]
fn every_button_of_every_panel_has_a_name_and_a_tooltip() {
    let data = tempfile::tempdir().unwrap();
    let mut editor = Editor::new(data.path(), 1280.0, 1400.0);
    // Something to undo, a fork, and an opened recording, so that there are buttons for them.
    let picture = data.path().join("a.gif");
    let file = std::fs::File::create(&picture).unwrap();
    let mut encoder = image::codecs::gif::GifEncoder::new(file);
    for shade in [50, 90] {
        let frame = image::RgbaImage::from_pixel(30, 20, image::Rgba([shade, 1, 1, 255]));
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    editor
        .world_mut()
        .resource_mut::<crate::files::Files>()
        .open(&picture);
    editor.until("the picture", |world| {
        let lines = world.resource::<crate::lines::Lines>();
        let there = lines.played().is_some_and(|line| !line.frames.is_empty());
        let waiting = lines.waiting(world.resource::<crate::project::Project>());
        world.resource::<crate::files::Files>().source.is_some() && there && !waiting
    });
    editor.click("Fork");
    editor.until("the fork", |world| {
        world.resource::<crate::lines::Lines>().all.len() == 2
    });
    editor.steps(5);
    let (mut seen, mut problems_found) = (BTreeSet::new(), Vec::new());
    for panel in Panel::ALL {
        let mut view = editor.world_mut().resource_mut::<EditorView>();
        view.show_panel(panel, 1280.0);
        editor.steps(3);
        problems_found.extend(problems(&mut editor, &mut seen));
    }
    for menu in ["File", "Edit", "View"] {
        editor.click(menu);
        problems_found.extend(problems(&mut editor, &mut seen));
        editor.press(egui::Modifiers::NONE, egui::Key::Escape);
    }
    for window in ["export", "help", "open", "save as", "compare"] {
        {
            let mut view = editor.world_mut().resource_mut::<EditorView>();
            match window {
                "export" => view.export = true,
                "help" => view.help = true,
                "open" => view.open = Some(String::new()),
                "save as" => view.save_as = Some(String::new()),
                _ => view.second = Some(String::new()),
            }
        }
        editor.steps(4);
        problems_found.extend(problems(&mut editor, &mut seen));
        let mut view = editor.world_mut().resource_mut::<EditorView>();
        (view.export, view.help) = (false, false);
        (view.open, view.save_as, view.second) = (None, None, None);
        editor.steps(2);
    }
    assert!(problems_found.is_empty(), "{problems_found:#?}");
    // It was not nothing that was looked at.
    for name in [
        "Button Fork",
        "Button Undo",
        "Button Prompt (PNG)",
        "Button Open... Ctrl+O",
        "Slider temperature",
        "ComboBox speed",
        "Button Put it on the canvas",
    ] {
        assert!(
            seen.iter().any(|other| other == name),
            "{name} in {seen:#?}"
        );
    }
}
