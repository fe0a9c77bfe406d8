//! Which files a model needs.

use super::HubError;
use super::snapshot::Snapshot;
use crate::weights::{Index, Layout};

/// What a model has beside its weights.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// Without these there is no model.
    pub needed: &'a [&'a str],
    /// Taken along where they are there, so that the folder is whole for other tools.
    pub welcome: &'a [&'a str],
}

/// Fetches a model's files, the small ones first.
pub(super) fn fetch(snapshot: &Snapshot, files: &ModelFiles<'_>) -> Result<(), HubError> {
    for name in files.needed {
        if !snapshot.has(name) {
            return Err(snapshot.lacks(name));
        }
        snapshot.fetch(name)?;
    }
    for name in files.welcome.iter().filter(|name| snapshot.has(name)) {
        snapshot.fetch(name)?;
    }
    let Some(layout) = Layout::choose(|name| snapshot.has(name)) else {
        return Err(snapshot.lacks("model.safetensors or pytorch_model.bin"));
    };
    let first = snapshot.fetch(layout.first())?;
    if layout.is_index() {
        let index = Index::read(&first)?;
        for shard in index.files() {
            snapshot.fetch(shard)?;
        }
    }
    Ok(())
}
