//! Results as JSON files.

use std::path::Path;

use genie_model::atomic_file;
use serde::Serialize;

use super::EvaluateError;

/// Writes a value as indented JSON, under a temporary name first, so that a file of this name is always whole.
///
/// # Errors
/// [`EvaluateError::File`] if the file cannot be written or the value has no JSON form.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), EvaluateError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| EvaluateError::io("write", path)(error.into()))?;
    bytes.push(b'\n');
    atomic_file::write_in_new_folders(path, &bytes).map_err(EvaluateError::io("write", path))
}
