//! Learners by name.

use vpt_text::DecoderConfig;
use vpt_text::decoder::{ModelType, RopeScaling};

/// A learner and the size of its batch.
#[derive(Clone, Debug)]
pub struct Shapes {
    /// Its name on the command line.
    pub name: &'static str,
    /// The learner.
    pub config: DecoderConfig,
    /// Rows of the batch.
    pub batch: usize,
    /// Tokens of a row.
    pub seq: usize,
    /// Of adapters on every linear; 0: all of it learns.
    pub rank: usize,
}

/// All of them.
pub fn shapes() -> Vec<Shapes> {
    let small = |hidden_size, vocab_size| DecoderConfig {
        vocab_size,
        hidden_size,
        intermediate_size: hidden_size * 4,
        num_hidden_layers: 6,
        num_attention_heads: 8,
        num_key_value_heads: 4,
        ..smollm2()
    };
    let shapes = |name, config, batch, seq, rank| Shapes {
        name,
        config,
        batch,
        seq,
        rank,
    };
    let tiny = DecoderConfig {
        num_hidden_layers: 3,
        ..small(32, 96)
    };
    vec![
        shapes("tiny", tiny, 2, 32, 0),
        shapes("w256", small(256, 8192), 8, 256, 0),
        shapes("w512", small(512, 16384), 4, 256, 0),
        shapes("smollm2-lora", smollm2(), 2, 256, 16),
        shapes("smollm2-full", smollm2(), 2, 256, 0),
    ]
}

/// SmolLM2-135M's.
pub fn smollm2() -> DecoderConfig {
    DecoderConfig {
        model_type: ModelType::Llama,
        vocab_size: 49152,
        hidden_size: 576,
        intermediate_size: 1536,
        num_hidden_layers: 30,
        num_attention_heads: 9,
        num_key_value_heads: 3,
        head_dim: None,
        rms_norm_eps: 1e-5,
        rope_theta: 1e5,
        rope_scaling: RopeScaling::Default,
        tie_word_embeddings: true,
        attention_bias: false,
        mlp_bias: false,
        max_position_embeddings: 1024,
        initializer_range: 0.04,
        bos_token_id: None,
        eos_token_id: vec![0],
        pad_token_id: None,
    }
}
