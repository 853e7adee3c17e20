//! Against what the motion of the found player counts.
//!
//! Where the camera follows the player, what it does is its motion through the scene. Where the scene scrolls by itself, as in many games with a ship that
//! flies or a fruit that falls, a player that nobody steers moves through the scene too, and what is pressed shows on the screen.

use genie_model::median;

use super::motion::Motion;
use crate::actions::{AgentTransition, AnchoredAgent, ClipActions};

/// Fewer transitions than this decide nothing.
const LEAST_TRANSITIONS: usize = 50;
/// Share of the transitions in which a scene that scrolls by itself goes one way.
const SCROLLS: f64 = 0.5;
/// Share of them in which it does without a stop, so that no player can be what moves it.
const ALWAYS: f64 = 0.8;
/// It goes the other way in no more than this share of those.
const BACK: f64 = 0.1;
/// A player that goes both ways on the screen while the scene scrolls, each in this share of the transitions, is not followed by the camera.
const FREE: f64 = 0.1;
/// What is no motion, in pixels a frame.
const LEAST: f32 = 0.5;

/// Against what motion along an axis counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reference {
    /// Against the scene.
    Scene,
    /// Against the screen: the scene scrolls by itself.
    Screen,
    /// Against the scene, beside this usual motion in pixels a frame: the scene scrolls by itself, and the player keeps its place on the screen.
    Usual(f32),
}

impl Reference {
    /// That of an axis, 0 for sideways, in footage in which the player does this.
    fn choose(clips: &[ClipActions], axis: usize) -> Self {
        let pairs = clips.iter().flat_map(|clip| clip.windows(2));
        let seen: Vec<[f32; 2]> = pairs
            .filter_map(|pair| {
                let screen = on_screen(&pair[0], Some(&pair[1]), axis)?;
                let displacement = pair[0].displacement[axis];
                pair[0].seen.then_some([screen, displacement])
            })
            .collect();
        if seen.len() < LEAST_TRANSITIONS {
            return Self::Scene;
        }
        let share = |holds: &dyn Fn(f32, f32) -> bool| {
            let count = seen
                .iter()
                .filter(|[screen, moved]| holds(*screen, screen - moved));
            count.count() as f64 / seen.len() as f64
        };
        let back = share(&|_, scene| scene <= -LEAST);
        let forth = share(&|_, scene| scene >= LEAST);
        let (one_way, other_way) = (back.max(forth), back.min(forth));
        if one_way < SCROLLS || other_way > BACK * one_way {
            return Self::Scene;
        }
        let scrolls = |scene: f32| scene.abs() >= LEAST;
        let goes_back = share(&|screen, scene| scrolls(scene) && screen <= -LEAST);
        let goes_forth = share(&|screen, scene| scrolls(scene) && screen >= LEAST);
        if goes_back.min(goes_forth) >= FREE * one_way {
            Self::Screen
        } else if one_way >= ALWAYS {
            let moved = seen.iter().map(|[_, displacement]| *displacement);
            median(moved).map_or(Self::Scene, Self::Usual)
        } else {
            Self::Scene
        }
    }

    /// The motion of a transition along an axis, by the next one; `None` where it was not seen.
    pub(super) fn motion(
        self,
        transition: &AgentTransition,
        next: Option<&AgentTransition>,
        axis: usize,
    ) -> Option<f32> {
        let displacement = transition.seen.then_some(transition.displacement[axis]);
        match self {
            Self::Scene => displacement,
            Self::Screen => on_screen(transition, next, axis),
            Self::Usual(usual) => Some(displacement? - usual),
        }
    }
}

/// Those of both axes for a player that does this in footage. The view itself has no place on the screen: what it does is its motion through the scene.
pub(super) fn references(agent: &AnchoredAgent, clips: &[ClipActions]) -> [Reference; 2] {
    if agent.up_is_forward().is_some() {
        return [Reference::Scene; 2];
    }
    [0, 1].map(|axis| Reference::choose(clips, axis))
}

/// The motion of every transition of a clip, sideways and up or down.
pub(super) fn motions([sideways, upright]: [Reference; 2], clip: &ClipActions) -> Vec<Motion> {
    (clip.iter().enumerate())
        .map(|(at, transition)| Motion {
            right: sideways.motion(transition, clip.get(at + 1), 0),
            down: upright.motion(transition, clip.get(at + 1), 1),
        })
        .collect()
}

/// How far the player goes on the screen along an axis to the next transition's first frame, if it is seen in both.
fn on_screen(
    transition: &AgentTransition,
    next: Option<&AgentTransition>,
    axis: usize,
) -> Option<f32> {
    let next = next.filter(|next| transition.present && next.present)?;
    Some(next.position[axis] - transition.position[axis])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clip of a player that goes so on the screen in front of a scene that goes so, over and over, 30 times.
    fn clip(steps: &[(f32, f32)]) -> ClipActions {
        let mut place = 30.0;
        let steps = steps.iter().cycle().take(30 * steps.len());
        steps
            .map(|&(screen, scene)| {
                let position = [place, 10.0];
                place += screen;
                AgentTransition {
                    code: 0,
                    displacement: [screen - scene, 0.0],
                    seen: true,
                    look: [0.0; 2],
                    present: true,
                    position,
                }
            })
            .collect()
    }

    fn chosen(steps: &[(f32, f32)]) -> Reference {
        let clips = [clip(steps)];
        assert_eq!(Reference::choose(&clips, 1), Reference::Scene);
        Reference::choose(&clips, 0)
    }

    #[test]
    fn a_scene_that_scrolls_by_itself_is_told_from_one_that_the_camera_follows() {
        // A ship in front of stars, whose scroll is missed now and then.
        let ship = [
            (0.0, -1.0),
            (2.0, -1.0),
            (-2.0, -2.0),
            (0.0, -1.0),
            (0.0, 0.0),
        ];
        assert_eq!(chosen(&ship), Reference::Screen);
        let clips = [clip(&ship)];
        let moved = |at: usize| Reference::Screen.motion(&clips[0][at], clips[0].get(at + 1), 0);
        assert_eq!([0, 1, 2].map(moved), [Some(0.0), Some(2.0), Some(-2.0)]);
        assert_eq!(moved(clips[0].len() - 1), None);
        // A plane in its place on the screen, faster at times.
        let plane = [(0.0, 2.0), (0.0, 2.0), (0.0, 2.0), (0.0, 3.0), (0.0, 1.0)];
        assert_eq!(chosen(&plane), Reference::Usual(-2.0));
        let faster = Reference::Usual(-2.0).motion(&clip(&plane)[3], None, 0);
        assert_eq!(faster, Some(-1.0));
        // A runner who is followed to the right, and stands at times; one who goes both ways; one in front of a scene that stands.
        let runner = [
            (0.0, -2.0),
            (0.0, -2.0),
            (0.0, -2.0),
            (0.0, 0.0),
            (2.0, 0.0),
        ];
        assert_eq!(chosen(&runner), Reference::Scene);
        let walker = [(0.0, -2.0), (0.0, -2.0), (0.0, 2.0), (0.0, 0.0)];
        assert_eq!(chosen(&walker), Reference::Scene);
        assert_eq!(chosen(&[(2.0, 0.0), (-2.0, 0.0)]), Reference::Scene);
        // Too little, and a player that is not seen.
        let short = clip(&ship)[..20].to_vec();
        assert_eq!(Reference::choose(&[short], 0), Reference::Scene);
        let mut hidden = clip(&ship);
        for transition in &mut hidden {
            transition.present = false;
        }
        assert_eq!(Reference::choose(&[hidden], 0), Reference::Scene);
    }
}
