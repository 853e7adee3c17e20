//! Frames from which a world is shown: such as show the player, with room to move.

use crate::evaluate::PlayerPlaces;

/// Frames before and after one that show the player too, where it is said to be in sight: neither a flicker nor about to be gone.
const BEFORE: usize = 1;
const AFTER: usize = 3;

/// A frame that shows the player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Beginning {
    /// The frame, counted from the clip's first one.
    pub(super) frame: usize,
    /// Distance of the player to the nearest edge of the picture, as a share of that side, from 0 to one half.
    pub(super) room: f32,
}

/// The frame of a clip that shows the player with the most room, among those before `end`; `size` is [width, height]. `None` where the
/// player is not in sight.
pub(super) fn best(places: &PlayerPlaces, size: [usize; 2], end: usize) -> Option<Beginning> {
    let end = end.min(places.len());
    (0..end)
        .filter_map(|frame| beginning(places, size, frame))
        .max_by(|a, b| a.room.total_cmp(&b.room).then(b.frame.cmp(&a.frame)))
}

/// One frame of a clip, if it shows the player.
pub(super) fn beginning(
    places: &PlayerPlaces,
    size: [usize; 2],
    frame: usize,
) -> Option<Beginning> {
    let around = frame.saturating_sub(BEFORE)..(frame + AFTER + 1).min(places.len());
    let place = (*places.get(frame)?)?;
    if places[around].contains(&None) {
        return None;
    }
    let room = [0, 1].map(|axis| {
        let at = place[axis] / size[axis] as f32;
        at.min(1.0 - at)
    });
    Some(Beginning {
        frame,
        room: room[0].min(room[1]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_player_is_in_sight_before_and_after_and_has_the_most_room() {
        let mut places: PlayerPlaces = (0..20).map(|x| Some([3.0 * x as f32, 40.0])).collect();
        // In the middle of the picture it flickers.
        places[10] = None;
        let best_of = |places: &PlayerPlaces, end| best(places, [64, 64], end);
        // Frame 7 is the last one from which it stays in sight for three frames; 12 follows a frame without a gap.
        let found = best_of(&places, 20).unwrap();
        assert_eq!(found.frame, 12);
        assert!((found.room - 24.0 / 64.0).abs() < 1e-6, "{found:?}");
        assert_eq!(best_of(&places, 12).unwrap().frame, 6);
        assert_eq!(best_of(&places, 0), None);
        assert_eq!(best_of(&vec![None; 20], 20), None);
        assert_eq!(beginning(&places, [64, 64], 7), None);
        assert_eq!(beginning(&places, [64, 64], 30), None);
    }
}
