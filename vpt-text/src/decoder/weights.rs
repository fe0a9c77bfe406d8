//! Hugging Face folders: `config.json` and the weights, read and written.

use super::config::DecoderConfig;
use super::model::Decoder;
use burn::tensor::{TensorData, backend::Backend};
use std::collections::BTreeSet;
use std::path::Path;
use vpt_core::layers::{fill, named};
use vpt_core::pretrained::{CheckpointError, read_config, save_folder};
use vpt_core::weights::TensorFiles;

const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "embed_tokens.weight";

/// What may be decided against `config.json` when loading.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Overrides `tie_word_embeddings`. Qwen1.5-0.5B, say, declares a tied head and stores one
    /// too: `Some(false)` uses the stored one.
    pub tie_word_embeddings: Option<bool>,
}

/// What was noticed while loading, for the caller to report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadNotes {
    /// Keys in the file that were not needed.
    pub ignored: Vec<String>,
    /// The head is tied, yet the file stores one that differs from the embedding; the stored one
    /// was ignored. Transformers 5 would have used it.
    pub stored_head_differs: bool,
}

/// A parameter's key in the file.
fn key_of(path: &str) -> String {
    if path == HEAD {
        path.to_owned()
    } else {
        format!("model.{path}")
    }
}

impl<B: Backend> Decoder<B> {
    /// Loads `config.json` and the weights from `folder`: `model.safetensors` or its shards, else
    /// `pytorch_model.bin` or its shards. Values stored as F32, F16 or BF16 become the backend's
    /// float.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file and the field or tensor at fault: what is missing, has
    /// no place, has another shape or type, or is not finite.
    pub fn load(
        folder: &Path,
        options: &LoadOptions,
        device: &B::Device,
    ) -> Result<(Self, LoadNotes), CheckpointError> {
        let mut config = read_config(folder, DecoderConfig::from_json)?;
        if let Some(tie) = options.tie_word_embeddings {
            config.tie_word_embeddings = tie;
        }
        let mut files = TensorFiles::open(folder)?;
        let mut used = BTreeSet::new();
        let tied = config.tie_word_embeddings;
        let table = [config.vocab_size, config.hidden_size];
        let decoder = fill(Self::unfilled(config, device), |path, shape| {
            let key = key_of(path);
            let values = files.read(&key, shape)?;
            used.insert(key);
            Ok::<_, CheckpointError>(TensorData::new(values, shape.to_vec()))
        })?;

        let mut notes = LoadNotes::default();
        for info in files.infos().filter(|info| !used.contains(info.key)) {
            let (file, key) = (info.file.to_owned(), info.key.to_owned());
            if !(key.ends_with("rotary_emb.inv_freq") || (tied && key == HEAD)) {
                return Err(CheckpointError::Unexpected { file, key });
            }
            notes.ignored.push(key);
        }
        if notes.ignored.iter().any(|key| key == HEAD) {
            notes.stored_head_differs = !files.equal(HEAD, &key_of(EMBEDDING), &table)?;
        }
        Ok((decoder, notes))
    }

    /// Writes `config.json` and `model.safetensors` (float32) into `folder`, as Transformers
    /// loads them, with adapters merged. The same values give the same bytes. Each file is written beside its place
    /// and renamed, so that a reader sees the old one or the new one, never half.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] names the file.
    pub fn save(&self, folder: &Path) -> Result<(), CheckpointError> {
        let tensors = named(&self.clone().merged())
            .into_iter()
            .map(|named| (key_of(&named.path), named));
        save_folder(folder, &self.config().to_json(), tensors)
    }
}
