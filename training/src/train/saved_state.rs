//! The saved state of a phase: what is written, and what is read back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor, WithDType};
use safetensors::tensor::Metadata;
use safetensors::{Dtype, View};

/// How far a phase is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Steps behind it, skipped ones among them.
    pub(super) step: u64,
    /// Those that were skipped, because something in them was not finite.
    pub(super) skipped: u64,
}

/// A part of a state that is about to be written, where it lies: a copy of all would take as much memory as the training.
#[derive(Clone, Debug)]
pub(super) enum Part<'a> {
    Tensor(Tensor),
    Values(&'a [f32], [usize; 1]),
}

impl<'a> Part<'a> {
    pub(super) fn values(values: &'a [f32]) -> Self {
        Self::Values(values, [values.len()])
    }

    /// A copy, for comparisons.
    #[cfg(test)]
    pub(super) fn copied(&self) -> Result<Tensor> {
        match self {
            Self::Tensor(tensor) => tensor.copy(),
            Self::Values(values, [length]) => Tensor::from_slice(values, *length, &Device::Cpu),
        }
    }
}

impl View for Part<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Tensor(tensor) => View::dtype(tensor),
            Self::Values(..) => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => tensor.dims(),
            Self::Values(_, shape) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Tensor(tensor) => View::data(tensor),
            Self::Values(values, _) => values.iter().flat_map(|it| it.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Self::Tensor(tensor) => View::data_len(tensor),
            Self::Values(values, _) => size_of_val(*values),
        }
    }
}

/// Tensors as the parts of a state.
pub(super) fn parts<'a>(
    tensors: HashMap<String, Tensor>,
) -> impl Iterator<Item = (String, Part<'a>)> {
    let parts = tensors.into_iter();
    parts.map(|(name, tensor)| (name, Part::Tensor(tensor)))
}

/// Tensors by name.
pub trait SavedTensors {
    /// Whether there is one of this name.
    fn holds(&self, name: &str) -> bool;

    /// The tensor of this name, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&self, name: &str) -> Result<Option<Tensor>>;
}

impl SavedTensors for HashMap<String, Tensor> {
    fn holds(&self, name: &str) -> bool {
        self.contains_key(name)
    }

    fn read(&self, name: &str) -> Result<Option<Tensor>> {
        Ok(self.get(name).cloned())
    }
}

/// A file of tensors, each of which is read when it is asked for.
#[derive(Debug)]
pub(super) struct StateFile {
    file: Mutex<File>,
    metadata: Metadata,
    /// Where the values begin.
    start: u64,
}

impl StateFile {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|_| wrong("too short"))?;
        let header = u64::from_le_bytes(size);
        if header > length.saturating_sub(8) {
            return Err(wrong("too short"));
        }
        let mut bytes = vec![0; usize::try_from(header).map_err(|_| wrong("too long"))?];
        file.read_exact(&mut bytes)?;
        let metadata: Metadata = serde_json::from_slice(&bytes)?;
        let start = 8 + header;
        if start + metadata.data_len() as u64 != length {
            return Err(wrong("too short or too long"));
        }
        Ok(Self {
            file: Mutex::new(file),
            metadata,
            start,
        })
    }

    /// A whole number in the header.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.metadata.metadata().as_ref()?.get(name)?.parse().ok()
    }
}

impl SavedTensors for StateFile {
    fn holds(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    fn read(&self, name: &str) -> Result<Option<Tensor>> {
        let Some(info) = self.metadata.info(name) else {
            return Ok(None);
        };
        let (begin, end) = info.data_offsets;
        let mut bytes = vec![0; end - begin];
        // A panic elsewhere leaves no state behind but the file position, which is set anew here.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.start + begin as u64))?;
        file.read_exact(&mut bytes)?;
        let dtype = DType::try_from(info.dtype)?;
        Tensor::from_raw_buffer(&bytes, dtype, &info.shape, &Device::Cpu).map(Some)
    }
}

/// A phase's saved state.
pub(super) struct SavedState {
    pub(super) progress: Progress,
    pub(super) tensors: StateFile,
}

/// A list of values as a named tensor of a saved state.
///
/// # Errors
/// Never on the CPU.
pub(super) fn saved_values<T: WithDType>(name: String, values: &[T]) -> Result<(String, Tensor)> {
    let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
    Ok((name, tensor))
}

/// Puts saved values into `values`.
///
/// # Errors
/// If there is no such tensor, or one of another size or type.
pub(super) fn restore_values<T: WithDType>(
    state: &dyn SavedTensors,
    name: &str,
    values: &mut Vec<T>,
) -> Result<()> {
    let Some(saved) = state.read(name)? else {
        candle_core::bail!("the saved state has no {name}")
    };
    let saved = saved.to_vec1()?;
    if saved.len() != values.len() {
        candle_core::bail!("{name} has {} values, not {}", saved.len(), values.len());
    }
    *values = saved;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_written_part_by_part_is_read_tensor_by_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        let tensor =
            Tensor::new(&[[1f32, -2.5, 3.0], [0.0, f32::MAX, -0.0]], &Device::Cpu).unwrap();
        let steps = Tensor::new(&[7i64], &Device::Cpu).unwrap();
        let moments = [0.25f32, f32::MIN_POSITIVE, 9.0, -1.0];
        let parts = [
            ("weight".to_owned(), Part::Tensor(tensor.clone())),
            ("moments".to_owned(), Part::values(&moments)),
            ("steps".to_owned(), Part::Tensor(steps)),
        ];
        let metadata = HashMap::from([("step".to_owned(), "12".to_owned())]);
        safetensors::serialize_to_file(parts, Some(metadata), &path).unwrap();
        let file = StateFile::open(&path).unwrap();
        assert_eq!(
            (file.number("step"), file.number("skipped")),
            (Some(12), None)
        );
        let read = |name: &str| file.read(name).unwrap();
        assert_eq!(
            read("weight").unwrap().to_vec2::<f32>().unwrap(),
            tensor.to_vec2::<f32>().unwrap()
        );
        assert_eq!(read("steps").unwrap().to_vec1::<i64>().unwrap(), [7]);
        let mut values = vec![0f32; 4];
        restore_values(&file, "moments", &mut values).unwrap();
        assert_eq!(values, moments);
        assert!(file.holds("moments") && !file.holds("other") && read("other").is_none());

        // Cut off anywhere, longer, or with another header it is no state.
        let whole = fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let error = StateFile::open(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        };
        for length in 0..whole.len() {
            refused(&whole[..length]);
        }
        refused(&[whole.as_slice(), &[0]].concat());
        let mut header = whole.clone();
        header[8] = b'?';
        refused(&header);
        let mut endless = whole;
        endless[..8].fill(0xff);
        refused(&endless);
    }
}
