//! What can keep a run from ending well.

use crate::config::ConfigError;
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
    /// A set or an image.
    #[error(transparent)]
    Set(#[from] crate::sets::SetError),
    /// An image, or how images become pixels.
    #[error(transparent)]
    Image(#[from] crate::images::ImageError),
    /// A head or a figure.
    #[error(transparent)]
    Evaluate(#[from] crate::evaluate::EvaluateError),
    /// Drawn scenes.
    #[error(transparent)]
    Scene(#[from] crate::scenes::SceneError),
    /// A model folder.
    #[error(transparent)]
    Model(#[from] crate::vit::CheckpointError),
    /// A path that is none, and on the Hub nothing of that name could be had.
    #[error(transparent)]
    Hub(#[from] vpt_core::hub::FindError),
    /// A key asks for more than the model or the data have.
    #[error("{key}: {message}")]
    Unfit {
        /// The dotted key.
        key: &'static str,
        /// What does not fit.
        message: String,
    },
}

impl RunError {
    /// Whether the command line and config alone were enough to refuse it.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}
