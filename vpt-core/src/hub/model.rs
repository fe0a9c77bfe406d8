//! Which files a model needs.

use super::HubError;
use super::snapshot::Snapshot;
use crate::weights::{Index, Layout};

/// Without these there is no model.
const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];
/// Taken along where they are there, so that the folder is whole for other tools.
const WELCOME: [&str; 8] = [
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
];

/// Fetches a model's files, the small ones first.
pub(super) fn fetch(snapshot: &Snapshot) -> Result<(), HubError> {
    for name in NEEDED {
        if !snapshot.has(name) {
            return Err(snapshot.lacks(name));
        }
        snapshot.fetch(name)?;
    }
    for name in WELCOME.into_iter().filter(|name| snapshot.has(name)) {
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
