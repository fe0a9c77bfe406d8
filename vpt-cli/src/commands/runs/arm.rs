//! One run among several, and what is left of it.

use super::Shared;
use crate::config::{Config, differing_key};
use crate::failure::{Failure, with_causes};
use crate::modality::Modality;
use std::fs;
use std::path::{Path, PathBuf};

/// One run among several.
#[derive(Debug)]
pub(crate) struct Arm {
    /// Its name, and its folder's.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Learner steps of the whole run.
    pub(crate) steps: usize,
    pub(crate) state: State,
    /// Whether it may be left out when time is short.
    pub(crate) optional: bool,
    /// What it lays over what all share.
    pub(crate) set: Vec<String>,
}

/// What a run folder holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing to go on from.
    Fresh,
    /// A checkpoint.
    Unfinished,
    /// A summary.
    Finished,
}

/// The run `name` in `runs`, with `set` over what all `shared`, as its folder has it; its config may be
/// refused by `check`.
///
/// # Errors
/// A config that cannot be run, or a folder that holds another run.
pub(crate) fn arm<M: Modality>(
    runs: &Path,
    name: String,
    set: Vec<String>,
    shared: &Shared<'_>,
    check: impl FnOnce(&M::Config) -> Result<(), Failure>,
) -> Result<Arm, Failure> {
    let mut layers = shared.layers.clone();
    layers.set.extend(set.iter().cloned());
    let config = Config::<M::Config>::load(None, &layers)?;
    check(config.run())?;
    let folder = runs.join(&name);
    let state = state(&folder);
    if state != State::Fresh {
        let kept = Config::read(&folder.join("config.toml"))
            .map_err(|error| Failure::Run(with_causes(&error)))?;
        if let Some(key) = differing_key(&kept, &config) {
            return Err(Failure::Run(format!(
                "{}: this run was made with another `{key}`; choose another --out or remove it",
                folder.display()
            )));
        }
    }
    Ok(Arm {
        name,
        folder,
        steps: M::of(config.run()).steps,
        state,
        optional: false,
        set,
    })
}

/// What is in a run folder now.
pub(super) fn state(folder: &Path) -> State {
    if folder.join("summary.json").is_file() {
        State::Finished
    } else if has_checkpoint(folder) {
        State::Unfinished
    } else {
        State::Fresh
    }
}

/// Whether a whole checkpoint is there; one that was being written when its run was killed is not.
fn has_checkpoint(folder: &Path) -> bool {
    fs::read_dir(folder.join("checkpoints"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
}
