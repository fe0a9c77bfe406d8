//! The files of a run, read back.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::path::{Path, PathBuf};
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

/// A number, or NaN for `null`: JSON has no NaN, and a number that diverged is `null` in a file. For
/// `#[serde(deserialize_with = "number")]`.
///
/// # Errors
/// Neither a number nor `null`.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The text of a file.
///
/// # Errors
/// It cannot be read.
pub fn read_text(path: &Path) -> Result<String, ArtefactError> {
    std::fs::read_to_string(path).map_err(|source| ArtefactError::Read {
        path: path.to_path_buf(),
        source,
    })
}

/// A JSON file.
///
/// # Errors
/// It cannot be read, or is no such thing; by its line.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ArtefactError> {
    serde_json::from_str(&read_text(path)?).map_err(|error| ArtefactError::Parse {
        path: path.to_path_buf(),
        line: error.line(),
        message: error.to_string(),
    })
}

/// A file with one JSON value a line; empty lines are passed over.
///
/// # Errors
/// It cannot be read, or a line is no such thing.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, ArtefactError> {
    read_text(path)?
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| ArtefactError::Parse {
                path: path.to_path_buf(),
                line: index + 1,
                message: error.to_string(),
            })
        })
        .collect()
}
