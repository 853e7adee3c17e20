//! Which settings of a run differ from those that it is resumed with.

use std::collections::BTreeMap;

use toml::Value;

use super::config::TrainConfig;

/// Settings of a phase that may change while a run is under way: its length and its pace, and what only shows it.
const MAY_CHANGE: [&str; 8] = [
    "steps",
    "pictures_every",
    "learning_rate",
    "warmup",
    "decay",
    "decay_curve",
    "final_share",
    // Not what a step is, but how much memory it takes.
    "accumulate",
];
/// Differences that are listed.
const MOST_TOLD: usize = 6;

/// The settings that differ and must not, with both values; `None` where there are none.
pub(super) fn differences(of_run: &TrainConfig, given: &TrainConfig) -> Option<String> {
    let (old, new) = (settings(of_run), settings(given));
    let names = old.keys().chain(new.keys());
    let mut names: Vec<&String> = names
        .filter(|name| old.get(*name) != new.get(*name) && !may_change(name))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    let value = |settings: &BTreeMap<String, String>, name: &String| {
        settings
            .get(name)
            .map_or_else(|| "not set".to_owned(), String::clone)
    };
    let mut told: Vec<String> = names
        .iter()
        .take(MOST_TOLD)
        .map(|name| {
            let (old, new) = (value(&old, name), value(&new, name));
            format!("{name} is {old} in the run and {new} now")
        })
        .collect();
    if let Some(more) = names.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    Some(told.join(", "))
}

fn may_change(name: &str) -> bool {
    if [
        "save_every",
        "recompute",
        "actions_revised_at",
        "start_from",
        // The player is looked for once, before the first step.
        "agent.count_penalty",
    ]
    .contains(&name)
    {
        return true;
    }
    ["tokenizer.", "dynamics."].iter().any(|phase| {
        name.strip_prefix(phase)
            .is_some_and(|setting| MAY_CHANGE.contains(&setting))
    })
}

/// All settings by their full names.
fn settings(config: &TrainConfig) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if let Ok(table) = Value::try_from(config) {
        flatten("", &table, &mut all);
    }
    all
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let Value::Table(table) = value else {
        into.insert(name.to_owned(), value.to_string());
        return;
    };
    for (key, value) in table {
        let name = if name.is_empty() {
            key.clone()
        } else {
            format!("{name}.{key}")
        };
        flatten(&name, value, into);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_what_is_harmless_is_not() {
        let run = TrainConfig::platformer();
        assert_eq!(differences(&run, &run), None);
        let mut given = run.clone();
        given.tokenizer.pictures_every = 3;
        given.dynamics.steps += 100;
        given.dynamics.learning_rate /= 4.0;
        given.save_every = 7.5;
        // What a run that had no room goes on with.
        given.recompute = true;
        given.dynamics.accumulate = 4;
        // Once it has happened, it stays.
        given.actions_revised_at = 0.7;
        // Another default than when the run began.
        given.agent.count_penalty = 2.0;
        assert_eq!(differences(&run, &given), None);
        given.dynamics.batch = 9;
        given.model.latent_actions.actions = 8;
        let told = differences(&run, &given).unwrap();
        assert_eq!(
            told,
            "dynamics.batch is 4 in the run and 9 now, model.latent_actions.actions is 6 in the run and 8 now"
        );
    }
}
