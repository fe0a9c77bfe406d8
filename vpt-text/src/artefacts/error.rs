//! What can be wrong with a file of a run.

use std::path::PathBuf;
use thiserror::Error;

/// A file of a run that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArtefactError {
    /// It cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not the JSON it should be.
    #[error("{}:{line}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}
