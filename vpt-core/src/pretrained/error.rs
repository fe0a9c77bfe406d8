//! What can be wrong with a model's folder.

use super::ConfigError;
use crate::weights::WeightsError;
use std::path::{Path, PathBuf};

/// Why a folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// `config.json` cannot be used.
    #[error("{}: {source}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// The field at fault.
        source: ConfigError,
    },
    /// The tensors' files, or a tensor that the configuration asks for.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A tensor is there that the configuration has no place for.
    #[error("{}: tensor `{key}` has no place in this model", file.display())]
    Unexpected {
        /// The file.
        file: PathBuf,
        /// The tensor.
        key: String,
    },
}

impl CheckpointError {
    /// The reason why `file` could not be had.
    pub fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }
}
