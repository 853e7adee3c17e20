//! How far the figure goes in dreams the way that a name says.
//!
//! Names of found actions are what is seen while they are inferred from footage. With a figure that has weight this need not be what they do: it still goes
//! right for a while after `left` is pressed. What it does while an action is held from rest is what a player gets.

use super::naming::{ActionEffect, IDLE};

/// How much more often the figure goes the way of a name than the opposite one in dreams, from -1 to 1, or how often it jumps, or how much more often it stands than
/// moves: the least of these where a name has several parts. `None` for a name that says neither, and where too little was measured. What is called standing and moves in
/// footage more than it stands, such as a figure that glides down, promises no stand.
pub(super) fn goes_as_named(name: &str, dream: &ActionEffect, real: &ActionEffect) -> Option<f64> {
    let more = |way: Option<f64>, opposite: Option<f64>| Some(way? - opposite?);
    let parts = name.split('_').filter_map(|part| match part {
        "left" => more(dream.left(), dream.right()),
        "right" => more(dream.right(), dream.left()),
        "up" => more(dream.up(), dream.down()),
        "down" => more(dream.down(), dream.up()),
        "jump" => dream.jumps(),
        IDLE => stands(dream).filter(|_| stands(real).is_none_or(|more| more >= 0.0)),
        _ => None,
    });
    parts.min_by(f64::total_cmp)
}

/// How much more often the figure stands than moves.
fn stands(effect: &ActionEffect) -> Option<f64> {
    effect.moves().map(|moves| 1.0 - 2.0 * moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_of_a_name_counts() {
        let dream = ActionEffect {
            transitions: 100.0,
            sideways: 100.0,
            goes_left: 20.0,
            goes_right: 70.0,
            vertical: 100.0,
            goes_up: 40.0,
            goes_down: 10.0,
            from_rest: 10.0,
            rises: 9.0,
            ..ActionEffect::default()
        };
        let close = |name: &str, expected: f64| {
            let found = goes_as_named(name, &dream, &ActionEffect::default()).unwrap();
            assert!((found - expected).abs() < 1e-9, "{name}: {found}");
        };
        close("right", 0.5);
        close("left", -0.5);
        close("right_jump_2", 0.5);
        close("left_jump", -0.5);
        close("jump_3", 0.9);
        close("up_right", 0.3);
        close("down", -0.3);
        close("left_fall", -0.5);
        // It moves sideways in 0.9 of the steps.
        close("idle", -0.8);
        close("idle_2", -0.8);
        for silent in ["action_3", "fall"] {
            assert_eq!(
                goes_as_named(silent, &dream, &ActionEffect::default()),
                None
            );
        }
        for name in ["right", "idle"] {
            let nothing = ActionEffect::default();
            assert_eq!(goes_as_named(name, &nothing, &nothing), None);
        }
        // What is seen in a few steps alone, since it moves there, stands in the others.
        let seldom = ActionEffect {
            transitions: 100.0,
            sideways: 8.0,
            goes_right: 6.0,
            ..ActionEffect::default()
        };
        let stands = goes_as_named("idle", &seldom, &seldom).unwrap();
        assert!((stands - 0.88).abs() < 1e-9);
        // It moves all the time in footage too.
        assert_eq!(goes_as_named("idle", &dream, &dream), None);
    }
}
