//! What a path in a config means.

use crate::CoreError;
use std::path::{Path, PathBuf};

/// What a path to data that ships begins with.
pub const BUILTIN: &str = "builtin:";
const OVERRIDE: &str = "VPT_DATA";

/// A path from a config: as it stands, or `builtin:NAME` below the project's `data/` folder.
///
/// That folder is `$VPT_DATA` if set, else the nearest `data/headline`'s parent above the binary,
/// above the working folder, or in the sources that the binary was built from.
///
/// # Errors
/// No such folder, or nothing of that name in it.
pub fn locate(path: &str) -> Result<PathBuf, CoreError> {
    let Some(name) = path.strip_prefix(BUILTIN) else {
        return Ok(PathBuf::from(path));
    };
    let folder = data_folder().ok_or_else(|| {
        CoreError::folder(
            path,
            format!("the project's data folder was not found; name it in {OVERRIDE}"),
        )
    })?;
    Ok(folder.join(name))
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
