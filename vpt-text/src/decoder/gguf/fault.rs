//! What can be wrong with a GGUF file, before the file's name is added.

use super::super::config::ConfigError;
use super::super::weights::CheckpointError;
use std::io;
use std::path::Path;

/// A fault in the bytes at hand; [`at`](Fault::at) says whose.
#[derive(Debug)]
pub(super) enum Fault {
    /// The operating system refused.
    Io(io::Error),
    /// Not what the format says.
    Malformed(String),
    /// Sound, but not computed here.
    Unsupported(String),
    /// The sizes do not make a decoder.
    Config(ConfigError),
}

impl Fault {
    pub(super) fn at(self, file: &Path) -> CheckpointError {
        let file = file.to_owned();
        match self {
            Self::Io(source) => CheckpointError::Io { file, source },
            Self::Malformed(reason) => CheckpointError::Malformed { file, reason },
            Self::Unsupported(what) => CheckpointError::Unsupported { file, what },
            Self::Config(source) => CheckpointError::Config { file, source },
        }
    }
}

pub(super) fn malformed<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Malformed(reason.into()))
}

pub(super) fn unsupported<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Unsupported(what.into()))
}
