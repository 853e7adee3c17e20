//! From a folder of films to a playable world and a report about it, in one call: `genie dream`.
//!
//! | file | what |
//! |---|---|
//! | `stages` | the stages, one after the other: import, plan, training, labels, evaluation, report |
//! | `workshop` | the folder where they leave what they have done, so that a stopped dream goes on |
//! | `split` | a part of the footage is held out of the training, for evaluation |
//! | `plan` | which training fits the footage |
//! | `pacer` | how many steps fit the time, whatever else the machine does |
//! | `health` | what stands against a good world, each with its remedy |
//! | `prompts`, `pictures`, `curves`, `page` | what is shown: pictures to begin from, and the report |

mod curves;
mod data_uri;
mod error;
mod health;
mod metrics;
mod options;
mod pacer;
mod page;
mod pictures;
mod plan;
mod prompts;
mod split;
mod stages;
mod status;
mod workshop;

pub use error::DreamError;
pub use options::DreamOptions;
pub use stages::{Dreamt, dream};
pub use status::{Stage, Status};
