//! Why an adapter could not be made, read or written.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// An error of adapters, naming the file, field or tensor at fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoraError {
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// `adapter_config.json` cannot be used.
    #[error("{}: {reason}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, or not supported.
        reason: String,
    },
    /// A tensor is missing, has no place, or another shape or value than it should.
    #[error("{}: `{key}`: {reason}", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The targets do not fit this model.
    #[error("{0}")]
    Targets(String),
    /// A tensor file that is none, or cannot be written.
    #[error(transparent)]
    File(#[from] vpt_core::CoreError),
}

impl LoraError {
    pub(super) fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }

    /// The targets came from `file`.
    pub(super) fn within(self, file: &Path) -> Self {
        match self {
            Self::Targets(reason) => Self::Config {
                file: file.to_owned(),
                reason,
            },
            other => other,
        }
    }
}
