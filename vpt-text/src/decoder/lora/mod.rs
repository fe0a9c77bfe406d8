//! LoRA: y = W·x + b + s·B(A(dropout(x))) beside any linear of the decoder, in PEFT's format.
//!
//! | file | holds |
//! |---|---|
//! | `layer` | [`Lora`]: A, B, the scale and the dropout of one linear |
//! | `config`, `pattern` | [`LoraConfig`]: ranks, scales and which linears, as PEFT selects them |
//! | `peft` | `adapter_config.json`, read and written |
//! | `adapter` | adapters put on a [`Decoder`](super::Decoder), loaded, saved and merged |
//!
//! An adapter's parameters are named `PATH.lora.a` and `PATH.lora.b` after the linear at `PATH`.

mod adapter;
mod config;
mod error;
mod layer;
mod pattern;
mod peft;

pub use adapter::is_adapter;
pub use config::{LoraConfig, TargetModules};
pub use error::LoraError;
pub use layer::Lora;
pub use pattern::ModulePattern;
