//! What to play where there are no keys.

use std::str::FromStr;

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

/// A script: what is held, and for how many ticks. It is repeated for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    moves: Vec<Move>,
    /// Whether somebody wrote it, for one world; the walk takes what labels there are.
    written: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Move {
    names: Vec<String>,
    number: usize,
    ticks: usize,
}

impl Default for Script {
    /// A walk through a platformer, to the right more than to the left.
    fn default() -> Self {
        let moves = WALK.iter().map(|&(names, number, ticks)| Move {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            number,
            ticks,
        });
        Self {
            moves: moves.collect(),
            written: false,
        }
    }
}

impl FromStr for Script {
    type Err = String;

    /// `right:20,jump:6,left`: labels or numbers of latent actions, and ticks to hold each, one unless given.
    fn from_str(text: &str) -> Result<Self, String> {
        let moves = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let moves: Result<Vec<_>, String> = moves
            .map(|part| {
                let (name, ticks) = part.split_once(':').unwrap_or((part, "1"));
                let ticks = ticks.trim().parse().ok().filter(|&ticks| ticks > 0);
                let ticks =
                    ticks.ok_or_else(|| format!("`{part}`: ticks must be a number from 1"))?;
                let name = name.trim().to_owned();
                let number = name.parse().unwrap_or(0);
                Ok(Move {
                    names: vec![name],
                    number,
                    ticks,
                })
            })
            .collect();
        let moves = moves?;
        if moves.is_empty() {
            return Err("a script has at least one move, such as `right:20`".to_owned());
        }
        Ok(Self {
            moves,
            written: true,
        })
    }
}

impl Script {
    /// The action to hold at a tick (from 0) in a world with these labels: a label's name, or a number.
    pub fn action_at(&self, tick: usize, labels: &[GenieActionLabel]) -> String {
        let whole: usize = self.moves.iter().map(|step| step.ticks).sum();
        let mut left = tick % whole.max(1);
        for Move {
            names,
            number,
            ticks,
        } in &self.moves
        {
            if left < *ticks {
                let known = |name: &&String| labels.iter().any(|label| label.name == **name);
                let named = names.iter().find(known).cloned();
                return named.unwrap_or_else(|| (number % labels.len().max(1)).to_string());
            }
            left -= ticks;
        }
        "0".to_owned()
    }

    /// Names in a written script that none of these labels has, nor a number stands for.
    pub fn unknown<'a>(&'a self, labels: &'a [GenieActionLabel]) -> impl Iterator<Item = &'a str> {
        let unknown = |step: &&Move| {
            let label = |name: &String| labels.iter().any(|label| label.name == *name);
            let number = |name: &String| name.parse().is_ok_and(|n: usize| n < labels.len());
            !step.names.iter().any(|name| label(name) || number(name))
        };
        let written = self.moves.iter().filter(|_| self.written);
        written.filter(unknown).map(|step| step.names[0].as_str())
    }
}
