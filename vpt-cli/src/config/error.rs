//! What is wrong with a config, and where it stands.

use std::fmt;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The annotated defaults.
    Defaults,
    /// A line of a file.
    File { path: PathBuf, line: usize },
    /// `--set`, as it was written.
    Set(String),
    /// A flag of its own.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("built-in defaults"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Set(text) => write!(f, "--set {text}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A config that cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// Not TOML, or not `key=value`.
    #[error("{origin}: {message}")]
    Syntax { origin: Origin, message: String },
    /// No such key.
    #[error("{origin}: unknown key `{key}`; the nearest is `{nearest}`")]
    UnknownKey {
        origin: Origin,
        key: String,
        nearest: String,
    },
    /// A value of another type.
    #[error(
        "{origin}: `{key}` takes {}, not {}",
        with_article(expected),
        with_article(found)
    )]
    Type {
        origin: Origin,
        key: String,
        expected: &'static str,
        found: &'static str,
    },
    /// A value of the right type that the key does not know.
    #[error("{origin}: `{key}`: {message}")]
    Value {
        origin: Origin,
        key: String,
        message: String,
    },
    /// A value out of range.
    #[error("{}{refusal}", origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default())]
    Range {
        origin: Option<Origin>,
        refusal: vpt_core::run::ConfigError,
    },
}

fn with_article(name: &str) -> String {
    let article = if name.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {name}")
}
