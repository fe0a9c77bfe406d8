//! Files that are there whole or not at all.

use crate::CoreError;
use std::{io::Write, path::Path};

/// Writes `bytes` to a temporary name beside `path`, then renames it.
///
/// # Errors
/// The file that could not be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), CoreError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder).map_err(CoreError::io(folder))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".vpt-").suffix(".tmp");
    // Temporary files are born readable by their owner alone; what is kept should be like any
    // file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(CoreError::io(path))?;
    file.write_all(bytes).map_err(CoreError::io(path))?;
    file.as_file().sync_all().map_err(CoreError::io(path))?;
    file.persist(path)
        .map_err(|error| CoreError::io(path)(error.error))?;
    Ok(())
}
