//! What a path in a config means: a file or folder, data that ships with the project, a name on the
//! Hub.

use super::RunError;
use std::path::{Path, PathBuf};
use vpt_core::hub::{ModelFiles, find_model, kept_model};

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

const BUILTIN: &str = "builtin:";
const OVERRIDE: &str = "VPT_DATA";

/// A path from a config: as it stands, or `builtin:NAME` below the project's `data/` folder.
///
/// That folder is `$VPT_DATA` if set, else the nearest `data/headline`'s parent above the binary,
/// above the working folder, or in the sources that the binary was built from.
///
/// # Errors
/// No such folder, or nothing of that name in it.
pub fn locate(path: &str) -> Result<PathBuf, RunError> {
    let Some(name) = path.strip_prefix(BUILTIN) else {
        return Ok(PathBuf::from(path));
    };
    let folder = data_folder().ok_or_else(|| {
        RunError::folder(
            path,
            format!("the project's data folder was not found; name it in {OVERRIDE}"),
        )
    })?;
    Ok(folder.join(name))
}

/// The model folder that a path from a config means: a run folder keeps its learner in `model/`;
/// `owner/name` or `owner/name@revision`, where no such path exists, is a model on the Hub, fetched
/// into its cache.
///
/// # Errors
/// As for [`locate`]; neither a path nor a model that can be had.
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
/// As for [`locate`].
pub(super) fn adapter_folder(path: &str) -> Result<Option<PathBuf>, RunError> {
    if path.is_empty() {
        return Ok(None);
    }
    let folder = locate(path)?;
    let kept = folder.join("adapter");
    Ok(Some(if kept.is_dir() { kept } else { folder }))
}

fn data_folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(OVERRIDE) {
        return Some(PathBuf::from(folder));
    }
    let binary = std::env::current_exe().ok();
    let working = std::env::current_dir().ok();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    [binary.as_deref(), working.as_deref(), Some(sources)]
        .into_iter()
        .flatten()
        .flat_map(Path::ancestors)
        .map(|folder| folder.join("data"))
        .find(|folder| folder.join("headline").is_dir())
}
