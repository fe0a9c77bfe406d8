//! The files of a run folder.

use super::{Origin, RunError};
use crate::decoder::Decoder;
use burn::tensor::backend::Backend;
use serde::Serialize;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

const CHECKPOINTS: &str = "checkpoints";
const KEPT: usize = 2;

/// `learner` as a folder that Transformers loads, with the tokenizer of the place it came from.
///
/// # Errors
/// A file that cannot be read or written.
pub fn save_model<B: Backend>(
    learner: &Decoder<B>,
    origin: &Origin,
    folder: &Path,
) -> Result<(), RunError> {
    learner.save(folder)?;
    for (name, bytes) in origin.companions()? {
        vpt_core::write_atomically(&folder.join(name), &bytes)?;
    }
    Ok(())
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| RunError::folder(path, error))?;
    Ok(vpt_core::write_atomically(path, &json)?)
}

/// Where the checkpoint of `step` stands.
pub(super) fn checkpoint(out: &Path, step: usize) -> PathBuf {
    out.join(CHECKPOINTS).join(format!("step-{step:06}"))
}

/// The complete checkpoints of a run, oldest first; staging folders do not count.
fn checkpoints(out: &Path) -> Result<Vec<PathBuf>, RunError> {
    let folder = out.join(CHECKPOINTS);
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let mut found = vec![];
    for entry in std::fs::read_dir(&folder).map_err(RunError::io(&folder))? {
        let path = entry.map_err(RunError::io(&folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("step-") && path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The newest checkpoint.
pub(super) fn latest_checkpoint(out: &Path) -> Result<PathBuf, RunError> {
    checkpoints(out)?
        .pop()
        .ok_or_else(|| RunError::folder(out, "holds no checkpoint to resume from"))
}

/// What a checkpoint says that its run was made from; none where it cannot say.
pub(super) fn saved_fingerprint(checkpoint: &Path) -> Option<String> {
    let json = std::fs::read(checkpoint.join("state.json")).ok()?;
    let state: serde_json::Value = serde_json::from_slice(&json).ok()?;
    state["fingerprint"].as_str().map(str::to_owned)
}

/// Makes `out` and takes it for this process; the system lets go of it when the process ends, however
/// that comes about. A run whose experiment was killed goes on until its next step, and must not
/// meet a second one in its folder.
pub(super) fn lock(out: &Path) -> Result<File, RunError> {
    let folder = out.join(CHECKPOINTS);
    std::fs::create_dir_all(&folder).map_err(RunError::io(out))?;
    let path = folder.join(".lock");
    let file = File::create(&path).map_err(RunError::io(&path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(RunError::folder(
            out,
            "another vpt is at work in this folder",
        )),
        // A file system without locks is no reason not to run.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Whether `out` holds something that a new run would spoil: a checkpoint or a finished run. A run
/// that died before its first checkpoint left nothing to keep.
pub(super) fn holds_run(out: &Path) -> Result<bool, RunError> {
    Ok(out.join("summary.json").exists() || !checkpoints(out)?.is_empty())
}

/// Removes all checkpoints but the newest two.
pub(super) fn prune(out: &Path) -> Result<(), RunError> {
    let found = checkpoints(out)?;
    for path in &found[..found.len().saturating_sub(KEPT)] {
        std::fs::remove_dir_all(path).map_err(RunError::io(path))?;
    }
    Ok(())
}
