//! What can be wrong with a task or its data.

use crate::data::DataError;
use crate::decoder::{GenerateError, SamplingError};
use crate::score::LikelihoodError;
use crate::tokenizer::TokenizerError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A task that cannot be run; each names the file, key or line at fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TaskError {
    /// No task of this name ships.
    #[error("no task is called `{name}`; there are {known}, or give a file that ends in .toml")]
    Unknown {
        /// The name.
        name: String,
        /// The tasks that ship.
        known: String,
    },
    /// The task file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The task file is not TOML, or has keys or values that mean nothing.
    #[error("{origin}: {message}")]
    Format {
        /// The file, or the name of a task that ships.
        origin: String,
        /// What its reader says.
        message: String,
    },
    /// A key of the task contradicts another or cannot be used.
    #[error("{origin}: {key}: {message}")]
    Key {
        /// The file, or the name of a task that ships.
        origin: String,
        /// The dotted key.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// A flag asks for what the task does not have.
    #[error("--{flag}: {message}")]
    Flag {
        /// The flag, without its dashes.
        flag: &'static str,
        /// What does not fit.
        message: String,
    },
    /// A data file could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A row does not give what the task asks of it.
    #[error("{path}:{line}: {key}: {message}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The task's key that reads the row.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// There are fewer few-shot examples than the task shows.
    #[error("{source_name}: {present} examples{group}, the task shows {number}")]
    FewShots {
        /// Where they come from.
        source_name: String,
        /// How many there are.
        present: usize,
        /// Of which group, ready to be printed; empty where there are none.
        group: String,
        /// How many are asked for.
        number: usize,
    },
    /// A text could not be tokenised.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Settings that nothing can be drawn with.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// Generation failed.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Scoring failed.
    #[error(transparent)]
    Likelihood(#[from] LikelihoodError),
    /// The file of items that are done could not be read or written.
    #[error("{path}: {source}")]
    KeptFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of items that are done belongs to something else.
    #[error("{path}: {message}")]
    Kept {
        /// The file.
        path: PathBuf,
        /// Why it cannot be gone on from.
        message: String,
    },
}

impl TaskError {
    pub(super) fn kept(path: &Path, message: &str) -> Self {
        Self::Kept {
            path: path.into(),
            message: message.into(),
        }
    }

    pub(super) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::KeptFile {
            path: path.clone(),
            source,
        }
    }

    /// Whether the command line and the task file alone were enough to refuse it.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. }
                | Self::Read { .. }
                | Self::Format { .. }
                | Self::Key { .. }
                | Self::Flag { .. }
        )
    }
}
