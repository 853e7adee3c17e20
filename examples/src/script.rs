//! A walk to play where there are no keys.

use bevy_genie::GenieActionLabel;

/// Names that a label may have for a move, the number to fall back to where no label has one, and ticks to hold it.
const WALK: [(&[&str], usize, usize); 12] = [
    (&["right"], 1, 14),
    (&["right_jump", "jump_right", "jump"], 4, 8),
    (&["right"], 1, 10),
    (&["right_jump", "jump_right", "jump"], 4, 9),
    (&["right"], 1, 6),
    (&["idle"], 0, 5),
    (&["left"], 2, 12),
    (&["left_jump", "jump_left", "jump"], 5, 8),
    (&["left"], 2, 6),
    (&["idle"], 0, 4),
    (&["jump"], 3, 8),
    (&["idle"], 0, 6),
];

/// The action to hold at a tick (from 0) in a world with these labels: a label's name, or a number.
pub fn action_at(tick: usize, labels: &[GenieActionLabel]) -> String {
    let whole: usize = WALK.iter().map(|(_, _, ticks)| ticks).sum();
    let mut left = tick % whole;
    for (names, number, ticks) in WALK {
        if left < ticks {
            let known = |name: &&&str| labels.iter().any(|label| label.name == **name);
            let named = names.iter().find(known).map(|&name| name.to_owned());
            return named.unwrap_or_else(|| (number % labels.len().max(1)).to_string());
        }
        left -= ticks;
    }
    "0".to_owned()
}
