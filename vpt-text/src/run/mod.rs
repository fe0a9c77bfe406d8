//! One run, from its config to its artefacts: data → task → trainer → files.
//!
//! A run folder holds `config.toml` (resolved), `metrics.jsonl`, `checkpoints/`, `model/` (as
//! Transformers loads it), `designer/`, `evaluation.json`, `summary.json` and, where a designer
//! learned, `example.json`.

mod assemble;
mod error;
mod evaluate;
mod evaluator;
mod example;
mod fingerprint;
mod folder;
mod metrics;
mod places;
mod recorder;
mod score;
mod source;
mod standalone;
mod train;

pub use error::RunError;
pub use evaluate::{HeldOut, Measuring, SplitResult, evaluate};
pub use folder::save_model;
pub use places::locate;
pub use score::{FeedbackOptions, Texts, score};
pub use standalone::Model;
pub use train::{RunEvent, RunOptions, RunOutcome, train};
