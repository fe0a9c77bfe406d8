//! Tensors by name in a safetensors file, in the type in which the backend holds them.

use super::write_atomically;
use crate::CoreError;
use burn::tensor::{DType, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, View};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes `tensors` to `path`, whole or not at all. The same tensors give the same bytes.
///
/// # Errors
/// The file that could not be written.
pub fn write_tensors(path: &Path, tensors: BTreeMap<String, TensorData>) -> Result<(), CoreError> {
    let exact = tensors.into_iter().map(|(name, data)| (name, Exact(data)));
    let bytes = safetensors::serialize(exact, None).map_err(|error| broken(path, error))?;
    write_atomically(path, &bytes)
}

/// Reads what [`write_tensors`] wrote.
///
/// # Errors
/// A file that cannot be read or is none of that kind.
pub fn read_tensors(path: &Path) -> Result<BTreeMap<String, TensorData>, CoreError> {
    let bytes = std::fs::read(path).map_err(CoreError::io(path))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| broken(path, error))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let dtype = match view.dtype() {
            Dtype::F64 => DType::F64,
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => return Err(broken(path, format!("tensor `{name}` has type {other:?}"))),
        };
        let shape = view.shape().to_vec();
        let data = TensorData::from_bytes_vec(view.data().to_vec(), shape, dtype);
        tensors.insert(name.to_owned(), data);
    }
    Ok(tensors)
}

pub(super) fn broken(path: &Path, message: impl ToString) -> CoreError {
    CoreError::Checkpoint {
        path: PathBuf::from(path),
        message: message.to_string(),
    }
}

/// Bytes as the backend holds them: nothing is converted, so nothing is lost.
struct Exact(TensorData);

impl View for Exact {
    fn dtype(&self) -> Dtype {
        match self.0.dtype {
            DType::F64 => Dtype::F64,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            _ => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.0.as_bytes())
    }

    fn data_len(&self) -> usize {
        self.0.as_bytes().len()
    }
}
