//! The model that a command is about.

use crate::output;
use burn::tensor::backend::Backend;
use vpt_text::config::RunConfig;
use vpt_text::decoder::LoadNotes;
use vpt_text::run::{Model, RunError};

/// Opens the model of `config`, and says on stderr what a user should know of how it was read.
pub(crate) fn opened<B: Backend>(
    config: &RunConfig,
    device: &B::Device,
) -> Result<Model<B>, RunError> {
    let model = Model::open(config, device)?;
    remark(&model.notes);
    Ok(model)
}

/// Says on stderr what was noticed while a model was read.
pub(crate) fn remark(notes: &LoadNotes) {
    if notes.stored_head_differs {
        output::remark(&output::STORED_HEAD_DIFFERS);
    }
}
