//! The header of a safetensors file.

use super::WeightsError;
use super::file::Entry;
use ::safetensors::tensor::{Metadata, TensorInfo};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The format's own limit on the header.
const MAX_HEADER: u64 = 100_000_000;

/// Where each tensor lies. The header itself is checked by the format's own library: tensors are
/// as long as their shapes say, with neither holes nor overlaps.
pub(super) fn entries(
    file: &mut File,
    path: &Path,
) -> Result<BTreeMap<String, Entry>, WeightsError> {
    let malformed = |reason: String| WeightsError::Malformed {
        file: path.to_owned(),
        reason,
    };
    let length = file.metadata().map_err(WeightsError::io(path))?.len();
    let mut word = [0; 8];
    file.read_exact(&mut word)
        .map_err(|_| malformed("shorter than 8 bytes".to_owned()))?;
    let header = u64::from_le_bytes(word);
    if header > MAX_HEADER || header + 8 > length {
        return Err(malformed(format!("a header of {header} bytes in {length}")));
    }
    let mut text = vec![0; header as usize];
    file.read_exact(&mut text).map_err(WeightsError::io(path))?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
    let start = header + 8;
    let expected = start + metadata.data_len() as u64;
    if expected != length {
        return Err(malformed(format!(
            "{length} bytes where the header says {expected}"
        )));
    }
    let entry = |(key, info): (String, &TensorInfo)| {
        let entry = Entry {
            dtype: info.dtype,
            shape: info.shape.clone(),
            start: start + info.data_offsets.0 as u64,
            strides: None,
        };
        (key, entry)
    };
    Ok(metadata.tensors().into_iter().map(entry).collect())
}
