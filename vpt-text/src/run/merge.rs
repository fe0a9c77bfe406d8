//! A model and adapters made one model folder.

use super::RunError;
use super::folder::save_model;
use super::standalone::Model;
use crate::config::RunConfig;
use burn::tensor::backend::Backend;
use std::path::Path;

/// Writes the model of `config.model.path` with the adapters of `config.model.adapter` merged to
/// `out`, a folder that Transformers loads, with the tokenizer of the model. Returns how many of its
/// weights had an adapter.
///
/// # Errors
/// A model or adapter that cannot be read, `out` if it holds a model already, or a file that cannot
/// be written.
pub fn merge<B: Backend>(
    config: &RunConfig,
    out: &Path,
    device: &B::Device,
) -> Result<usize, RunError> {
    if out.join("config.json").exists() || out.join("model.safetensors").exists() {
        return Err(RunError::folder(
            out,
            "holds a model already; choose another --out",
        ));
    }
    let model = Model::<B>::open(config, device)?;
    save_model(&model.learner, &model.origin, out)?;
    Ok(model.learner.adapters())
}
