//! The vision learner: DINOv3's vision transformer, which covers S, S+, B, L, H+ and 7B by its
//! configuration.
//!
//! | file | holds |
//! |---|---|
//! | `config`, `config_json` | sizes and switches, named as in `config.json`; reading and writing it |
//! | `sizes` | the configurations that were published, and a tiny one |
//! | `rope`, `attention`, `block` | the layers, each differentiable any number of times |
//! | `embeddings` | patches, class token, registers |
//! | `model` | [`Vit`] and [`Features`] |
//! | `weights` | Hugging Face folders, read and written |
//!
//! Parameters are stored as the checkpoint stores them, and a parameter's dotted path is its
//! checkpoint key (`layer.0.attention.q_proj.weight`).

mod attention;
mod block;
mod config;
mod config_json;
mod embeddings;
mod model;
mod rope;
mod sizes;
#[cfg(test)]
mod tests;
mod weights;

pub use attention::VitAttention;
pub use block::{LayerScale, VitBlock, VitMlp};
pub use config::{HiddenAct, VitConfig};
pub use embeddings::{PatchEmbeddings, VitEmbeddings};
pub use model::{Features, Vit, layer_index};
pub use rope::RopeDraw;
pub use sizes::VitSize;
pub use vpt_core::pretrained::{CheckpointError, ConfigError};
pub use weights::{find, is_vit};
