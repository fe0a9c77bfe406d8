//! Hugging Face folders: `config.json` and the weights, read and written.

use super::config::{ConfigError, DecoderConfig};
use super::model::Decoder;
use super::params::{Named, fill, named};
use burn::tensor::{TensorData, backend::Backend};
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use vpt_core::weights::{TensorFiles, WeightsError};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "embed_tokens.weight";

/// Why a folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// `config.json` cannot be used.
    #[error("{}: {source}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// The field at fault.
        source: ConfigError,
    },
    /// The tensors' files, or a tensor that the configuration asks for.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A tensor is there that the configuration has no place for.
    #[error("{}: tensor `{key}` has no place in this model", file.display())]
    Unexpected {
        /// The file.
        file: PathBuf,
        /// The tensor.
        key: String,
    },
}

impl CheckpointError {
    pub(crate) fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }
}

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
        let file = folder.join(CONFIG);
        let text = std::fs::read_to_string(&file).map_err(CheckpointError::io(&file))?;
        let config = DecoderConfig::from_json(&text);
        let mut config = config.map_err(|source| CheckpointError::Config { file, source })?;
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
    /// loads them. The same values give the same bytes. Each file is written beside its place
    /// and renamed, so that a reader sees the old one or the new one, never half.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] names the file.
    pub fn save(&self, folder: &Path) -> Result<(), CheckpointError> {
        std::fs::create_dir_all(folder).map_err(CheckpointError::io(folder))?;
        let tensors = named(self)
            .into_iter()
            .map(|named| (key_of(&named.path), Stored(named)));
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        // Sorts by element type, then key: all are F32 here.
        replace(&folder.join(WEIGHTS), |file| {
            safetensors::serialize_to_file(tensors, Some(format), file.path())
                .map_err(std::io::Error::other)
        })?;
        let config = self.config().to_json();
        replace(&folder.join(CONFIG), |file| {
            file.write_all(config.as_bytes())
        })
    }
}

/// Writes a file under a temporary name in its own folder, then renames it.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> std::io::Result<()>,
) -> Result<(), CheckpointError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; this one stays, so the umask decides.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder
        .tempfile_in(folder)
        .map_err(CheckpointError::io(path))?;
    write(&mut file).map_err(CheckpointError::io(path))?;
    file.as_file()
        .sync_all()
        .map_err(CheckpointError::io(path))?;
    file.persist(path)
        .map_err(|error| CheckpointError::io(path)(error.error))?;
    Ok(())
}

/// A parameter as safetensors writes it: one at a time on the host.
struct Stored(Named);

impl View for Stored {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = (self.0.values)();
        Cow::Owned(values.iter::<f32>().flat_map(f32::to_le_bytes).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.0.shape.iter().product::<usize>()
    }
}
