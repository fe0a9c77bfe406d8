//! Tensors of published checkpoints, one at a time: safetensors and PyTorch's `.bin` or `.pth`, in
//! one file or in shards with an index.
//!
//! A file is never wholly in memory, and nothing that it says of itself is believed before it was
//! compared with its length. No code in a PyTorch file is run: its pickle is read as a description
//! of tensors and nothing else.
//!
//! | file | holds |
//! |---|---|
//! | `layout` | which file of a folder holds the weights; the index of shards |
//! | `file` | one open file: where each tensor lies, and reading it |
//! | `safetensors`, `pytorch`, `pickle` | what each format says of where its tensors lie |

mod error;
mod file;
mod layout;
mod pickle;
mod pytorch;
mod safetensors;

pub use ::safetensors::Dtype;
pub use error::WeightsError;
pub use file::Format;
pub use layout::{Index, Layout};

use file::TensorFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The tensors of a checkpoint, in one file or in shards.
pub struct TensorFiles {
    files: Vec<TensorFile>,
    /// Key → the file that holds it.
    home: BTreeMap<String, usize>,
}

/// What a file says of a tensor.
#[derive(Clone, Copy, Debug)]
pub struct TensorInfo<'a> {
    /// Its key.
    pub key: &'a str,
    /// The file that holds it.
    pub file: &'a Path,
    /// Its element type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: &'a [usize],
}

impl TensorFiles {
    /// Opens the weights in `folder`: the first of `model.safetensors`, its index of shards,
    /// `pytorch_model.bin`, its index; or `folder` itself where it is a file.
    ///
    /// # Errors
    /// [`WeightsError`] names the file that is missing, cut short or otherwise not what it says.
    pub fn open(folder: &Path) -> Result<Self, WeightsError> {
        if folder.is_file() {
            return Self::single(folder.to_owned());
        }
        // With neither, the error names what is preferred.
        let layout = Layout::choose(|name| folder.join(name).exists()).unwrap_or_default();
        let first = folder.join(layout.first());
        match layout.is_index() {
            true => Self::sharded(folder, &Index::read(&first)?),
            false => Self::single(first),
        }
    }

    fn single(path: PathBuf) -> Result<Self, WeightsError> {
        let file = TensorFile::open(path)?;
        let home = file.keys().map(|key| (key.to_owned(), 0)).collect();
        let files = vec![file];
        Ok(Self { files, home })
    }

    fn sharded(folder: &Path, index: &Index) -> Result<Self, WeightsError> {
        let names: Vec<&str> = index.files().collect();
        let open = |name: &&str| TensorFile::open(folder.join(name));
        let files: Vec<TensorFile> = names.iter().map(open).collect::<Result<_, _>>()?;
        let mut home = BTreeMap::new();
        for (key, name) in index.keys() {
            let Ok(at) = names.binary_search(&name) else {
                continue;
            };
            if files[at].entry(key).is_none() {
                let (file, key) = (files[at].path.clone(), key.to_owned());
                return Err(WeightsError::Missing { file, key });
            }
            home.insert(key.to_owned(), at);
        }
        // What a shard holds beside the index is there all the same.
        for (at, file) in files.iter().enumerate() {
            for key in file.keys() {
                home.entry(key.to_owned()).or_insert(at);
            }
        }
        Ok(Self { files, home })
    }

    /// Every tensor, sorted by key.
    pub fn infos(&self) -> impl Iterator<Item = TensorInfo<'_>> {
        self.home.iter().filter_map(|(key, &at)| {
            let file = &self.files[at];
            file.entry(key).map(|entry| TensorInfo {
                key,
                file: &file.path,
                dtype: entry.dtype,
                shape: &entry.shape,
            })
        })
    }

    /// The files that are open, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// The format of the first file; shards share one.
    pub fn format(&self) -> Format {
        self.files
            .first()
            .map_or(Format::Safetensors, |file| file.format)
    }

    /// The values of `key` in row-major order. It must have this shape, be stored as F32, F16 or
    /// BF16, and be finite.
    ///
    /// # Errors
    /// Which of these it is not, or that there is no such tensor.
    pub fn read(&mut self, key: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let mut values = Vec::with_capacity(shape.iter().product());
        self.visit(key, shape, |part| values.extend_from_slice(part))?;
        Ok(values)
    }

    /// Whether two tensors of this shape hold the same values. One of them is in memory meanwhile.
    ///
    /// # Errors
    /// As for [`TensorFiles::read`].
    pub fn equal(&mut self, a: &str, b: &str, shape: &[usize]) -> Result<bool, WeightsError> {
        let values = self.read(a, shape)?;
        let (mut rest, mut same) = (values.as_slice(), true);
        self.visit(b, shape, |part| {
            let (here, later) = rest.split_at(part.len().min(rest.len()));
            same &= here == part;
            rest = later;
        })?;
        Ok(same)
    }

    /// Hands the values of `key` to `take`, a part at a time.
    fn visit(
        &mut self,
        key: &str,
        shape: &[usize],
        take: impl FnMut(&[f32]),
    ) -> Result<(), WeightsError> {
        match self.home.get(key) {
            Some(&at) => self.files[at].visit(key, shape, take),
            None => Err(WeightsError::Missing {
                file: self
                    .files
                    .first()
                    .map(|file| file.path.clone())
                    .unwrap_or_default(),
                key: key.to_owned(),
            }),
        }
    }
}
