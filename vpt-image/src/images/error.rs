//! What can be wrong with an image file.

use std::path::PathBuf;
use thiserror::Error;

/// An image, or the description of its processing, that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file is missing or cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no image of a known kind, or is broken.
    #[error("{path}: not a readable image: {reason}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// The image has other channels than what it should hold needs.
    #[error("{path}: expected {expected}, found {found}")]
    Channels {
        /// The file.
        path: PathBuf,
        /// The kind of pixels needed.
        expected: &'static str,
        /// The kind of pixels found.
        found: String,
    },
    /// A `preprocessor_config.json` that is not JSON or asks for what is not supported.
    #[error("{path}: {message}")]
    Processor {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the key.
        message: String,
    },
    /// An image could not be encoded.
    #[error("cannot encode a PNG: {reason}")]
    Encode {
        /// What the encoder says.
        reason: String,
    },
}
