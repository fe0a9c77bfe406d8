//! Reading safetensors one tensor at a time: a file is never wholly in memory.

use super::weights::CheckpointError;
use burn::tensor::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// The format's own limit on the header.
const MAX_HEADER: u64 = 100_000_000;

/// The tensors of a checkpoint folder, in one file or in shards.
pub(crate) struct TensorFiles {
    files: Vec<TensorFile>,
    /// Key → the file that holds it.
    home: BTreeMap<String, usize>,
}

struct TensorFile {
    path: PathBuf,
    file: File,
    /// Where the values begin.
    start: u64,
    metadata: Metadata,
}

impl TensorFiles {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    pub(crate) fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
        if single.exists() || !index.exists() {
            let file = TensorFile::open(single)?;
            let home = file
                .metadata
                .offset_keys()
                .into_iter()
                .map(|key| (key, 0))
                .collect();
            return Ok(Self {
                files: vec![file],
                home,
            });
        }
        let map = weight_map(&index)?;
        let mut names: Vec<&String> = map.values().collect();
        names.sort_unstable();
        names.dedup();
        let files: Result<Vec<_>, _> = names
            .iter()
            .map(|name| TensorFile::open(folder.join(name)))
            .collect();
        let files = files?;
        let mut home = BTreeMap::new();
        for (key, name) in &map {
            if let Ok(at) = names.binary_search(&name) {
                let file = &files[at];
                if file.metadata.info(key).is_none() {
                    return Err(CheckpointError::Missing {
                        file: file.path.clone(),
                        key: key.clone(),
                    });
                }
                home.insert(key.clone(), at);
            }
        }
        // What a shard holds beside the index is there all the same.
        for (at, file) in files.iter().enumerate() {
            for key in file.metadata.offset_keys() {
                home.entry(key).or_insert(at);
            }
        }
        Ok(Self { files, home })
    }

    /// Every key with the file it is in, sorted.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.home
            .iter()
            .map(|(key, &at)| (key.as_str(), self.files[at].path.as_path()))
    }

    /// The file that an absent key is missing from.
    pub(crate) fn main_file(&self) -> PathBuf {
        self.files
            .first()
            .map(|file| file.path.clone())
            .unwrap_or_default()
    }

    /// The values of `key`, which must have this shape and be finite.
    pub(crate) fn read(&mut self, key: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let Some(&at) = self.home.get(key) else {
            return Err(CheckpointError::Missing {
                file: self.main_file(),
                key: key.to_owned(),
            });
        };
        self.files[at].read(key, shape)
    }
}

/// `weight_map` of an index file: key → file name.
fn weight_map(path: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let malformed = |reason: String| CheckpointError::Malformed {
        file: path.to_owned(),
        reason,
    };
    let text = std::fs::read(path).map_err(CheckpointError::io(path))?;
    let index: Index = serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
    if index.weight_map.is_empty() {
        return Err(malformed("`weight_map` is empty".to_owned()));
    }
    // A shard lies in the folder itself: a path could lead anywhere.
    let outside = |name: &&String| Path::new(name).file_name() != Some(name.as_ref());
    match index.weight_map.values().find(outside) {
        Some(name) => Err(malformed(format!("`{name}` is not a file name"))),
        None => Ok(index.weight_map),
    }
}

impl TensorFile {
    fn open(path: PathBuf) -> Result<Self, CheckpointError> {
        let malformed = |reason: String| CheckpointError::Malformed {
            file: path.clone(),
            reason,
        };
        let mut file = File::open(&path).map_err(CheckpointError::io(&path))?;
        let length = file.metadata().map_err(CheckpointError::io(&path))?.len();
        let mut word = [0; 8];
        file.read_exact(&mut word)
            .map_err(|_| malformed("shorter than 8 bytes".to_owned()))?;
        let header = u64::from_le_bytes(word);
        if header > MAX_HEADER || header + 8 > length {
            return Err(malformed(format!("a header of {header} bytes in {length}")));
        }
        let mut text = vec![0; header as usize];
        file.read_exact(&mut text)
            .map_err(CheckpointError::io(&path))?;
        let metadata: Metadata =
            serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
        let start = header + 8;
        let expected = start + metadata.data_len() as u64;
        if expected != length {
            return Err(malformed(format!(
                "{length} bytes where the header says {expected}"
            )));
        }
        Ok(Self {
            path,
            file,
            start,
            metadata,
        })
    }

    fn read(&mut self, key: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let (file, key) = (self.path.clone(), key.to_owned());
        let Some(info) = self.metadata.info(&key) else {
            return Err(CheckpointError::Missing { file, key });
        };
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.to_vec());
            return Err(CheckpointError::Shape {
                file,
                key,
                found,
                expected,
            });
        }
        let (dtype, bytes) = (info.dtype, byte_count(info));
        let start = self.start + info.data_offsets.0 as u64;
        let mut raw = vec![0; bytes];
        let read = self.file.seek(SeekFrom::Start(start));
        read.and_then(|_| self.file.read_exact(&mut raw))
            .map_err(CheckpointError::io(&file))?;
        let Some(values) = to_f32(dtype, &raw) else {
            return Err(CheckpointError::Dtype {
                file,
                key,
                dtype: format!("{dtype:?}"),
            });
        };
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(CheckpointError::NotFinite { file, key, index }),
            None => Ok(values),
        }
    }
}

fn byte_count(info: &TensorInfo) -> usize {
    info.data_offsets.1 - info.data_offsets.0
}

/// Little-endian values as f32; `None` for what is not a float of 16 or 32 bits.
fn to_f32(dtype: Dtype, raw: &[u8]) -> Option<Vec<f32>> {
    let (words, _) = raw.as_chunks::<4>();
    let (halves, _) = raw.as_chunks::<2>();
    match dtype {
        Dtype::F32 => Some(words.iter().map(|&b| f32::from_le_bytes(b)).collect()),
        Dtype::F16 => Some(
            halves
                .iter()
                .map(|&b| f16::from_le_bytes(b).to_f32())
                .collect(),
        ),
        Dtype::BF16 => Some(
            halves
                .iter()
                .map(|&b| bf16::from_le_bytes(b).to_f32())
                .collect(),
        ),
        _ => None,
    }
}
