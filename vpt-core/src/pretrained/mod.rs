//! Hugging Face folders of any model: `config.json` and the weights.
//!
//! What the fields mean and which tensors there are is each model's own; that a file is read field
//! by field with the fault named, and written whole or not at all, is here.

mod config;
mod error;
mod folder;

pub use config::{ConfigError, Fields, invalid};
pub use error::CheckpointError;
pub use folder::{read_config, save_folder};
