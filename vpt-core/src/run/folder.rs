//! The files of a run folder.

use crate::{CoreError, write_atomically};
use serde::Serialize;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

const CHECKPOINTS: &str = "checkpoints";
const KEPT: usize = 2;

/// Writes `value` as indented JSON.
///
/// # Errors
/// The file that cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CoreError> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| CoreError::folder(path, error))?;
    write_atomically(path, &json)
}

/// Where the checkpoint of `step` stands.
pub fn checkpoint_path(out: &Path, step: usize) -> PathBuf {
    out.join(CHECKPOINTS).join(format!("step-{step:06}"))
}

/// The complete checkpoints of a run, oldest first; staging folders do not count.
fn checkpoints(out: &Path) -> Result<Vec<PathBuf>, CoreError> {
    let folder = out.join(CHECKPOINTS);
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let mut found = vec![];
    for entry in std::fs::read_dir(&folder).map_err(CoreError::io(&folder))? {
        let path = entry.map_err(CoreError::io(&folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("step-") && path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The newest checkpoint.
///
/// # Errors
/// There is none, or the folder cannot be read.
pub fn newest_checkpoint(out: &Path) -> Result<PathBuf, CoreError> {
    checkpoints(out)?
        .pop()
        .ok_or_else(|| CoreError::folder(out, "holds no checkpoint to resume from"))
}

/// What a checkpoint says that its run was made from; none where it cannot say.
pub fn saved_fingerprint(checkpoint: &Path) -> Option<String> {
    let json = std::fs::read(checkpoint.join("state.json")).ok()?;
    let state: serde_json::Value = serde_json::from_slice(&json).ok()?;
    state["fingerprint"].as_str().map(str::to_owned)
}

/// Makes `out` and takes it for this process; the system lets go of it when the process ends, however
/// that comes about. A run whose experiment was killed goes on until its next step, and must not
/// meet a second one in its folder.
///
/// # Errors
/// Another process is at work there, or the folder cannot be made.
pub fn lock(out: &Path) -> Result<File, CoreError> {
    let folder = out.join(CHECKPOINTS);
    std::fs::create_dir_all(&folder).map_err(CoreError::io(out))?;
    let path = folder.join(".lock");
    let file = File::create(&path).map_err(CoreError::io(&path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(CoreError::folder(
            out,
            "another vpt is at work in this folder",
        )),
        // A file system without locks is no reason not to run.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Whether `out` holds something that a new run would spoil: a checkpoint or a finished run. A run
/// that died before its first checkpoint left nothing to keep.
///
/// # Errors
/// The folder cannot be read.
pub fn holds_run(out: &Path) -> Result<bool, CoreError> {
    Ok(out.join("summary.json").exists() || !checkpoints(out)?.is_empty())
}

/// Removes all checkpoints but the newest two and that of the step `kept`.
///
/// # Errors
/// A checkpoint that cannot be removed.
pub fn prune(out: &Path, kept: Option<usize>) -> Result<(), CoreError> {
    let found = checkpoints(out)?;
    let kept = kept.map(|step| checkpoint_path(out, step));
    for path in &found[..found.len().saturating_sub(KEPT)] {
        if kept.as_ref() != Some(path) {
            std::fs::remove_dir_all(path).map_err(CoreError::io(path))?;
        }
    }
    Ok(())
}
