//! What a config is refused with.

use thiserror::Error;

/// A key whose value cannot be run.
#[derive(Debug, Error, PartialEq)]
#[error("{key}: {message}")]
pub struct ConfigError {
    /// The dotted key.
    pub key: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// Refuses `key` with `message` unless it `holds`.
///
/// # Errors
/// It does not hold.
pub fn require(
    holds: bool,
    key: &'static str,
    message: impl FnOnce() -> String,
) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError {
            key,
            message: message(),
        })
    }
}
