//! A supervised classifier of true actions that sees frames alone, for evaluation only.

use super::footage::FrameSource;
use super::frame_sights::FrameSights;
use super::places::{TransitionPlace, known_places};
use super::view::{Truth, View};
use super::view_choice::ChosenViews;
use crate::dataset::{DatasetError, TrueActions};

/// Tells true actions from frames, whoever is in them: it looks at the whole picture, and at the motion of every patch beside it where that
/// helps with footage that it has held back from what it learns.
pub struct ActionClassifier {
    views: ChosenViews,
    /// Height and width of the frames that it learnt from.
    frame_size: (usize, usize),
    /// Share of each true action among what was learnt from.
    shares: Vec<f64>,
    learnt: usize,
}

/// What is looked at.
const fn views(sights: &FrameSights) -> [View<'_>; 2] {
    [View::Picture(sights), View::Motion(sights)]
}

/// The picture alone, or both.
const SETS: [&[usize]; 2] = [&[0], &[0, 1]];

impl ActionClassifier {
    /// Learns from at most so many transitions, spread evenly over the footage; `None` where no true action is known.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn learn(
        source: &dyn FrameSource,
        truth: &TrueActions,
        most: usize,
        seed: u64,
    ) -> Result<Option<Self>, DatasetError> {
        let (places, actions) = known_places(source, truth, most);
        let Some(&last) = actions.iter().max() else {
            return Ok(None);
        };
        let classes = 1 + usize::from(last);
        let mut shares = vec![0.0; classes];
        for &action in &actions {
            shares[usize::from(action)] += 1.0 / actions.len() as f64;
        }
        let sights = FrameSights::gather(source, &places)?;
        let truth = Truth {
            actions: &actions,
            classes,
        };
        Ok(Some(Self {
            views: ChosenViews::learn(&views(&sights), &SETS, truth, &places, seed),
            frame_size: source.frame_size(),
            shares,
            learnt: actions.len(),
        }))
    }

    /// Probabilities of the true actions at some places, in ascending order, of other footage.
    ///
    /// # Errors
    /// Footage that cannot be read, that has another frame size than what it learnt from, or that has no such places.
    pub fn read(
        &self,
        source: &dyn FrameSource,
        places: &[TransitionPlace],
    ) -> Result<Vec<Vec<f32>>, DatasetError> {
        let (height, width) = source.frame_size();
        if (height, width) != self.frame_size {
            return Err(DatasetError::Request(format!(
                "the classifier learnt from frames of {}x{} pixels, these have {height}x{width}",
                self.frame_size.0, self.frame_size.1
            )));
        }
        let sights = FrameSights::gather(source, places)?;
        Ok(self.views.read(&views(&sights), places.len()))
    }

    /// Share of each true action among the transitions that were learnt from.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Transitions that were learnt from.
    pub fn learnt(&self) -> usize {
        self.learnt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::{AgentError, AgentSettings, AnchoredAgent, ClipsInMemory, VisibleActions};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Height and width of the frames.
    const SIZE: (usize, usize) = (24, 64);
    /// Where what obeys goes under each true action.
    const COMMANDS: [[i32; 2]; 3] = [[0, 0], [-2, 0], [2, 0]];

    /// A picture that lies on the others.
    struct Sprite {
        edges: [usize; 2],
        /// Columns and rows in which it stays.
        room: [std::ops::Range<i32>; 2],
        /// Whether it obeys; else it moves as if it did, under other commands.
        obeys: bool,
        /// Whether its pixels are as different as noise.
        striped: bool,
    }

    /// Clips of random play, and the true actions. A command that leads out of a sprite's room is not given.
    fn play(
        sprites: &[Sprite],
        clips: usize,
        frames: usize,
        seed: u64,
    ) -> (ClipsInMemory, TrueActions) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (height, width) = SIZE;
        let (mut footage, mut truth) = (Vec::new(), Vec::new());
        for _ in 0..clips {
            let mut places: Vec<[i32; 2]> = (sprites.iter())
                .map(|sprite| {
                    sprite
                        .room
                        .each_ref()
                        .map(|room| rng.random_range(room.clone()))
                })
                .collect();
            let (mut bytes, mut actions) = (Vec::new(), Vec::new());
            for frame in 0..frames {
                let mut picture = vec![60; height * width * 3];
                for (sprite, place) in sprites.iter().zip(&places) {
                    for (y, x) in
                        (0..sprite.edges[1]).flat_map(|y| (0..sprite.edges[0]).map(move |x| (y, x)))
                    {
                        let at = [place[0] as usize + x, place[1] as usize + y];
                        let stripe = if sprite.striped {
                            (x * 7 + y * 3) * 37 % 160
                        } else {
                            120
                        };
                        picture[(at[1] * width + at[0]) * 3..][..3].fill(90 + stripe as u8);
                    }
                }
                bytes.extend(picture);
                if frame + 1 == frames {
                    break;
                }
                for (sprite, place) in sprites.iter().zip(&mut places) {
                    let stays = |command: &[i32; 2]| {
                        [0, 1]
                            .iter()
                            .all(|&axis| sprite.room[axis].contains(&(place[axis] + command[axis])))
                    };
                    let allowed: Vec<usize> = (0..COMMANDS.len())
                        .filter(|&it| stays(&COMMANDS[it]))
                        .collect();
                    let command = allowed[rng.random_range(0..allowed.len())];
                    *place = [0, 1].map(|axis| place[axis] + COMMANDS[command][axis]);
                    if sprite.obeys {
                        actions.push(command as u8);
                    }
                }
            }
            footage.push(bytes);
            truth.push(actions);
        }
        let clips = ClipsInMemory {
            frame_size: SIZE,
            clips: footage,
        };
        (clips, TrueActions::from_clips(truth))
    }

    fn tell(
        classifier: &ActionClassifier,
        footage: &(ClipsInMemory, TrueActions),
    ) -> VisibleActions {
        let (places, actions) = known_places(&footage.0, &footage.1, usize::MAX);
        VisibleActions::of(&classifier.read(&footage.0, &places).unwrap(), &actions)
    }

    fn learn(footage: &(ClipsInMemory, TrueActions), seed: u64) -> ActionClassifier {
        ActionClassifier::learn(&footage.0, &footage.1, 600, seed)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn actions_of_a_player_that_is_too_large_to_be_found_are_told() {
        let sprites = [Sprite {
            edges: [46, 14],
            room: [0..18, 4..5],
            obeys: true,
            striped: true,
        }];
        let learnt = play(&sprites, 12, 60, 1);
        let found = AnchoredAgent::fit(&learnt.0, &AgentSettings::default(), 0);
        assert!(
            matches!(found, Err(AgentError::NotFound(_))),
            "{:?}",
            found.map(|it| it.0.report().clone())
        );
        let told = tell(&learn(&learnt, 0), &play(&sprites, 4, 60, 2));
        assert!(told.information > 0.8, "{told:?}");
    }

    #[test]
    fn of_two_that_look_and_move_alike_the_one_that_obeys_is_told_by_its_place() {
        let sprites = |left: bool| {
            let sprite = |room: std::ops::Range<i32>, obeys| Sprite {
                edges: [6, 6],
                room: [room, 4..14],
                obeys,
                striped: false,
            };
            [sprite(0..26, left), sprite(32..58, !left)]
        };
        for left in [true, false] {
            let sprites = sprites(left);
            let told = tell(
                &learn(&play(&sprites, 12, 60, 3), 0),
                &play(&sprites, 4, 60, 4),
            );
            assert!(told.information > 0.8, "{told:?}");
        }
    }

    #[test]
    fn the_same_seed_learns_the_same_with_any_number_of_threads() {
        let sprites = [Sprite {
            edges: [6, 6],
            room: [0..58, 4..14],
            obeys: true,
            striped: false,
        }];
        let (learnt, other) = (play(&sprites, 6, 30, 5), play(&sprites, 2, 30, 6));
        let (places, _) = known_places(&other.0, &other.1, usize::MAX);
        let rows = |seed, threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| learn(&learnt, seed).read(&other.0, &places).unwrap())
        };
        let first = rows(7, 1);
        assert_eq!(first, rows(7, 3));
        assert_ne!(first, rows(8, 1));
    }

    #[test]
    fn places_that_are_not_there_and_frames_of_another_size_are_refused() {
        let sprites = [Sprite {
            edges: [6, 6],
            room: [0..58, 4..14],
            obeys: true,
            striped: false,
        }];
        let footage = play(&sprites, 2, 8, 8);
        let classifier = learn(&footage, 0);
        let place = |clip, frame| TransitionPlace { clip, frame };
        for places in [
            vec![place(2, 0)],
            vec![place(0, 7)],
            vec![place(0, usize::MAX)],
            vec![place(1, 0), place(0, 0)],
        ] {
            assert!(
                matches!(
                    classifier.read(&footage.0, &places),
                    Err(DatasetError::Request(_))
                ),
                "{places:?}"
            );
        }
        let other = ClipsInMemory {
            frame_size: (SIZE.1, SIZE.0),
            ..footage.0.clone()
        };
        let refused = classifier
            .read(&other, &[place(0, 0)])
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("24x64") && refused.contains("64x24"),
            "{refused}"
        );
        assert!(
            ActionClassifier::learn(&footage.0, &TrueActions::from_clips(Vec::new()), 9, 0)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn odd_frames_are_survived() {
        for (size, frames) in [((1, 1), 3), ((7, 40), 2), ((40, 7), 9), ((97, 3), 4)] {
            let bytes = (0..frames * size.0 * size.1 * 3)
                .map(|at| (at * 31 % 251) as u8)
                .collect();
            let clips = ClipsInMemory {
                frame_size: size,
                clips: vec![bytes, Vec::new()],
            };
            let truth = TrueActions::from_clips(vec![(0..frames as u8 - 1).collect(), Vec::new()]);
            let classifier = ActionClassifier::learn(&clips, &truth, 100, 0)
                .unwrap()
                .unwrap();
            let (places, _) = known_places(&clips, &truth, 100);
            for row in classifier.read(&clips, &places).unwrap() {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{row:?}");
            }
        }
    }
}
