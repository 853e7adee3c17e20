//! The senses on drawn pictures.

#![allow(clippy::float_cmp)] // Shares of whole pixels are exact.

use super::hero::HeroTracker;
use genie_model::Frame;

use super::*;

const SIDE: usize = 64;

/// A picture drawn pixel by pixel.
fn draw(colour: impl Fn(i32, i32) -> [u8; 3]) -> Frame {
    let pixels = (0..SIDE * SIDE).flat_map(|i| colour((i % SIDE) as i32, (i / SIDE) as i32));
    Frame::from_rgb(SIDE, SIDE, pixels.collect()).unwrap()
}

/// Scenery without repetition: sky, hills of uneven width, and bricks on the ground.
fn scenery(x: i32, y: i32) -> [u8; 3] {
    let hill = 40
        - (f64::from(x) * 0.13)
            .sin()
            .mul_add(8.0, (f64::from(x) * 0.31).cos() * 5.0) as i32;
    let brick = (x.wrapping_mul(7919) ^ (x / 5).wrapping_mul(104_729)).rem_euclid(90) as u8;
    match y {
        y if y < hill => [120, 180, 240],
        y if y < 52 => [60, 150 + (x.rem_euclid(11) * 4) as u8, 70],
        _ => [120 + brick / 2, 80, 40 + brick],
    }
}

fn boxed(x: i32, y: i32, left: i32, top: i32) -> bool {
    (left..left + 6).contains(&x) && (top..top + 10).contains(&y)
}

#[test]
fn colours_are_counted_in_their_region_only() {
    let frame = draw(|x, y| {
        if x < 16 && y < 32 {
            [250, 200, 60]
        } else {
            [10, 10, 10]
        }
    });
    let gold = Color::srgb_u8(245, 205, 58);
    assert_eq!(colour_share(&frame, EVERYWHERE, gold, 8), 0.125);
    assert_eq!(colour_share(&frame, URect::new(0, 0, 16, 64), gold, 8), 0.5);
    assert_eq!(colour_share(&frame, EVERYWHERE, gold, 4), 0.0);
    assert_eq!(
        colour_share(&frame, URect::new(40, 40, 90, 900), gold, 8),
        0.0
    );
    let outside = URect::new(100, 100, 200, 200);
    assert_eq!(
        colour_share(&frame, outside, Color::srgb_u8(10, 10, 10), 8),
        0.0
    );
}

#[test]
fn a_template_is_found_where_it_is() {
    let face = |x: i32, y: i32| [200, (x * 30) as u8, (y * 30) as u8];
    let frame = draw(|x, y| {
        if (40..48).contains(&x) && (21..29).contains(&y) {
            face(x - 40, y - 21)
        } else {
            scenery(x, y)
        }
    });
    let picture = (0..64).flat_map(|i| face(i % 8, i / 8)).collect();
    let picture = Frame::from_rgb(8, 8, picture).unwrap();
    assert_eq!(
        find_template(&frame, EVERYWHERE, &picture),
        Some((UVec2::new(40, 21), 1.0))
    );
    let left = URect::new(0, 0, 32, 64);
    let (_, elsewhere) = find_template(&frame, left, &picture).unwrap();
    assert!(elsewhere < 0.9, "{elsewhere}");
    assert_eq!(
        find_template(&frame, URect::new(0, 0, 7, 64), &picture),
        None
    );
}

#[test]
fn change_is_measured_in_its_region() {
    let before = draw(|_, _| [0; 3]);
    let after = draw(|x, _| if x < 32 { [255; 3] } else { [0; 3] });
    assert_eq!(change(&before, &after, EVERYWHERE), 0.5);
    assert_eq!(change(&before, &after, URect::new(32, 0, 64, 64)), 0.0);
    assert_eq!(
        change(&before, &Frame::filled(8, 8, [9; 3]), EVERYWHERE),
        0.0
    );
}

#[test]
fn scenes_are_seen_to_move_whichever_way() {
    let before = draw(scenery);
    for by in [
        (2, 0),
        (-2, 0),
        (-7, 0),
        (0, 3),
        (3, -2),
        (-5, 4),
        (8, 8),
        (1, 0),
    ] {
        let after = draw(|x, y| scenery(x - by.0, y - by.1));
        let shift = scene_shift(&before, &after, 8);
        assert_eq!(shift.by, IVec2::from(by));
        assert!(shift.confidence > 0.9, "{shift:?}");
    }
    assert_eq!(scene_shift(&before, &before, 8), SceneShift::default());
    let flat = Frame::filled(SIDE, SIDE, [7; 3]);
    assert_eq!(scene_shift(&flat, &flat, 8), SceneShift::default());
    let small = Frame::filled(1, 1, [7; 3]);
    assert_eq!(scene_shift(&small, &small, 8), SceneShift::default());
}

#[test]
fn a_hero_before_a_still_scene_does_not_move_the_scene_but_is_followed() {
    let hero = |left: i32, top: i32| {
        draw(move |x, y| {
            if boxed(x, y, left, top) {
                [220, 40, (y - top) as u8 * 20]
            } else {
                scenery(x, y)
            }
        })
    };
    let mut motion = GenieMotion::of_hero(URect::new(20, 30, 26, 40));
    let mut before = hero(20, 30);
    motion.see(&before, None, true);
    assert_eq!((motion.scene(), motion.hero_on_screen()), (None, None));
    let (mut x, mut y) = (20, 30);
    for (dx, dy) in [(3, 0), (2, -4), (0, 0), (-5, 6)] {
        (x, y) = (x + dx, y + dy);
        let after = hero(x, y);
        motion.see(&after, Some(&before), false);
        assert_eq!(motion.scene().map(|shift| shift.by), Some(IVec2::ZERO));
        assert_eq!(motion.hero_in_scene(), Some(IVec2::new(dx, dy)));
        before = after;
    }
    let place = URect::new(x as u32, y as u32, x as u32 + 6, y as u32 + 10);
    assert_eq!(motion.hero_place(), Some(place));
}

#[test]
fn a_hero_in_the_middle_of_a_scrolling_scene_moves_through_it() {
    let view = |camera: i32| {
        draw(move |x, y| {
            if boxed(x, y, 29, 30) {
                [220, 40, (y - 30) as u8 * 20]
            } else {
                scenery(x + camera, y)
            }
        })
    };
    let mut motion = GenieMotion::of_hero(URect::new(29, 30, 35, 40));
    motion.see(&view(0), None, true);
    motion.see(&view(2), Some(&view(0)), false);
    assert_eq!(motion.hero_on_screen(), Some(IVec2::ZERO));
    assert_eq!(motion.hero_in_scene(), Some(IVec2::new(2, 0)));
}

#[test]
fn a_hero_who_is_gone_is_lost_and_boxes_outside_are_none() {
    let frame = draw(|x, y| {
        if boxed(x, y, 20, 30) {
            [255; 3]
        } else {
            [0; 3]
        }
    });
    let mut tracker = HeroTracker::new(&frame, URect::new(20, 30, 26, 40)).unwrap();
    assert_eq!(tracker.follow(&draw(|_, _| [0; 3]), 8), None);
    assert_eq!(tracker.follow(&frame, 8), Some(IVec2::ZERO));
    assert_eq!(tracker.follow(&Frame::filled(3, 3, [0; 3]), 8), None);
    assert!(HeroTracker::new(&frame, URect::new(70, 0, 80, 9)).is_none());
}

#[test]
fn a_place_is_known_again_despite_a_hero_and_a_little_shift() {
    let place = draw(scenery);
    let visit = draw(|x, y| {
        if boxed(x, y, 12, 30) {
            [250, 30, 30]
        } else {
            scenery(x + 2, y)
        }
    });
    let elsewhere = draw(|x, y| scenery(x + 900, 63 - y));
    let place = Place::new(place);
    let known = place.likeness(&visit, 4);
    assert!(known > 0.7, "{known}");
    let unknown = place.likeness(&elsewhere, 4);
    assert!(unknown < 0.4, "{unknown}");
    assert_eq!(place.likeness(place.picture(), 0), 1.0);
    assert_eq!(place.likeness(&Frame::filled(8, 8, [0; 3]), 4), 0.0);
}

#[test]
fn a_place_is_told_by_its_landmarks_not_by_the_sky() {
    let with = |landmarks: &'static [(i32, i32)]| {
        draw(move |x, y| {
            let on = landmarks.iter().any(|&(left, top)| boxed(x, y, left, top));
            if on {
                [200, (x * 9 % 80) as u8, 30]
            } else {
                [120, 180, 240]
            }
        })
    };
    let place = Place::new(with(&[(8, 20), (40, 44)]));
    let empty = place.likeness(&with(&[]), 0);
    assert!(empty < 0.4, "{empty}");
    let half = place.likeness(&with(&[(8, 20)]), 0);
    assert!(half > empty && half < 1.0, "{half}");
}

fn tokens(columns: usize, tokens: &[u32]) -> crate::GenieTokens {
    crate::GenieTokens {
        columns,
        tokens: tokens.to_vec(),
    }
}

#[test]
fn a_place_is_known_by_its_rare_tokens_even_when_it_has_scrolled() {
    // Sky 0, ground 1, and three landmarks.
    let place = TokenPlace::new(tokens(4, &[0, 7, 0, 0, 0, 8, 0, 9, 1, 1, 1, 1]));
    assert_eq!(place.likeness(place.tokens(), 0), 1.0);
    let empty = tokens(4, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    assert!(place.likeness(&empty, 0) <= 0.4);
    let scrolled = tokens(4, &[0, 0, 7, 0, 0, 0, 8, 0, 1, 1, 1, 1]);
    let (still, moved) = (place.likeness(&scrolled, 0), place.likeness(&scrolled, 1));
    // One landmark has left the picture, and of sky and ground the first column.
    assert!(still < 0.4 && moved > 0.6, "{still} {moved}");
    assert!(place.likeness(&scrolled, 1000) >= moved);
    for other in [tokens(3, &empty.tokens), tokens(4, &[0; 8]), tokens(0, &[])] {
        assert_eq!(place.likeness(&other, 3), 0.0);
    }
    assert_eq!(TokenPlace::default().likeness(&empty, 3), 0.0);
}
