//! Which file of a checkpoint folder holds the weights, and the index of a sharded one.

use super::WeightsError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// In the order of preference.
const LAYOUTS: [Layout; 4] = [
    Layout("model.safetensors"),
    Layout("model.safetensors.index.json"),
    Layout("pytorch_model.bin"),
    Layout("pytorch_model.bin.index.json"),
];

/// How a folder keeps its weights: one file or shards, safetensors or PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout(&'static str);

impl Default for Layout {
    fn default() -> Self {
        LAYOUTS[0]
    }
}

impl Layout {
    /// The layout of a folder that `has` these files; `None` if it has no weights.
    pub fn choose(has: impl Fn(&str) -> bool) -> Option<Self> {
        LAYOUTS.into_iter().find(|layout| has(layout.first()))
    }

    /// The file that holds the weights, or the index of their shards.
    pub fn first(self) -> &'static str {
        self.0
    }

    /// Whether [`Layout::first`] is an index.
    pub fn is_index(self) -> bool {
        self.0.ends_with(".json")
    }
}

/// `model.safetensors.index.json` or `pytorch_model.bin.index.json`: which shard holds which
/// tensor.
#[derive(Debug, serde::Deserialize)]
pub struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// A file that cannot be read, is no index, or names a shard outside its own folder.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let malformed = |reason: String| WeightsError::Malformed {
            file: path.to_owned(),
            reason,
        };
        let text = std::fs::read(path).map_err(WeightsError::io(path))?;
        let index: Self = serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
        if index.weight_map.is_empty() {
            return Err(malformed("`weight_map` is empty".to_owned()));
        }
        // A shard lies in the folder itself: a path could lead anywhere.
        let outside = |name: &&str| Path::new(name).file_name() != Some(name.as_ref());
        if let Some(name) = index.files().find(outside) {
            return Err(malformed(format!("`{name}` is not a file name")));
        }
        Ok(index)
    }

    /// The shards, each once, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let names: BTreeSet<&str> = self.weight_map.values().map(String::as_str).collect();
        names.into_iter()
    }

    /// Every tensor with its shard, sorted by key.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.weight_map
            .iter()
            .map(|(key, name)| (key.as_str(), name.as_str()))
    }
}
