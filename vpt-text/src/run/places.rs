//! What a path in a config means: a file or folder, data that ships with the project, a name on the
//! Hub.

use super::RunError;
use std::path::{Path, PathBuf};
use vpt_core::hub::{Hub, RepoName};

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
        return Ok(model_folder(&local));
    }
    let Some(name) = RepoName::parse(path) else {
        let message = "no such file or folder, and not a name on the Hub (owner/name)";
        return Err(RunError::folder(path, message));
    };
    let refused = |source| RunError::Hub {
        path: path.to_owned(),
        source,
    };
    let hub = Hub::from_env().map_err(refused)?;
    hub.model_folder(&name.repo, name.revision.as_deref())
        .map_err(refused)
}

/// See [`locate_model`].
pub(super) fn model_folder(folder: &Path) -> PathBuf {
    let kept = folder.join("model");
    if kept.is_dir() {
        kept
    } else {
        folder.to_owned()
    }
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
