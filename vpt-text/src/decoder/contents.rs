//! What the files of a checkpoint say that they hold.

use super::config_json::generation_eos;
use std::path::{Path, PathBuf};
use vpt_core::pretrained::CheckpointError;
use vpt_core::weights::TensorFiles;

/// The files of a checkpoint and the tensors in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The name of their format.
    pub format: &'static str,
    /// The files, sorted.
    pub files: Vec<PathBuf>,
    /// Their tensors, sorted by key.
    pub tensors: Vec<StoredTensor>,
    /// The tokens that end a text by `generation_config.json`, which may differ from those of
    /// `config.json`; none without one.
    pub generation_eos: Vec<u32>,
}

/// A tensor as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTensor {
    /// Its key in the file.
    pub key: String,
    /// Its element type, as its format names it.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Contents {
    /// What the files of a Hugging Face folder hold.
    ///
    /// # Errors
    /// A file of weights that is missing, cut short or otherwise not what it says, or a
    /// `generation_config.json` that is none.
    pub fn of_folder(folder: &Path) -> Result<Self, CheckpointError> {
        let files = TensorFiles::open(folder)?;
        let tensors = files.infos().map(|info| StoredTensor {
            key: info.key.to_owned(),
            dtype: format!("{:?}", info.dtype),
            shape: info.shape.to_vec(),
        });
        let file = folder.join("generation_config.json");
        let generation_eos = match std::fs::read_to_string(&file) {
            Ok(text) => {
                generation_eos(&text).map_err(|source| CheckpointError::Config { file, source })?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => vec![],
            Err(error) => return Err(CheckpointError::io(&file)(error)),
        };
        Ok(Self {
            generation_eos,
            format: files.format().name(),
            files: files.files().map(Path::to_owned).collect(),
            tensors: tensors.collect(),
        })
    }
}
