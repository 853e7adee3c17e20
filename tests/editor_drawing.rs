//! The tools of the prompt editor, without its window.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "../examples/prompt_editor/drawing.rs"]
#[allow(dead_code)] // The editor uses more of it.
mod drawing;
#[path = "../examples/prompt_editor/history.rs"]
#[allow(dead_code)]
mod history;
#[path = "../examples/prompt_editor/tools.rs"]
#[allow(dead_code)]
mod tools;

use drawing::{Area, Canvas};
use history::History;
use proptest::prelude::*;
use tools::{Hand, Tool};

const SKY: [u8; 3] = [150, 210, 250];
const RED: [u8; 3] = [230, 40, 40];

fn hand(tool: Tool) -> Hand {
    let mut hand = Hand::default();
    (hand.tool, hand.colour) = (tool, RED);
    hand
}

/// The picture after a stroke through these places.
fn stroke(hand: &mut Hand, canvas: &Canvas, places: &[(i32, i32)]) -> Canvas {
    hand.press(canvas, places[0]);
    for place in &places[1..] {
        hand.drag(*place);
    }
    hand.release().unwrap_or_else(|| canvas.clone())
}

fn count(canvas: &Canvas, colour: [u8; 3]) -> usize {
    let pixels = canvas.picture().into_pixels();
    pixels
        .chunks_exact(3)
        .filter(|pixel| **pixel == colour)
        .count()
}

#[test]
fn each_tool_does_what_its_name_says() {
    let sky = Canvas::filled(16, 16, SKY);
    let line = stroke(&mut hand(Tool::Line), &sky, &[(0, 0), (3, 9), (15, 15)]);
    assert_eq!(count(&line, RED), 16, "the diagonal, whatever lay between");
    let pencil = stroke(&mut hand(Tool::Pencil), &sky, &[(0, 0), (5, 0), (5, 4)]);
    assert_eq!(count(&pencil, RED), 10, "no gaps between two places");
    let mut free = hand(Tool::Rectangle);
    free.snap = false;
    let rectangle = stroke(&mut free, &sky, &[(2, 3), (5, 4)]);
    assert_eq!(count(&rectangle, RED), 4 * 2);
    let snapped = stroke(&mut hand(Tool::Rectangle), &sky, &[(2, 3), (9, 4)]);
    assert_eq!(count(&snapped, RED), 16 * 8, "two patches of the grid");
    let filled = stroke(&mut hand(Tool::Fill), &line, &[(15, 0)]);
    assert_eq!(
        count(&filled, RED),
        16 + 15 * 16 / 2,
        "one side of the line"
    );
    let mut picking = hand(Tool::Eyedropper);
    picking.press(&sky, (1, 1));
    assert_eq!(picking.colour, SKY);
    let mut stamping = hand(Tool::Stamp);
    stamping.stamp = Some(Canvas::filled(8, 8, RED));
    let stamped = stroke(&mut stamping, &sky, &[(13, 2)]);
    assert_eq!(count(&stamped, RED), 64);
    assert_eq!(stamped.colour((8, 0)), Some(RED), "snapped to the grid");
}

#[test]
fn a_selection_is_moved_and_leaves_nothing_behind() {
    let mut canvas = Canvas::filled(32, 32, SKY);
    canvas.rectangle(
        Area {
            from: (8, 8),
            to: (16, 16),
        },
        [9, 9, 9],
    );
    let mut hand = hand(Tool::Select);
    hand.colour = SKY;
    assert_eq!(
        stroke(&mut hand, &canvas, &[(9, 9), (15, 15)]),
        canvas,
        "selecting draws nothing"
    );
    let moved = stroke(&mut hand, &canvas, &[(10, 10), (18, 18), (26, 27)]);
    assert_eq!(count(&moved, [9, 9, 9]), 64);
    assert_eq!(moved.colour((24, 24)), Some([9, 9, 9]));
    assert_eq!(moved.colour((9, 9)), Some(SKY));
    assert_eq!(
        stroke(&mut hand, &moved, &[(26, 26)]),
        moved,
        "a click moves nothing"
    );
}

proptest! {
    #[test]
    fn strokes_anywhere_never_break_and_undo_gives_every_picture_back(
        strokes in proptest::collection::vec((0..7usize, -40..60i32, -40..60i32, -40..60i32, -40..60i32), 1..20),
    ) {
        let mut history = History::new(Canvas::filled(16, 24, SKY));
        let mut pictures = vec![history.now().clone()];
        for (tool, x, y, to_x, to_y) in strokes {
            let mut hand = hand(Tool::ALL[tool]);
            hand.stamp = Some(Canvas::filled(8, 8, RED));
            let next = stroke(&mut hand, history.now(), &[(x, y), (to_x, to_y)]);
            if history.change(next) {
                pictures.push(history.now().clone());
            }
        }
        for picture in pictures.iter().rev().skip(1) {
            prop_assert!(history.undo());
            prop_assert_eq!(history.now(), picture);
        }
        prop_assert!(!history.undo());
        for picture in &pictures[1..] {
            prop_assert!(history.redo());
            prop_assert_eq!(history.now(), picture);
        }
        prop_assert!(!history.redo());
    }
}
