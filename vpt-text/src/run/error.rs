//! What can keep a run from ending well.

use crate::config::ConfigError;
use std::path::PathBuf;
use thiserror::Error;

/// An error of a run, naming the key, file or step at fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A key of the config cannot be run.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The training itself, or a checkpoint.
    #[error(transparent)]
    Core(#[from] vpt_core::CoreError),
    /// The corpus or a labelled set.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    /// The template of prompt and answer.
    #[error(transparent)]
    Template(#[from] crate::data::TemplateError),
    /// A model folder.
    #[error(transparent)]
    Model(#[from] crate::decoder::CheckpointError),
    /// A data set on the Hub that could not be had.
    #[error("{name}: {source}")]
    DataSet {
        /// What the config says.
        name: String,
        /// Why not.
        source: Box<vpt_core::hub::HubError>,
    },
    /// A path that is none, and on the Hub nothing of that name could be had.
    #[error(transparent)]
    Hub(#[from] vpt_core::hub::FindError),
    /// A GGUF file.
    #[error(transparent)]
    Gguf(#[from] crate::decoder::GgufError),
    /// Adapters.
    #[error(transparent)]
    Adapter(#[from] crate::decoder::LoraError),
    /// A model that cannot be made from its config.
    #[error("{path}: {source}")]
    ModelConfig {
        /// The config's file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::decoder::ConfigError,
    },
    /// Decoding failed.
    #[error(transparent)]
    Generate(#[from] crate::decoder::GenerateError),
    /// Scoring failed.
    #[error(transparent)]
    Likelihood(#[from] crate::score::LikelihoodError),
    /// Values could not be had.
    #[error(transparent)]
    Value(#[from] crate::score::ValueError),
    /// A key asks for more than the model or the data have.
    #[error("{key}: {message}")]
    Unfit {
        /// The dotted key.
        key: &'static str,
        /// What does not fit.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder is not what was asked for.
    #[error("{path}: {message}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl RunError {
    /// Whether the command line and config alone were enough to refuse it.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Config(_) | Self::Template(_))
    }

    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(super) fn folder(path: impl Into<PathBuf>, message: impl ToString) -> Self {
        Self::Folder {
            path: path.into(),
            message: message.to_string(),
        }
    }
}
