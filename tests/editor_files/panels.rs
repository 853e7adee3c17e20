//! Where the panels are, between starts.

use egui_dock::egui::{Pos2, Rect, vec2};
use egui_dock::{Node, NodeIndex, SurfaceIndex, TabIndex};
use serde_json::Value;

use crate::layout::{Docks, Layouts, Panel};

/// Wider than this, windows have the layout of wide ones.
const WIDE: f32 = 1280.0;
const NARROW: f32 = 480.0;

/// Through a file and back.
fn kept(docks: &mut Docks) -> Docks {
    let text = serde_json::to_string(&docks.layouts()).unwrap();
    Docks::restore(&serde_json::from_str(&text).unwrap())
}

#[test]
fn panels_are_where_they_were_left() {
    let mut docks = Docks::default();
    let before = docks.layouts();
    assert_eq!(kept(&mut docks).layouts(), before);
    let dock = docks.of_width(WIDE);
    // A border is moved, another tab is shown, a panel goes to another place, and one becomes a window.
    match &mut dock.main_surface_mut()[NodeIndex::root()] {
        Node::Horizontal(split) => split.fraction = 0.3,
        other => panic!("{other:?}"),
    }
    let play = dock.find_tab(&Panel::Play).unwrap();
    let source = dock.find_tab(&Panel::Source).unwrap();
    dock.move_tab(source, (play.node_path(), egui_dock::TabInsert::Append));
    let strips = dock.find_tab(&Panel::Strips).unwrap();
    let place = Rect::from_min_size(Pos2::new(40.0, 50.0), vec2(300.0, 200.0));
    dock.detach_tab(strips, place);
    let understand = dock.find_tab(&Panel::Understand).unwrap();
    dock.set_active_tab(understand).unwrap();
    let mut all = kept(&mut docks);
    assert_eq!(all.layouts(), docks.layouts());
    let narrow = all.of_width(NARROW).find_tab(&Panel::Strips).unwrap();
    assert_eq!(
        narrow.surface,
        SurfaceIndex::main(),
        "narrow ones are as they were"
    );
    let again = all.of_width(WIDE);
    match &again.main_surface_mut()[NodeIndex::root()] {
        Node::Horizontal(split) => assert!((split.fraction - 0.3).abs() < 1e-6),
        other => panic!("{other:?}"),
    }
    let (play, source) = (
        again.find_tab(&Panel::Play).unwrap(),
        again.find_tab(&Panel::Source).unwrap(),
    );
    assert_eq!(play.node_path(), source.node_path());
    assert_eq!(
        again.find_tab(&Panel::Strips).unwrap().surface,
        SurfaceIndex(1)
    );
    let understand = again.find_tab(&Panel::Understand).unwrap();
    let leaf = again.leaf(understand.node_path()).unwrap();
    assert_eq!(leaf.active, TabIndex(1));
}

#[test]
fn a_layout_that_makes_no_sense_is_not_used() {
    let at_first = Docks::default().layouts();
    let text = serde_json::to_string(&at_first).unwrap();
    for (from, to) in [
        ("\"canvas\"", "\"play\""),
        ("\"canvas\",", ""),
        ("0.42", "7.0"),
        ("0.42", "-0.1"),
        ("\"shown\":0", "\"shown\":9"),
        ("\"canvas\"", "\"piano\""),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let damaged: Value = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
        // What is not understood at all is no layout either.
        let layouts = serde_json::from_value::<Layouts>(damaged).unwrap_or_default();
        assert_eq!(
            Docks::restore(&layouts).layouts(),
            at_first,
            "{from} became {to}"
        );
    }
}
