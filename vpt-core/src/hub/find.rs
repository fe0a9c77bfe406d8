//! What a path to a model means.

use super::{Hub, HubError, ModelFiles, RepoName};
use std::path::{Path, PathBuf};

/// A path that is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Neither a path nor a name.
    #[error("{path}: no such file or folder, and not a name on the Hub (owner/name)")]
    Nothing {
        /// What was given.
        path: String,
    },
    /// A name, and nothing could be had by it.
    #[error("{path}: no such file or folder here, and as a name on the Hub: {source}")]
    Hub {
        /// What was given.
        path: String,
        /// Why not.
        source: Box<HubError>,
    },
}

/// The model that `path` means: what lies there (of a run folder, the learner that it keeps in
/// `model/`), or where nothing does, `owner/name` or `owner/name@revision` on the Hub, fetched into
/// its cache.
///
/// # Errors
/// [`FindError`]: neither a path nor a model that can be had.
pub fn find_model(path: &str, files: &ModelFiles<'_>) -> Result<PathBuf, FindError> {
    let local = Path::new(path);
    if local.exists() {
        return Ok(kept_model(local));
    }
    let Some(name) = RepoName::parse(path) else {
        let path = path.to_owned();
        return Err(FindError::Nothing { path });
    };
    let refused = |source| FindError::Hub {
        path: path.to_owned(),
        source: Box::new(source),
    };
    let hub = Hub::from_env().map_err(refused)?;
    hub.model_folder(&name.repo, name.revision.as_deref(), files)
        .map_err(refused)
}

/// `folder`, or the `model/` in it.
pub fn kept_model(folder: &Path) -> PathBuf {
    let kept = folder.join("model");
    if kept.is_dir() {
        kept
    } else {
        folder.to_owned()
    }
}
