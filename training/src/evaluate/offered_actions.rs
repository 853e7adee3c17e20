//! Latent actions as players have them: those that are hidden taken for those that are offered.

use genie_model::ActionLabel;

/// For each action the one that has its name plain: `left` for `left_2`, and itself for one that no other shares its name with.
#[must_use]
pub fn plain_actions(labels: &[ActionLabel]) -> Vec<usize> {
    let plain =
        |label: &ActionLabel| (labels.iter()).position(|it| is_numbered(&label.name, &it.name));
    let with_labels = labels.iter().enumerate();
    with_labels
        .map(|(action, label)| plain(label).unwrap_or(action))
        .collect()
}

/// Whether a name is that of another action that comes after the plain one: `left_2` for `left`.
fn is_numbered(name: &str, plain: &str) -> bool {
    let number = name.strip_prefix(plain).and_then(|it| it.strip_prefix('_'));
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// For each latent action the offered one that a player has in its place: itself, or for a hidden one that of its plain name, if that is offered. Where none is, the
/// number of actions: all such come to one.
pub(super) fn in_place(labels: &[ActionLabel]) -> Vec<usize> {
    let plain = plain_actions(labels);
    (0..labels.len())
        .map(|action| match (labels[action].hidden, plain[action]) {
            (false, _) => action,
            (true, plain) if labels[plain].hidden => labels.len(),
            (true, plain) => plain,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_action_is_that_of_its_plain_name_or_none() {
        let label = |name: &str, hidden: bool| ActionLabel {
            name: name.to_owned(),
            hidden,
            ..ActionLabel::default()
        };
        let labels = [
            label("left_2", true),
            label("left", false),
            label("left_jump", true),
            label("left_jump_2", true),
            label("left_3", false),
            label("action_5", true),
        ];
        assert_eq!(plain_actions(&labels), [1, 1, 2, 2, 1, 5]);
        assert_eq!(in_place(&labels), [1, 1, 6, 6, 4, 6]);
    }
}
