//! LoRA: y = W·x + b + s·B(A(dropout(x))) beside any linear of the decoder, in PEFT's format.
//!
//! | file | holds |
//! |---|---|
//! | `config`, `pattern` | [`LoraConfig`]: ranks, scales and which linears, as PEFT selects them |
//! | `peft` | `adapter_config.json`, read and written |
//! | `adapter` | adapters put on a [`Decoder`](super::Decoder), loaded, saved and merged |
//!
//! An adapter's own layer is [`vpt_core::layers::Lora`]. Its parameters are named `PATH.lora.a` and `PATH.lora.b` after the linear at `PATH`.

mod adapter;
mod config;
mod error;
mod pattern;
mod peft;

pub use adapter::is_adapter;
pub use config::{LoraConfig, TargetModules};
pub use error::LoraError;
pub use pattern::ModulePattern;
