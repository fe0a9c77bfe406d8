//! V-Pretraining for language.
//!
//! Data flows one way: [`config`] → [`data`] → [`task`] → [`run`] (a trainer of `vpt-core` with its
//! files) → [`artefacts`] → [`experiment`] and [`report`]. The learner is a [`decoder`]; held-out answers are
//! scored in [`eval`], tokens in [`score`].

pub mod artefacts;
mod batching;
pub mod config;
pub mod data;
pub mod decoder;
pub mod decontaminate;
pub mod eval;
pub mod experiment;
pub mod report;
pub mod run;
pub mod score;
pub mod task;
pub mod tokenizer;

pub use decoder::{Decoder, DecoderConfig, DecoderInput, Generation, generate};
