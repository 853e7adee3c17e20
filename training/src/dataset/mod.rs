//! Datasets of gameplay: clips of raw frames in a few large shard files, with an index beside them.
//!
//! A dataset is a folder:
//! - `dataset.json`: format version, frame size, frames per second, and for every shard the lengths of its clips and a checksum;
//! - `shard-00000.frames` and so on: a header, then the frames of clip after clip, [T, H, W, 3] as bytes;
//! - `true_actions.bin`, where they are known: read through [`TrueActions`], never by the learning of latent actions.

mod error;
mod index;
mod key_names;
mod reader;
mod sampler;
mod shard_file;
mod true_actions;
mod writer;

pub use error::DatasetError;
pub use index::FrameFormat;
pub use reader::Dataset;
pub use sampler::{ClipSampler, ClipWindow, ShortClips};
pub use true_actions::TrueActions;
pub use writer::DatasetWriter;

pub(crate) use index::{HEADER_BYTES, INDEX_NAME, Index, IndexShard, PACES, ShardHeader, VERSION};
pub(crate) use key_names::{is_key, key_label, key_names, likely_key, pressed};
pub(crate) use shard_file::{SHARD_BYTES, ShardFile};
pub(crate) use true_actions::{
    FILE_NAME as TRUE_ACTIONS_NAME, NAMES_FILE as TRUE_ACTIONS_NAMES, encode as encode_true_actions,
};

/// Channels of a frame: red, green and blue.
pub const CHANNELS: usize = 3;
