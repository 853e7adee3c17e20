//! Which actions players are offered: those that dreams show, and of those that come to the same only one.
//!
//! Some codes of real footage are no actions of a player: the last frame of a movement, or what follows from the past whatever is pressed. A
//! world that is commanded one of them does something else. Others are one action of a player at different moments, such as the first frame of a
//! run and a later one, or standing and being stopped by a wall. Both show in how dreams are read, without any true action.

use std::fmt::{Display, Formatter, Result as FmtResult};

use genie_model::ActionLabel;

use super::naming::{DIGITS, IDLE, digit};
use crate::evaluate::{FEW_ACTIONS, plain_actions};

/// An action of the same name as another is one of its own if dreams show it this much more often, as a share of the steps, where it is commanded
/// than where the other is.
const LEAST_DIFFERENCE: f64 = 0.25;
/// Actions of one name show what it says about as well as each other, unless one does this much more often.
const CLEARLY_MORE: f64 = 0.1;
/// Actions of one name go its way in dreams about as clearly as each other, unless one does by this much more.
const CLEARLY_FURTHER: f64 = 0.2;
/// Least share of the steps under an action in which dreams show it, or another one of its name: chance among eight actions. Among more of them chance is less,
/// and what is no better than it is no use to a player.
const LEAST_SHOWN: f64 = 1.0 / FEW_ACTIONS as f64;

/// Why players are not offered an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyHidden {
    /// The footage never shows it.
    NotInFootage,
    /// Where the footage shows it, the player is out of sight: nobody could say what it does.
    PlayerUnseen,
    /// Dreams under it show something else.
    NotDreamt,
    /// It comes to the same as the plain action of its name.
    SameAsPlain,
}

impl Display for WhyHidden {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(match self {
            Self::NotInFootage => "the footage does not show it",
            Self::PlayerUnseen => "the footage does not show the player under it",
            Self::NotDreamt => "dreams show something else",
            Self::SameAsPlain => "dreams show the same as under the plain one",
        })
    }
}

/// As which actions dreams under each action were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DreamReadings {
    /// Steps of play by commanded action (row) and by the action that was read (column).
    steps: Vec<Vec<u64>>,
}

impl DreamReadings {
    /// From steps of play by commanded action (row) and by the action that was read (column).
    pub fn new(steps: Vec<Vec<u64>>) -> Self {
        Self { steps }
    }

    /// Share of the steps under an action that were read as it; `None` where it was not commanded.
    pub fn recognised(&self, action: usize) -> Option<f64> {
        let commanded = self.commanded(action);
        (commanded > 0).then(|| self.steps[action][action] as f64 / commanded as f64)
    }

    /// Steps of play in which an action was commanded.
    fn commanded(&self, action: usize) -> u64 {
        self.steps.get(action).map_or(0, |row| row.iter().sum())
    }

    /// Actions that were commanded at all.
    fn played(&self) -> f64 {
        let played = (0..self.steps.len()).filter(|&action| self.commanded(action) > 0);
        played.count() as f64
    }

    /// Share of the steps under an action that were read as one of some, between what chance gives and what was counted: as many steps are added as
    /// there are actions, one of each.
    fn share(&self, commanded: usize, read: &[usize]) -> f64 {
        let actions = self.played();
        let counted: u64 = read.iter().map(|&read| self.steps[commanded][read]).sum();
        (counted as f64 + read.len() as f64) / (self.commanded(commanded) as f64 + actions)
    }

    /// Whether dreams show an action less often than by chance. As many steps are added as there are actions, two of them recognised, so that few
    /// steps hide none.
    fn is_below_chance(&self, action: usize) -> bool {
        let (actions, commanded) = (self.played(), self.commanded(action) as f64);
        (self.steps[action][action] as f64 + 2.0) / (commanded + actions) < 1.0 / actions
    }

    /// Whether dreams under an action hardly ever show one of those that share its name. Eight steps are added, two of which show it, so that few steps
    /// hide none.
    fn is_hardly_shown(&self, action: usize, of_its_name: &[usize]) -> bool {
        let row = &self.steps[action];
        let shown: u64 = of_its_name.iter().map(|&read| row[read]).sum();
        (shown as f64 + 2.0) / (self.commanded(action) as f64 + FEW_ACTIONS as f64) < LEAST_SHOWN
    }
}

/// Says which actions players are offered, and gives of those that share a name the plain one, and its keys, to the one that shows best what it says. Those
/// that are hidden lose their keys, and what is offered without any gets a free digit. What the world does while nothing is pressed is never hidden.
/// Returns why each that is hidden is.
///
/// Hidden is what the footage or dreams never show, that under which the footage does not show the player (`unseen`), what goes against its name in them, and what comes to the same as the plain action of its name. Where fewer
/// than two would be left, nothing is hidden for that reason: such a world shows nothing that it is told.
///
/// `goes` says of each action [how far dreams go the way of its name](super::dreamt::goes_as_named).
pub(super) fn offer(
    labels: &mut [ActionLabel],
    (usage, unseen): (&[f64], &[bool]),
    readings: &DreamReadings,
    goes: &[Option<f64>],
) -> Vec<Option<WhyHidden>> {
    let mut hidden = vec![None; labels.len()];
    let names = of_one_name(labels);
    let unshown = (usage.iter().enumerate()).map(|(action, &usage)| {
        if usage == 0.0 {
            return Some(WhyHidden::NotInFootage);
        }
        let alone = [action];
        let of_its_name = names.iter().find(|members| members.contains(&action));
        let of_its_name = of_its_name.map_or(&alone[..], Vec::as_slice);
        let unshown =
            readings.is_below_chance(action) || readings.is_hardly_shown(action, of_its_name);
        unshown.then_some(WhyHidden::NotDreamt)
    });
    hide(&mut hidden, unshown.collect());
    let unseen = unseen.iter();
    hide(
        &mut hidden,
        unseen
            .map(|it| it.then_some(WhyHidden::PlayerUnseen))
            .collect(),
    );
    let contrary = |goes: &Option<f64>| goes.filter(|&goes| goes < 0.0);
    let contrary = goes
        .iter()
        .map(|goes| contrary(goes).map(|_| WhyHidden::NotDreamt));
    hide(&mut hidden, contrary.collect());
    let mut same = vec![None; labels.len()];
    for members in names {
        let mut offered: Vec<usize> = (members.iter().copied())
            .filter(|&action| hidden[action].is_none())
            .collect();
        // Something has to be done while nothing is pressed.
        if offered.is_empty() && labels[members[0]].name == IDLE {
            let shown = |&action: &usize| usage[action] > 0.0;
            offered.extend(members.iter().copied().filter(shown));
        }
        let Some(plain) = plain(&offered, &members, (usage, goes), readings) else {
            continue;
        };
        for &action in offered.iter().filter(|&&action| action != plain) {
            let [own, under_plain] = [action, plain].map(|it| readings.share(it, &[action]));
            same[action] = (own - under_plain < LEAST_DIFFERENCE).then_some(WhyHidden::SameAsPlain);
        }
        labels.swap(members[0], plain);
    }
    hide(&mut hidden, same);
    for (label, hidden) in labels.iter_mut().zip(&mut hidden) {
        if label.name == IDLE {
            *hidden = None;
        }
        if hidden.is_some() {
            label.keys.clear();
            label.hidden = true;
        }
    }
    give_free_digits(labels);
    hidden
}

/// Gives each action that is offered without keys the lowest digit that none has, as far as there are any: beyond ten actions numbers are no digits, and
/// what has no key cannot be played. What the world does while nothing is pressed needs none.
fn give_free_digits(labels: &mut [ActionLabel]) {
    for action in 0..labels.len() {
        let label = &labels[action];
        if label.hidden || label.name == IDLE || !label.keys.is_empty() {
            continue;
        }
        let is_free = |keys: &Vec<Vec<String>>| {
            let held = |held: &Vec<String>| keys.contains(held);
            !labels.iter().any(|label| label.keys.iter().any(held))
        };
        if let Some(keys) = (0..DIGITS).map(digit).find(is_free) {
            labels[action].keys = keys;
        }
    }
}

/// Hides more actions, if at least two are left.
fn hide(hidden: &mut [Option<WhyHidden>], more: Vec<Option<WhyHidden>>) {
    let left = (hidden.iter().zip(&more)).filter(|(a, b)| a.is_none() && b.is_none());
    if left.count() >= 2 {
        for (hidden, more) in hidden.iter_mut().zip(more) {
            *hidden = hidden.or(more);
        }
    }
}

/// Actions that share a name, the one that has it without a number first.
fn of_one_name(labels: &[ActionLabel]) -> Vec<Vec<usize>> {
    let plain = plain_actions(labels);
    (0..labels.len())
        .map(|first| {
            let others = (0..labels.len()).filter(|&other| other != first && plain[other] == first);
            std::iter::once(first).chain(others).collect::<Vec<_>>()
        })
        .filter(|members| members.len() > 1)
        .collect()
}

/// The action that is to have the plain name of some `members`, of those `offered`: of those that go its way in dreams, and show what it says, nearly best the
/// one that is read as itself most often, since the others go with places (the edge of the screen) or moments; then the most used.
fn plain(
    offered: &[usize],
    members: &[usize],
    (usage, goes): (&[f64], &[Option<f64>]),
    readings: &DreamReadings,
) -> Option<usize> {
    let furthest = offered
        .iter()
        .filter_map(|&it| goes[it])
        .fold(f64::NEG_INFINITY, f64::max);
    let goes_far =
        |&action: &usize| goes[action].is_none_or(|goes| goes >= furthest - CLEARLY_FURTHER);
    let offered: Vec<usize> = offered.iter().copied().filter(goes_far).collect();
    let shown = |action: usize| readings.share(action, members);
    let best = offered.iter().map(|&it| shown(it)).fold(0.0, f64::max);
    (offered.iter().copied())
        .filter(|&action| shown(action) >= best - CLEARLY_MORE)
        .max_by(|&a, &b| {
            let [own_a, own_b] = [a, b].map(|it| readings.share(it, &[it]));
            own_a.total_cmp(&own_b).then(usage[a].total_cmp(&usage[b]))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, key: &str) -> ActionLabel {
        ActionLabel {
            name: name.to_owned(),
            keys: vec![vec![key.to_owned()]],
            ..ActionLabel::default()
        }
    }

    /// Readings of 60 steps under each action: so many as itself, the others spread over the other actions.
    fn seen(recognised: &[u64]) -> DreamReadings {
        let others = recognised.len() as u64 - 1;
        let row = |action: usize| -> Vec<u64> {
            let rest = 60 - recognised[action];
            (0..recognised.len())
                .map(|read| {
                    if read == action {
                        recognised[action]
                    } else {
                        rest / others
                    }
                })
                .collect()
        };
        DreamReadings::new((0..recognised.len()).map(row).collect())
    }

    fn hidden(labels: &[ActionLabel]) -> Vec<bool> {
        labels.iter().map(|label| label.hidden).collect()
    }

    /// Which of so many actions without a name are hidden.
    fn hidden_of(usage: &[f64], readings: &DreamReadings) -> Vec<bool> {
        let mut labels: Vec<ActionLabel> = (0..usage.len())
            .map(|action| label(&format!("action_{action}"), "Digit1"))
            .collect();
        offer(
            &mut labels,
            (usage, &[]),
            readings,
            &vec![None; usage.len()],
        );
        hidden(&labels)
    }

    /// Nothing is pressed most of the time: the world is to stand then, as well as it can.
    #[test]
    fn what_stands_best_in_dreams_is_what_happens_while_nothing_is_pressed() {
        let names = ["idle", "idle_2", "left", "right"];
        let usage = [0.4, 0.2, 0.2, 0.2];
        let idle_of = |goes: [f64; 2]| {
            let mut labels = names.map(|name| label(name, name));
            let goes = [goes[0], goes[1], 0.9, 0.9].map(Some);
            offer(&mut labels, (&usage, &[]), &seen(&[40; 4]), &goes);
            assert!(!labels[2].hidden && !labels[3].hidden);
            let idle = labels.iter().position(|label| label.name == IDLE);
            assert!(idle.is_some_and(|idle| !labels[idle].hidden));
            idle
        };
        assert_eq!(idle_of([0.9, 0.9]), Some(0));
        assert_eq!(idle_of([0.1, 0.9]), Some(1));
        // Neither stands for half of the time.
        assert_eq!(idle_of([-0.9, -0.2]), Some(1));
        assert_eq!(idle_of([-0.2, -0.9]), Some(0));
        // What footage never shows is no candidate, however well it stands.
        let mut labels = names.map(|name| label(name, name));
        let goes = [-0.9, 0.9, 0.9, 0.9].map(Some);
        let usage = [0.4, 0.0, 0.3, 0.3];
        offer(&mut labels, (&usage, &[]), &seen(&[40; 4]), &goes);
        assert!(labels[0].name == IDLE && !labels[0].hidden && labels[1].hidden);
    }

    #[test]
    fn that_under_which_the_player_is_out_of_sight_is_not_offered() {
        let usage = [0.25; 4];
        let mut labels = ["idle", "action_1", "left", "right"].map(|name| label(name, name));
        let unseen = [false, true, false, false];
        let why = offer(&mut labels, (&usage, &unseen), &seen(&[40; 4]), &[None; 4]);
        assert_eq!(why, [None, Some(WhyHidden::PlayerUnseen), None, None]);
        assert_eq!(hidden(&labels), unseen);
        // Where the player is never seen, all that there is stays.
        let mut labels = [0, 1, 2].map(|it| label(&format!("action_{it}"), "Digit1"));
        offer(
            &mut labels,
            (&usage[..3], &[true; 3]),
            &seen(&[40; 3]),
            &[None; 3],
        );
        assert_eq!(hidden(&labels), [false; 3]);
    }

    #[test]
    fn what_dreams_do_not_show_is_hidden_where_enough_steps_say_so() {
        let used = [0.25; 4];
        assert_eq!(
            hidden_of(&used, &seen(&[40, 3, 20, 30])),
            [false, true, false, false]
        );
        // One that was never commanded is not hidden for that.
        let never = [
            vec![40, 10, 10, 0],
            vec![30, 3, 27, 0],
            vec![30, 10, 20, 0],
            vec![0; 4],
        ];
        assert_eq!(
            hidden_of(&used, &DreamReadings::new(never.into())),
            [false, true, false, false]
        );
        // What the footage never shows.
        assert_eq!(
            hidden_of(&[0.5, 0.5, 0.0], &seen(&[40, 50, 40])),
            [false, false, true]
        );
        // One of three is chance, and a few steps tell little.
        let few = DreamReadings::new(vec![vec![2, 0, 1], vec![1, 0, 1], vec![1, 0, 2]]);
        assert_eq!(hidden_of(&used[..3], &few), [false; 3]);
        // A world that shows nothing that it is told.
        assert_eq!(hidden_of(&used, &seen(&[9, 3, 2, 1])), [false; 4]);
        // Better than one of sixteen, and of no use; unless what is shown is another one of its name.
        let rare: Vec<u64> = [4].into_iter().chain([40; 15]).collect();
        let sixteen = [1.0 / 16.0; 16];
        assert!(hidden_of(&sixteen, &seen(&rare))[0]);
        assert!(!hidden_of(&sixteen, &seen(&[40; 16]))[0]);
        let mut rows = seen(&rare).steps;
        rows[0] = [4, 40].into_iter().chain([1; 14]).collect();
        rows[1] = vec![0; 16];
        let mut named: Vec<ActionLabel> = (0..16)
            .map(|action| label(&format!("action_{action}"), "Digit1"))
            .collect();
        (named[0].name, named[1].name) = ("left".to_owned(), "left_2".to_owned());
        offer(
            &mut named,
            (&sixteen, &[]),
            &DreamReadings::new(rows),
            &[None; 16],
        );
        assert!(named[0].name == "left" && !named[0].hidden);
        let once = DreamReadings::new(vec![vec![1, 3], vec![0, 0]]);
        assert_eq!(once.recognised(0), Some(0.25));
        assert_eq!(once.recognised(1), None);
    }

    #[test]
    fn a_plain_name_and_its_keys_go_to_an_action_that_is_offered() {
        let mut labels = [
            label("left", "ArrowLeft"),
            label("left_2", "Digit1"),
            label("left_3", "Digit2"),
            label("left_jump", "KeyQ"),
            label("action_4", "Digit4"),
        ];
        let usage = [0.4, 0.1, 0.3, 0.1, 0.1];
        offer(
            &mut labels,
            (&usage, &[]),
            &seen(&[3, 40, 40, 40, 3]),
            &[None; 5],
        );
        let names: Vec<&str> = labels.iter().map(|label| &*label.name).collect();
        assert_eq!(names, ["left_3", "left_2", "left", "left_jump", "action_4"]);
        assert_eq!(labels[2].keys, [["ArrowLeft"]]);
        assert_eq!(hidden(&labels), [true, false, false, false, true]);
        assert!(labels[0].keys.is_empty() && labels[4].keys.is_empty());
        // What is offered has a key, whatever its number; what is hidden leaves its own free.
        let mut many: Vec<ActionLabel> = (0..12)
            .map(|action| label(&format!("action_{action}"), &format!("Digit{action}")))
            .collect();
        many[10].keys.clear();
        many[11].keys.clear();
        (many[0].name, many[0].keys) = ("idle".to_owned(), Vec::new());
        let mut recognised = [40; 12];
        recognised[3] = 1;
        offer(
            &mut many,
            (&[1.0 / 12.0; 12], &[]),
            &seen(&recognised),
            &[None; 12],
        );
        assert!(many[0].keys.is_empty() && many[3].hidden && many[3].keys.is_empty());
        assert_eq!(many[10].keys, [["Digit3"]]);
        assert_eq!(many[11].keys, [["Digit0"]]);
        // What the world does while nothing is pressed is never hidden.
        let mut idle = ["idle", "action_1", "left", "right"].map(|name| label(name, "Digit1"));
        offer(
            &mut idle,
            (&[0.25; 4], &[]),
            &seen(&[3, 3, 40, 40]),
            &[None; 4],
        );
        assert_eq!(hidden(&idle), [false, true, false, false]);
    }

    /// The name of each action that is offered, of three to the right and one to the left, by 60 steps under each of those to the right.
    fn offered(steps: [[u64; 4]; 3]) -> [Option<String>; 4] {
        offered_that_go(steps, [None; 4])
    }

    /// The same of actions that go so far the way of their names in dreams.
    fn offered_that_go(steps: [[u64; 4]; 3], goes: [Option<f64>; 4]) -> [Option<String>; 4] {
        let names = ["right", "right_2", "right_3", "left"];
        let mut labels = names.map(|name| label(name, "Digit1"));
        let mut rows: Vec<Vec<u64>> = steps.map(Vec::from).into();
        rows.push(vec![2, 2, 2, 54]);
        let usage = [0.4, 0.2, 0.1, 0.3];
        offer(&mut labels, (&usage, &[]), &DreamReadings::new(rows), &goes);
        labels.map(|label| (!label.hidden).then_some(label.name))
    }

    #[test]
    fn of_actions_that_come_to_the_same_only_the_plain_one_is_offered() {
        let named = |all: [Option<&str>; 4]| all.map(|name| name.map(str::to_owned));
        let [right, left] = [Some("right"), Some("left")];
        // The first frame of a run is soon a later one, and the third looks like any of them.
        let moments = offered([[50, 6, 0, 4], [38, 14, 4, 4], [30, 10, 15, 5]]);
        assert_eq!(moments, named([right, None, None, left]));
        // Two speeds are two actions.
        let speeds = offered([[50, 2, 3, 5], [4, 48, 3, 5], [40, 8, 8, 4]]);
        assert_eq!(speeds, named([right, Some("right_2"), None, left]));
        // The most used one stops now and then: it is not what goes right.
        let stops = offered([[20, 10, 0, 30], [8, 46, 4, 2], [10, 40, 8, 2]]);
        assert_eq!(stops, named([None, right, None, left]));
        // The most used one is bound to the edge of the screen, where the picture shows the same.
        let edge = offered([[8, 40, 8, 4], [4, 46, 6, 4], [10, 40, 8, 2]]);
        assert_eq!(edge, named([None, right, None, left]));
    }

    #[test]
    fn what_goes_against_its_name_is_not_offered_and_what_goes_furthest_is_plain() {
        let steps = [[50, 2, 3, 5], [4, 48, 3, 5], [4, 8, 44, 4]];
        let named = |all: [Option<&str>; 4]| all.map(|name| name.map(str::to_owned));
        let [second, third, left] = [Some("right_2"), Some("right_3"), Some("left")];
        let furthest = offered_that_go(steps, [0.1, 0.7, 0.4, 0.5].map(Some));
        assert_eq!(furthest, named([second, Some("right"), third, left]));
        let against = offered_that_go(steps, [Some(-0.2), Some(0.7), Some(0.8), None]);
        assert_eq!(against, named([None, Some("right"), third, left]));
        // A world that goes the wrong way under all but one still offers what it has.
        let astray = offered_that_go(steps, [-0.2, -0.7, -0.8, 0.5].map(Some));
        assert_eq!(astray.iter().flatten().count(), 4);
        // What dreams do not show is hidden all the same.
        let unshown = [[50, 2, 3, 5], [4, 48, 3, 5], [20, 20, 1, 19]];
        let astray = offered_that_go(unshown, [-0.2, -0.7, -0.8, 0.5].map(Some));
        assert_eq!(astray.map(|name| name.is_some()), [true, true, false, true]);
    }
}
