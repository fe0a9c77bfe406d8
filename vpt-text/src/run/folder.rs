//! A learner as a model folder.

use super::{Origin, RunError};
use crate::decoder::Decoder;
use burn::tensor::backend::Backend;
use std::path::Path;

/// `learner` as a folder that Transformers loads, with the tokenizer of the place it came from.
///
/// # Errors
/// A file that cannot be read or written.
pub fn save_model<B: Backend>(
    learner: &Decoder<B>,
    origin: &Origin,
    folder: &Path,
) -> Result<(), RunError> {
    learner.save(folder)?;
    for (name, bytes) in origin.companions()? {
        vpt_core::write_atomically(&folder.join(name), &bytes)?;
    }
    Ok(())
}
