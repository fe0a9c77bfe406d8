//! What a model or adapters in a config mean: a file or folder, data that ships with the project, a name
//! on the Hub.

use super::RunError;
use std::path::PathBuf;
use vpt_core::hub::{ModelFiles, find_model, kept_model};
use vpt_core::run::{BUILTIN, locate};

/// What a language model has beside its weights.
const FILES: ModelFiles<'_> = ModelFiles {
    needed: &["config.json", "tokenizer.json"],
    welcome: &[
        "generation_config.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
        "tokenizer.model",
        "chat_template.jinja",
    ],
};

/// The model folder that a path from a config means: a run folder keeps its learner in `model/`;
/// `owner/name` or `owner/name@revision`, where no such path exists, is a model on the Hub, fetched
/// into its cache.
///
/// # Errors
/// Data that ships was not found, or neither a path nor a model that can be had.
pub(super) fn locate_model(path: &str) -> Result<PathBuf, RunError> {
    let local = locate(path)?;
    if local.exists() || path.starts_with(BUILTIN) {
        return Ok(kept_model(&local));
    }
    Ok(find_model(path, &FILES)?)
}

/// The folder of adapters that a path from a config means, a run folder's `adapter/` where it has
/// one; none where the path is empty.
///
/// # Errors
/// Data that ships was not found.
pub(super) fn adapter_folder(path: &str) -> Result<Option<PathBuf>, RunError> {
    if path.is_empty() {
        return Ok(None);
    }
    let folder = locate(path)?;
    let kept = folder.join("adapter");
    Ok(Some(if kept.is_dir() { kept } else { folder }))
}
