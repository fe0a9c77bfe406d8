//! What can go wrong on the way.

use super::SettingsError;
use crate::data::DataError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a stream was not decontaminated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecontaminateError {
    /// The stream or a test set cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The settings cannot be meant.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl DecontaminateError {
    /// What a failure to write `path` becomes.
    pub(super) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        |source| Self::Write {
            path: path.into(),
            source,
        }
    }
}
