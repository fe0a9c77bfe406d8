//! One run, from its config to its artefacts: data → task → trainer → files, through
//! [`vpt_core::run::drive`].
//!
//! A run folder holds `config.toml` (resolved), `metrics.jsonl`, `checkpoints/`, `model/` (as
//! Transformers loads it), `adapter/` (as PEFT loads it, where there are adapters), `designer/`,
//! `evaluation.json`, `summary.json` and, where a designer learned, `example.json`.

mod assemble;
pub mod bench;
mod corpus;
mod dropout;
mod error;
mod evaluate;
mod evaluator;
mod example;
mod folder;
mod learns;
mod merge;
mod origin;
mod places;
mod recorder;
mod score;
mod source;
mod standalone;
mod stream_sample;
mod train;
mod work;

pub use corpus::files as corpus_files;
pub use error::RunError;
pub use evaluate::{HeldOut, Measuring, SplitResult, evaluate};
pub use folder::save_model;
pub use merge::merge;
pub use origin::Origin;
pub use score::{FeedbackOptions, Scored, Texts, score};
pub use standalone::Model;
pub use stream_sample::{Span, SpanKind, StreamSample};
pub use train::{RunEvent, train};
