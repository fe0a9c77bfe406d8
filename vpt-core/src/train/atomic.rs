//! Files that are there whole or not at all.

use crate::CoreError;
use std::io::Write;
use std::path::{Path, PathBuf};

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

/// Fills a folder beside `folder` by `fill`, then renames it to `folder`. What was there before
/// stays until the new one has its name; if anything fails it is still there.
///
/// A folder has no rename that replaces, so between two renames an old one is beside its place:
/// [`surviving`] finds it there should the process end just then.
pub(super) fn replace_folder(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), CoreError>,
) -> Result<(), CoreError> {
    let (staging, aside) = (beside(folder, "tmp")?, beside(folder, "old")?);
    remove(&staging)?;
    if let Err(error) = fill(&staging) {
        // The error that is worth telling is the first.
        let _ = remove(&staging);
        return Err(error);
    }
    let replaces = folder.exists();
    if replaces {
        remove(&aside)?;
        std::fs::rename(folder, &aside).map_err(CoreError::io(folder))?;
    }
    if let Err(error) = std::fs::rename(&staging, folder) {
        if replaces {
            let _ = std::fs::rename(&aside, folder);
        }
        let _ = remove(&staging);
        return Err(CoreError::io(folder)(error));
    }
    remove(&aside)
}

/// `folder`, or what [`replace_folder`] had moved out of its way when it was cut short.
pub(super) fn surviving(folder: &Path) -> PathBuf {
    match beside(folder, "old") {
        Ok(aside) if !folder.exists() && aside.exists() => aside,
        _ => folder.to_owned(),
    }
}

/// `.NAME.ENDING` in the same folder, which no listing of checkpoints takes for one.
fn beside(folder: &Path, ending: &str) -> Result<PathBuf, CoreError> {
    let name = folder.file_name().ok_or_else(|| CoreError::Checkpoint {
        path: folder.to_owned(),
        message: "has no name of its own".into(),
    })?;
    let name = name.to_string_lossy();
    Ok(folder.with_file_name(format!(".{name}.{ending}")))
}

fn remove(folder: &Path) -> Result<(), CoreError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CoreError::io(folder)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in `folder`, in order.
    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn fill(text: &'static str) -> impl FnOnce(&Path) -> Result<(), CoreError> {
        move |folder| write_atomically(&folder.join("text"), text.as_bytes())
    }

    /// The same as [`fill`], but the disk is full after the first file.
    fn fill_in_part(folder: &Path) -> Result<(), CoreError> {
        fill("half")(folder)?;
        Err(CoreError::io(folder)(
            std::io::ErrorKind::StorageFull.into(),
        ))
    }

    #[test]
    fn a_folder_is_replaced_and_nothing_is_left_beside_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("step-1");
        for text in ["first", "second"] {
            replace_folder(&folder, fill(text)).unwrap();
            assert_eq!(std::fs::read_to_string(folder.join("text")).unwrap(), text);
            assert_eq!(names(parent.path()), ["step-1"]);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_filled_leaves_the_old_one_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("step-1");
        replace_folder(&folder, fill_in_part).unwrap_err();
        assert!(names(parent.path()).is_empty());

        replace_folder(&folder, fill("old")).unwrap();
        let error = replace_folder(&folder, fill_in_part).unwrap_err();
        assert!(error.to_string().contains(".step-1.tmp"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.join("text")).unwrap(), "old");
        assert_eq!(names(parent.path()), ["step-1"]);
    }

    /// The process ended between the two renames: the old one is whole, and is found; the next
    /// one takes its place.
    #[test]
    fn an_interrupted_replacement_loses_neither() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("step-1");
        replace_folder(&parent.path().join(".step-1.old"), fill("old")).unwrap();
        let found = surviving(&folder);
        assert_eq!(std::fs::read_to_string(found.join("text")).unwrap(), "old");
        replace_folder(&folder, fill_in_part).unwrap_err();
        assert_eq!(names(parent.path()), [".step-1.old"]);

        replace_folder(&folder, fill("new")).unwrap();
        assert_eq!(surviving(&folder), folder);
        assert_eq!(names(parent.path()), ["step-1"]);
    }
}
