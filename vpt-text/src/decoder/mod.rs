//! The language learner: one pre-norm decoder (RMSNorm, rotary positions, SwiGLU, grouped-query
//! attention) that covers Qwen1.5/2/2.5 and Llama/SmolLM2 by its configuration.
//!
//! | file | holds |
//! |---|---|
//! | `config`, `config_json` | sizes and switches, named as in `config.json`; reading and writing it |
//! | `rope`, `rope_scaling`, `attention`, `block` | the layers beside those of [`vpt_core::layers`], each differentiable any number of times |
//! | `model` | [`Decoder`] and [`DecoderInput`] |
//! | `reach` | what a set of parameters can change, for the value |
//! | `segments` | the learner's step with its tape cut between blocks |
//! | `cache`, `generate` | keys and values of past tokens; batched continuation, greedy or drawn |
//! | `weights`, `contents` | Hugging Face folders, read and written; what is in one |
//! | `gguf` | GGUF files, read with their tokenizer |
//! | `lora` | low-rank adapters beside its linears, in PEFT's format |
//!
//! Parameters are stored as the checkpoint stores them, and a parameter's dotted path is its
//! checkpoint key without the leading `model.` (`layers.0.self_attn.q_proj.weight`).

mod attention;
mod block;
mod cache;
mod config;
mod config_json;
mod contents;
mod generate;
mod gguf;
mod lora;
mod model;
mod reach;
mod rope;
mod rope_scaling;
mod segments;
mod weights;

pub use attention::SelfAttention;
pub use block::{Block, Mlp};
pub use cache::KvCache;
pub use config::{DecoderConfig, ModelType};
pub use contents::{Contents, StoredTensor};
pub use generate::{
    Completion, End, GenerateError, Generated, Generation, Sampling, SamplingError, Strategy,
    complete, generate,
};
pub use gguf::{Gguf, GgufError, GgufFault};
pub use lora::{LoraConfig, LoraError, ModulePattern, TargetModules, is_adapter};
pub use model::{Decoder, DecoderInput, layer_index};
pub use reach::Reach;
pub use rope::Rotary;
pub use rope_scaling::RopeScaling;
pub use vpt_core::layers::{Embedding, Linear, Lora, RmsNorm};
pub use vpt_core::pretrained::{CheckpointError, ConfigError};
pub use weights::{LoadNotes, LoadOptions};

pub(crate) use generate::completions_by_batch;
pub(crate) use model::{context, run};
pub(crate) use vpt_core::layers::{fill, float_options, widen};
