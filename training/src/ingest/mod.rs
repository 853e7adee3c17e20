//! Any video in, a dataset out.
//!
//! All footage passes through the same stages:
//! 1. `discover` finds the sources among the paths: films, animations, folders of pictures, archives of either;
//! 2. `source` decodes a source into a stream of frames with their presentation times, upright and in sRGB, scaled and cropped by
//!    the `geometry`;
//! 3. `ticks`: the times decide which frames are taken; `taking` chooses the pace, for which
//!    `survey` looks at how fast things move, and `bars` at where black bars are, both in short `windows`;
//! 4. `cutting` divides the frames into clips at scene cuts and leaves out what is black, frozen or a menu between cuts, `menus` finds those that come
//!    without a cut; `frame_sorter` carries out their decisions, and `over_cutting` notices where they take too much;
//! 5. `part`: long sources are read in parts of some minutes, as `span` says, of which `preparation` finds out what they share; the clips of a part are written,
//!    by `clip_writer`, to a folder of its own, which is there whole or not at all; `unit` joins the parts of a source;
//! 6. `assembly` writes the clips of all sources to the shards of the dataset, and `report_folder` writes the report: what was used, what
//!    was left out, and why.
//!
//! Sources and their parts are worked on in parallel. What was finished before an interruption is not done again, and the dataset has the
//! same bytes as without it. Whatever is skipped, changed or assumed is a [`Remark`]; the `report` has all of them.

mod actions;
mod assembled_actions;
mod assembly;
mod bars;
mod beforehand;
mod clip_writer;
mod cutting;
mod discover;
mod error;
mod frame_sorter;
mod geometry;
mod inspection;
mod keys_of_clips;
mod ledger;
mod left_out;
mod look;
mod menus;
mod names;
mod options;
mod over_cutting;
mod pace;
mod parallel;
mod part;
mod preparation;
mod progress;
mod remark;
mod report;
mod report_folder;
mod run;
mod source;
mod span;
mod survey;
mod taking;
mod target;
mod thumbs;
mod ticks;
mod unit;
mod windows;

pub use beforehand::{FootageChanges, FoundFootage};
pub use error::IngestError;
pub use inspection::{Finding, Inspection};
pub use options::{CropChoice, DecoderChoice, FitChoice, IngestOptions, PaceChoice};
pub(crate) use pace::pace_in_words;
pub use pace::parse_pace;
pub use progress::Progress;
pub use remark::{Remark, RemarkKind};
pub use report::Summary;
pub use run::ingest;
