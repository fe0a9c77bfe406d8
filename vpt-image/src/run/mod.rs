//! One run, from its config to its artefacts: data → task → trainer → files.
//!
//! A run folder holds `config.toml` (resolved), `metrics.jsonl`, `checkpoints/`, `model/` (as
//! Transformers loads it), `designer/`, `heads/` (of the evaluation), `figures/`, `evaluation.json` and
//! `summary.json`.

mod assemble;
mod error;
mod estimator;
mod feedback;
mod labels;
mod measure;
mod pictures;
mod recorder;
mod source;
mod strips;
mod train;
mod trainer;
mod views;
mod work;

pub use error::RunError;
pub use train::{RunEvent, train};
