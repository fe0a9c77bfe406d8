//! What can be wrong with an experiment's folder.

use crate::CoreError;
use crate::run::ArtefactError;
use std::path::PathBuf;
use thiserror::Error;

/// An experiment that cannot be read, compared or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// A file of a run.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
    /// Results that cannot be set beside one another.
    #[error("{}: {message}", path.display())]
    Unpaired {
        /// The file whose results do not match the baseline's.
        path: PathBuf,
        /// How they differ.
        message: String,
    },
    /// A folder without a run.
    #[error("{}: holds no run of {methods}", path.display())]
    NoRuns {
        /// The folder that should hold them.
        path: PathBuf,
        /// The methods that were looked for.
        methods: String,
    },
    /// A result that cannot be written.
    #[error(transparent)]
    Write(#[from] CoreError),
}
