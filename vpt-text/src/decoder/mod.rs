//! The language learner: one pre-norm decoder (RMSNorm, rotary positions, SwiGLU, grouped-query
//! attention) that covers Qwen1.5/2/2.5 and Llama/SmolLM2 by its configuration.
//!
//! | file | holds |
//! |---|---|
//! | `config`, `config_json` | sizes and switches, named as in `config.json`; reading and writing it |
//! | `layers`, `rope`, `attention`, `block` | the layers, each differentiable any number of times |
//! | `model` | [`Decoder`] and [`DecoderInput`] |
//! | `cache`, `generate` | keys and values of past tokens; batched continuation, greedy or drawn |
//! | `weights`, `tensor_file` | Hugging Face folders, read and written |
//!
//! Parameters are stored as the checkpoint stores them, and a parameter's dotted path is its
//! checkpoint key without the leading `model.` (`layers.0.self_attn.q_proj.weight`).

mod attention;
mod block;
mod cache;
mod config;
mod config_json;
mod generate;
mod layers;
mod model;
mod params;
mod rope;
mod tensor_file;
mod weights;

pub use attention::SelfAttention;
pub use block::{Block, Mlp};
pub use cache::KvCache;
pub use config::{ConfigError, DecoderConfig, ModelType};
pub use generate::{
    Completion, End, GenerateError, Generated, Generation, Sampling, SamplingError, Strategy,
    complete, generate,
};
pub use layers::{Embedding, Linear, RmsNorm};
pub use model::{Decoder, DecoderInput, layer_index};
pub use rope::Rotary;
pub use weights::{CheckpointError, LoadNotes, LoadOptions};

pub(crate) use layers::widen;
pub(crate) use model::{context, run};
pub(crate) use params::{fill, float_options};
