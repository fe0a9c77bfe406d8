//! A folder with a vision model.

use super::{dtypes, files_line, tensor_lines, tensors_json};
use crate::backend::{BackendName, BackendTask};
use crate::failure::{Failure, with_causes};
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use std::path::{Path, PathBuf};
use vpt_core::hub::kept_model;
use vpt_image::vit::{CheckpointError, Vit, VitConfig, is_vit};
use vpt_text::decoder::Contents;

/// The folder that `path` means, if it holds a vision model.
pub(super) fn folder(path: &str) -> Option<PathBuf> {
    Some(kept_model(Path::new(path))).filter(|folder| is_vit(folder))
}

/// Loads the model, which checks it, and says what it holds.
pub(super) fn run(folder: &Path, backend: BackendName, json: bool) -> Result<(), Failure> {
    let said = |error: CheckpointError| Failure::Run(with_causes(&error));
    let config = backend.run(Load(folder))?.map_err(said)?;
    let contents = Contents::of_folder(folder).map_err(said)?;
    let parameters = config.parameter_count();
    if json {
        return output::line(&json!({
            "path": folder,
            "format": contents.format,
            "files": contents.files,
            "dtypes": dtypes(&contents.tensors),
            "config": config,
            "parameters": parameters,
            "tensors": tensors_json(&contents.tensors),
        }));
    }
    let mut lines = tensor_lines(&contents.tensors);
    lines.push(files_line(folder, &contents));
    lines.push(format!(
        "dinov3_vit: {} blocks of width {}, {} within{}; {} heads of width {}; patches of {} pixels a \
         side; {} registers",
        config.num_hidden_layers,
        config.hidden_size,
        config.intermediate_size,
        if config.use_gated_mlp { ", gated" } else { "" },
        config.num_attention_heads,
        config.head_dim(),
        config.patch_size,
        config.num_register_tokens,
    ));
    lines.push(format!("{parameters} parameters, all finite"));
    output::line(&lines.join("\n"))
}

struct Load<'a>(&'a Path);

impl BackendTask for Load<'_> {
    type Output = Result<VitConfig, CheckpointError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        Ok(Vit::<B>::load(self.0, &device)?.config().clone())
    }
}
