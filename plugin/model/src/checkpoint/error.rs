//! What can go wrong with a checkpoint.

/// Version of the file's format.
pub(super) const VERSION: u32 = 1;

/// Why a checkpoint cannot be read or written. `source_name` is the file's path, or what the bytes were called.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error("{source_name}: {error}")]
    Io {
        /// Which file.
        source_name: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is too large to be a checkpoint.
    #[error("{source_name}: {bytes} bytes are more than any checkpoint has")]
    TooLarge {
        /// Which file.
        source_name: String,
        /// Its size.
        bytes: u64,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{source_name}: not a whole safetensors file: {reason}")]
    Damaged {
        /// Which file.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A safetensors file of something else.
    #[error("{source_name}: the header has no valid `{field}`: {reason}")]
    Header {
        /// Which file.
        source_name: String,
        /// The field of the header.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of another version of the format.
    #[error("{source_name}: checkpoint format version {found}, this build reads version {VERSION}")]
    Version {
        /// Which file.
        source_name: String,
        /// The file's version.
        found: u32,
    },
    /// A tensor that the configuration needs is not there.
    #[error("{source_name}: tensor `{tensor}` is missing")]
    Missing {
        /// Which file.
        source_name: String,
        /// Which tensor.
        tensor: String,
    },
    /// A tensor that the configuration does not know.
    #[error("{source_name}: tensor `{tensor}` does not belong to this configuration")]
    Unexpected {
        /// Which file.
        source_name: String,
        /// Which tensor.
        tensor: String,
    },
    /// A tensor of another shape or type than the configuration says.
    #[error("{source_name}: tensor `{tensor}` is {found}, expected {expected}")]
    Shape {
        /// Which file.
        source_name: String,
        /// Which tensor.
        tensor: String,
        /// What the file has.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A tensor with infinities or NaNs.
    #[error("{source_name}: tensor `{tensor}` holds values that are not finite")]
    NonFinite {
        /// Which file.
        source_name: String,
        /// Which tensor.
        tensor: String,
    },
}
