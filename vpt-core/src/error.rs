//! What can go wrong outside the caller's code.

use std::path::PathBuf;
use thiserror::Error;

/// An error of the core: files, checkpoints, data and numbers that are none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CoreError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A checkpoint does not hold what it should.
    #[error("{path}: {message}")]
    Checkpoint {
        /// The checkpoint's file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A folder or file is not what was asked for.
    #[error("{path}: {message}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A tensor of a file is missing or has another shape, type or value than the module.
    #[error("tensor `{name}`: {message}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// A state that is not of the part that it was given to.
    #[error("{message}")]
    State {
        /// What does not fit.
        message: String,
    },
    /// A figure of the training is not finite.
    #[error("step {step}: {what} is not finite")]
    NotFinite {
        /// The learner step.
        step: usize,
        /// What came out as NaN or infinite.
        what: &'static str,
    },
    /// The source of batches or an evaluator failed.
    #[error(transparent)]
    Data(Box<dyn std::error::Error + Send + Sync>),
}

impl CoreError {
    /// For `map_err` on file operations.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// A folder or file that is not what was asked for.
    pub fn folder(path: impl Into<PathBuf>, message: impl ToString) -> Self {
        Self::Folder {
            path: path.into(),
            message: message.to_string(),
        }
    }

    /// A failure of the data behind a [`Source`](crate::Source) or an
    /// [`Evaluator`](crate::Evaluator).
    pub fn data(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Data(Box::new(error))
    }
}
