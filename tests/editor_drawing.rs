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

#[test]
fn a_selection_ends_at_the_edge_of_the_picture() {
    let canvas = Canvas::filled(32, 32, SKY);
    let mut hand = hand(Tool::Select);
    // Far beyond the edge, and then moved inwards.
    stroke(&mut hand, &canvas, &[(20, 20), (60, 70)]);
    let selection = hand.selection.unwrap();
    assert_eq!((selection.from, selection.to), ((16, 16), (32, 32)));
    let moved = stroke(&mut hand, &canvas, &[(24, 24), (16, 16)]);
    assert_eq!(count(&moved, [0; 3]), 0, "nothing comes from outside");
    assert_eq!(count(&moved, SKY) + count(&moved, RED), 32 * 32);
    // One that is nowhere on the picture selects nothing.
    stroke(&mut hand, &canvas, &[(40, 40), (60, 60)]);
    assert_eq!(hand.selection, None);
}

#[test]
fn a_selection_that_is_moved_again_leaves_what_is_below_as_it_was() {
    let mut canvas = Canvas::filled(48, 16, SKY);
    let square = |x: i32| Area {
        from: (x, 0),
        to: (x + 8, 8),
    };
    canvas.rectangle(square(0), [9, 9, 9]);
    canvas.rectangle(square(16), [7, 7, 7]);
    let mut hand = hand(Tool::Select);
    stroke(&mut hand, &canvas, &[(1, 1), (6, 6)]);
    let first = stroke(&mut hand, &canvas, &[(2, 2), (18, 2)]);
    assert_eq!(count(&first, [7, 7, 7]), 0, "it covers the other square");
    assert_eq!(count(&first, RED), 64, "where it was is a hole");
    let second = stroke(&mut hand, &first, &[(18, 2), (34, 2)]);
    assert_eq!(count(&second, [7, 7, 7]), 64, "which is there again");
    assert_eq!(count(&second, [9, 9, 9]), 64);
    assert_eq!(count(&second, RED), 64, "and there is no second hole");
    // Half out of the picture and back: nothing of it is lost.
    let out = stroke(&mut hand, &second, &[(34, 2), (50, 2)]);
    assert_eq!(count(&out, [9, 9, 9]), 0);
    assert!(hand.selection.is_some());
    // Something else is drawn: what is selected is part of the picture now.
    let back = stroke(&mut hand, &canvas, &[(1, 1)]);
    assert_eq!(back, canvas, "another picture, and nothing floats on it");
    stroke(&mut hand, &canvas, &[(1, 1), (6, 6)]);
    let mut other = stroke(&mut hand, &canvas, &[(2, 2), (18, 2)]);
    other.dot((40, 12), [1, 2, 3]);
    let moved = stroke(&mut hand, &other, &[(18, 2), (34, 2)]);
    assert_eq!(moved.colour((40, 12)), Some([1, 2, 3]));
    assert_eq!(moved.colour((17, 1)), Some(RED), "lifted anew");
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
