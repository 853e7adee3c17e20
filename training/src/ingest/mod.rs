//! Any video in, a dataset out.
//!
//! Footage takes one way, whatever it comes as:
//! 1. `discover`: paths become sources: films, animations, folders of pictures, archives of either;
//! 2. `source`: a source becomes a stream of frames with their presentation times, upright and in sRGB, scaled and cut by
//!    the `geometry` while they are decoded;
//! 3. `ticks`: the times decide which frames are taken; `survey` looks at how fast things move to choose the pace;
//! 4. `cutting`: the frames become clips, parted where scenes cut, without what is black, frozen or a menu; `sorter` sorts them;
//! 5. `unit`: the clips of one source are written, by `clip_writer`, to a folder of its own, which is there whole or not at all;
//! 6. `assembly`: when all sources are done, their clips become the shards of the dataset, and `report_folder` tells what
//!    became of the footage.
//!
//! Sources are worked on in parallel. What was finished before an interruption is not done again, and the dataset has the
//! same bytes as without it. Whatever is skipped, changed or assumed is a [`Remark`]; the `report` has all of them.

mod actions;
mod assembly;
mod clip_writer;
mod cutting;
mod discover;
mod error;
mod frame_sorter;
mod geometry;
mod inspection;
mod left_out;
mod names;
mod options;
mod pace;
mod parallel;
mod progress;
mod remark;
mod report;
mod report_folder;
mod run;
mod source;
mod survey;
mod thumbs;
mod ticks;
mod unit;

pub use error::IngestError;
pub use inspection::{Finding, Inspection};
pub use options::{CropChoice, DecoderChoice, FitChoice, IngestOptions, PaceChoice};
pub use pace::parse_pace;
pub use progress::Progress;
pub use remark::{Remark, RemarkKind};
pub use report::Summary;
pub use run::ingest;
