//! One rule of an action map: named actions that, held together, lead to a latent action.

use std::borrow::Cow;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

/// A latent action, by number or by label.
#[derive(Reflect, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[reflect(Debug, PartialEq, Clone)]
#[serde(untagged)]
pub enum GenieAction {
    /// 0 to `A - 1`.
    Number(usize),
    /// Its label in the checkpoint.
    Label(String),
}

impl From<usize> for GenieAction {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for GenieAction {
    fn from(label: &str) -> Self {
        Self::Label(label.to_owned())
    }
}

/// The named actions that, held together, lead to a latent action.
#[derive(Reflect, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[reflect(Debug, PartialEq, Clone)]
#[serde(deny_unknown_fields)]
pub struct GenieActionRule {
    /// The names, all of them held.
    pub held: Vec<Cow<'static, str>>,
    /// Where they lead.
    pub target: GenieAction,
    /// Among the rules that hold, those of the highest priority are looked at alone; 0 unless set.
    #[serde(default)]
    pub priority: i32,
}
