//! One file: where each tensor lies, and reading it.

use super::{Dtype, WeightsError, pytorch, safetensors};
use burn::tensor::{bf16, f16};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes that are read at once; a multiple of every element's size.
const PART: usize = 1 << 20;

/// An open file with the table of its tensors.
pub(super) struct TensorFile {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    file: File,
    entries: BTreeMap<String, Entry>,
}

/// How a file stores its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON header and raw values.
    Safetensors,
    /// What `torch.save` writes, now or before 1.6.
    PyTorch,
}

impl Format {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::PyTorch => "PyTorch",
        }
    }
}

/// Where a tensor lies in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// The byte that its first element begins at.
    pub(super) start: u64,
    /// Elements between neighbours along each axis, where they do not simply follow one another.
    pub(super) strides: Option<Vec<usize>>,
}

impl TensorFile {
    /// Opens a file of either format: what it holds decides, not its name.
    pub(super) fn open(path: PathBuf) -> Result<Self, WeightsError> {
        let mut file = File::open(&path).map_err(WeightsError::io(&path))?;
        let format = match pytorch::is_pytorch(&mut file).map_err(WeightsError::io(&path))? {
            true => Format::PyTorch,
            false => Format::Safetensors,
        };
        let entries = match format {
            Format::PyTorch => pytorch::entries(&mut file, &path)?,
            Format::Safetensors => safetensors::entries(&mut file, &path)?,
        };
        Ok(Self {
            path,
            format,
            file,
            entries,
        })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Hands the values of `key` to `take` in row-major order, a part at a time.
    pub(super) fn visit(
        &mut self,
        key: &str,
        shape: &[usize],
        mut take: impl FnMut(&[f32]),
    ) -> Result<(), WeightsError> {
        let (file, key) = (self.path.clone(), key.to_owned());
        let Some(entry) = self.entries.get(&key) else {
            return Err(WeightsError::Missing { file, key });
        };
        if entry.shape != shape {
            let (found, expected) = (entry.shape.clone(), shape.to_vec());
            return Err(WeightsError::Shape {
                file,
                key,
                found,
                expected,
            });
        }
        let Some(widen) = widening(entry.dtype) else {
            return Err(WeightsError::Dtype {
                file,
                key,
                dtype: format!("{:?}", entry.dtype),
            });
        };
        let mut seen = 0;
        let mut check = |values: &[f32]| match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(WeightsError::NotFinite {
                file: file.clone(),
                key: key.clone(),
                index: seen + index,
            }),
            None => {
                seen += values.len();
                take(values);
                Ok(())
            }
        };
        let count: usize = shape.iter().product();
        let source = &mut self.file;
        source
            .seek(SeekFrom::Start(entry.start))
            .map_err(WeightsError::io(&self.path))?;
        match &entry.strides {
            None => parts(source, count * size(entry.dtype), &self.path, |raw| {
                check(&widen(raw))
            }),
            Some(strides) => {
                let mut stored = Vec::new();
                let bytes = span(shape, strides) * size(entry.dtype);
                parts(source, bytes, &self.path, |raw| {
                    stored.extend(widen(raw));
                    Ok(())
                })?;
                let ordered: Vec<f32> = offsets(shape, strides)
                    .map(|offset| stored[offset])
                    .collect();
                check(&ordered)
            }
        }
    }
}

/// Reads `bytes` bytes, a part at a time.
fn parts(
    source: &mut File,
    bytes: usize,
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), WeightsError>,
) -> Result<(), WeightsError> {
    let mut buffer = vec![0; PART.min(bytes)];
    let mut left = bytes;
    while left > 0 {
        let part = &mut buffer[..PART.min(left)];
        source.read_exact(part).map_err(WeightsError::io(path))?;
        take(part)?;
        left -= part.len();
    }
    Ok(())
}

/// Bytes of an element; 0 for what is smaller.
pub(super) fn size(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

/// Elements from the first to the last of a strided tensor, both included. The table was checked:
/// this does not overflow.
fn span(shape: &[usize], strides: &[usize]) -> usize {
    if shape.contains(&0) {
        return 0;
    }
    let steps = shape
        .iter()
        .zip(strides)
        .map(|(length, stride)| (length - 1) * stride);
    1 + steps.sum::<usize>()
}

/// Where each element of a strided tensor lies, in row-major order.
fn offsets(shape: &[usize], strides: &[usize]) -> impl Iterator<Item = usize> {
    let count: usize = shape.iter().product();
    (0..count).map(move |index| {
        let mut rest = index;
        let axes = shape.iter().zip(strides).rev();
        axes.map(|(length, stride)| {
            let at = rest % length;
            rest /= length;
            at * stride
        })
        .sum()
    })
}

/// Little-endian values as f32; `None` for what is not a float of 16 or 32 bits.
fn widening(dtype: Dtype) -> Option<fn(&[u8]) -> Vec<f32>> {
    fn each<const N: usize>(raw: &[u8], value: fn([u8; N]) -> f32) -> Vec<f32> {
        raw.as_chunks()
            .0
            .iter()
            .map(|&bytes| value(bytes))
            .collect()
    }
    match dtype {
        Dtype::F32 => Some(|raw| each(raw, f32::from_le_bytes)),
        Dtype::F16 => Some(|raw| each(raw, |bytes| f16::from_le_bytes(bytes).to_f32())),
        Dtype::BF16 => Some(|raw| each(raw, |bytes| bf16::from_le_bytes(bytes).to_f32())),
        _ => None,
    }
}
