//! From a folder of films to a playable world and a report about it, in one call: `genie dream`.
//!
//! | file | what |
//! |---|---|
//! | `stages` | the stages, one after the other |
//! | `import_stage`, `training_stage`, `judging_stage` | what is done in them |
//! | `dreamer` | what they share: the folder, the time, and how to tell how far they are |
//! | `workshop` | the folder where they leave what they have done, so that a stopped dream goes on |
//! | `outputs` | what is written beside the world, and whether it can be |
//! | `import_watch` | how much of the time the import takes |
//! | `imported` | what an import made |
//! | `split` | a part of the footage is held out of the training, for evaluation |
//! | `plan` | which training fits the footage |
//! | `preset_choice` | how large a world fits the machine and the time |
//! | `forecast` | when it will be over |
//! | `speed`, `effort` | how fast worlds dream here, and how thoroughly one is evaluated in the time |
//! | `pacer` | how many steps fit the time, whatever else the machine does |
//! | `acted` | what is done in the footage |
//! | `health` | what stands against a good world, each with its remedy |
//! | `beginnings` | frames that show the player, to begin from |
//! | `prompts`, `pictures`, `curves`, `page` | what is shown: pictures to begin from, and the report |

mod acted;
mod beginnings;
mod curves;
mod data_uri;
mod dreamer;
mod dreamt;
mod effort;
mod error;
mod forecast;
mod health;
mod import_stage;
mod import_watch;
mod imported;
mod judging_stage;
mod metrics;
mod options;
mod outputs;
mod pacer;
mod page;
mod pictures;
mod plan;
mod preset_choice;
mod prompts;
mod speed;
mod split;
mod stages;
mod status;
mod training_stage;
mod workshop;

pub use dreamt::Dreamt;
pub use error::DreamError;
pub use options::DreamOptions;
pub use stages::dream;
pub use status::{Stage, Status};
