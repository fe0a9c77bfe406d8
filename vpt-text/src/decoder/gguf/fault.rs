//! What can be wrong with a GGUF file.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use vpt_core::pretrained::ConfigError;

/// A GGUF file that cannot be used.
#[derive(Debug, Error)]
#[error("{}: {fault}", file.display())]
pub struct GgufError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub fault: GgufFault,
}

/// What is wrong with a GGUF file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GgufFault {
    /// The operating system refused.
    #[error("{0}")]
    Io(io::Error),
    /// It is not what the format says.
    #[error("malformed: {0}")]
    Malformed(String),
    /// It asks for something that is not read or computed here.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The sizes in it do not make a decoder.
    #[error("{0}")]
    Config(ConfigError),
    /// A tensor that the decoder needs is not there.
    #[error("no tensor `{0}`")]
    Missing(String),
    /// A tensor is there that the decoder has no place for.
    #[error("tensor `{0}` has no place in this model")]
    Unexpected(String),
    /// A tensor holds NaN or an infinity.
    #[error("`{name}` is not finite at element {index}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// The first such element, in row-major order.
        index: usize,
    },
}

impl GgufFault {
    pub(super) fn at(self, file: &Path) -> GgufError {
        GgufError {
            file: file.to_owned(),
            fault: self,
        }
    }
}

pub(super) fn malformed<T>(reason: impl Into<String>) -> Result<T, GgufFault> {
    Err(GgufFault::Malformed(reason.into()))
}

pub(super) fn unsupported<T>(what: impl Into<String>) -> Result<T, GgufFault> {
    Err(GgufFault::Unsupported(what.into()))
}
