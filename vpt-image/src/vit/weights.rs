//! Hugging Face folders: `config.json` and the weights.

use super::config::VitConfig;
use super::config_json::MODEL_TYPE;
use super::model::Vit;
use burn::tensor::{TensorData, backend::Backend};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use vpt_core::hub::{FindError, ModelFiles, find_model};
use vpt_core::layers::{Named, fill, named};
use vpt_core::pretrained::{CheckpointError, Fields, read_config, save_folder};
use vpt_core::weights::TensorFiles;

/// Transformers stores it even where there are none.
const REGISTERS: &str = "embeddings.register_tokens";
/// What Transformers 5 may write before `layer.`.
const PREFIX: &str = "model.";
/// What a vision model has beside its weights.
const FILES: ModelFiles<'_> = ModelFiles {
    needed: &["config.json"],
    welcome: &["preprocessor_config.json"],
};

/// The folder of the model that `path` means: see [`find_model`].
///
/// # Errors
/// Neither a path nor a model on the Hub that can be had.
pub fn find(path: &str) -> Result<PathBuf, FindError> {
    find_model(path, &FILES)
}

/// Whether `folder` has a `config.json` that says it holds such a model.
pub fn is_vit(folder: &Path) -> bool {
    let kind = read_config(folder, |text| {
        Fields::parse(text)?.require::<String>("model_type")
    });
    kind.is_ok_and(|kind| kind == MODEL_TYPE)
}

impl VitConfig {
    /// What the `config.json` of `folder` says.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file and the field at fault.
    pub fn of_folder(folder: &Path) -> Result<Self, CheckpointError> {
        read_config(folder, Self::from_json)
    }
}

impl<B: Backend> Vit<B> {
    /// Loads `config.json` and the weights from `folder`: `model.safetensors` or its shards, else
    /// `pytorch_model.bin` or its shards. Values stored as F32, F16 or BF16 become the backend's
    /// float.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file and the field or tensor at fault: what is missing, has
    /// no place, has another shape or type, or is not finite.
    pub fn load(folder: &Path, device: &B::Device) -> Result<Self, CheckpointError> {
        let config = VitConfig::of_folder(folder)?;
        let registers = config.num_register_tokens;
        let mut files = TensorFiles::open(folder)?;
        let prefixed = files
            .infos()
            .any(|info| info.key.starts_with("model.layer."));
        let mut used = BTreeSet::new();
        let model = fill(Self::unfilled(config, device), |path, shape| {
            let key = match prefixed && path.starts_with("layer.") {
                true => format!("{PREFIX}{path}"),
                false => path.to_owned(),
            };
            let values = files.read(&key, shape)?;
            used.insert(key);
            Ok::<_, CheckpointError>(TensorData::new(values, shape.to_vec()))
        })?;
        let empty = |key: &str| registers == 0 && key == REGISTERS;
        let mut others = files
            .infos()
            .filter(|info| !used.contains(info.key) && !empty(info.key));
        match others.next() {
            Some(info) => Err(CheckpointError::Unexpected {
                file: info.file.to_owned(),
                key: info.key.to_owned(),
            }),
            None => Ok(model),
        }
    }

    /// Writes `config.json` and `model.safetensors` (float32) into `folder`, as Transformers
    /// loads them. The same values give the same bytes; each file is there whole or not at all.
    /// [`ImageProcessor::save`](crate::images::ImageProcessor::save) adds what the folder needs
    /// besides.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] names the file.
    pub fn save(&self, folder: &Path) -> Result<(), CheckpointError> {
        let config = self.config();
        let none = (config.num_register_tokens == 0).then(|| {
            let shape = vec![1, 0, config.hidden_size];
            Named {
                path: REGISTERS.to_owned(),
                shape: shape.clone(),
                values: Box::new(move || TensorData::new(Vec::<f32>::new(), shape.clone())),
            }
        });
        let tensors = named(self).into_iter().chain(none);
        let tensors = tensors.map(|named| (named.path.clone(), named));
        save_folder(folder, &config.to_json(), tensors)
    }
}
