//! Sizes and switches of a decoder, named as in a checkpoint's `config.json`.

use super::rope_scaling::RopeScaling;
use serde::{Deserialize, Serialize};
use vpt_core::pretrained::{ConfigError, invalid};

/// The longest table of rotary angles that is built: 2²⁰ positions.
const MAX_POSITIONS: usize = 1 << 20;
/// No single size of a decoder is larger than this, so that products of two cannot overflow.
const MAX_SIZE: usize = 1 << 24;
/// The widest head: the rotation of one is a square matrix.
const MAX_HEAD: usize = 1 << 12;
/// The largest table of rotary angles: 2²⁰ positions of heads of 256.
const MAX_ANGLES: usize = 1 << 28;

/// Which family a checkpoint belongs to: it decides where biases sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelType {
    /// Qwen1.5, Qwen2, Qwen2.5: biases on q, k and v, none elsewhere.
    Qwen2,
    /// Llama, SmolLM2: no biases unless `attention_bias` or `mlp_bias` says so.
    Llama,
}

impl ModelType {
    /// The name in `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qwen2 => "qwen2",
            Self::Llama => "llama",
        }
    }

    /// The class in `architectures` of `config.json`.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Llama => "LlamaForCausalLM",
        }
    }
}

/// A decoder's sizes and switches; the fields carry the names of `config.json`.
///
/// Read from a checkpoint with [`DecoderConfig::from_json`], or from any serde format (a run's
/// TOML) for a fresh model. Nothing runs unchecked: [`crate::Decoder::init`] and
/// [`crate::Decoder::load`] call [`DecoderConfig::check`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderConfig {
    /// The family.
    pub model_type: ModelType,
    /// Rows of the embedding; may exceed the tokenizer's vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the gated layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key/value heads; divides the number of query heads.
    pub num_key_value_heads: usize,
    /// Width of a head, when it is not `hidden_size / num_attention_heads`.
    #[serde(default)]
    pub head_dim: Option<usize>,
    /// ε of the norms.
    #[serde(default = "default_eps")]
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies. Has no default: a wrong one gives fluent nonsense.
    pub rope_theta: f64,
    /// Scaling of the rotary frequencies.
    #[serde(default)]
    pub rope_scaling: RopeScaling,
    /// Whether the head is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Llama only: biases on q, k, v and o. Qwen2 always has them on q, k and v.
    #[serde(default)]
    pub attention_bias: bool,
    /// Llama only: biases in the gated layer.
    #[serde(default)]
    pub mlp_bias: bool,
    /// Positions are below this.
    pub max_position_embeddings: usize,
    /// Standard deviation of fresh weights.
    #[serde(default = "default_range")]
    pub initializer_range: f64,
    /// The token that begins a text, if any.
    #[serde(default)]
    pub bos_token_id: Option<u32>,
    /// The tokens that end a text; one or several.
    #[serde(default)]
    pub eos_token_id: Vec<u32>,
    /// The token used as padding by other tools; unused here, kept for them.
    #[serde(default)]
    pub pad_token_id: Option<u32>,
}

fn default_eps() -> f64 {
    1e-6
}

fn default_range() -> f64 {
    0.02
}

impl DecoderConfig {
    /// The blocks of a small model that has neither vocabulary nor head of its own: a Llama trunk
    /// with gated layers twice as wide as the stream.
    pub fn trunk(layers: usize, width: usize, heads: usize, positions: usize) -> Self {
        Self {
            model_type: ModelType::Llama,
            vocab_size: 1,
            hidden_size: width,
            intermediate_size: 2 * width,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: heads,
            head_dim: None,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::Default,
            tie_word_embeddings: true,
            attention_bias: false,
            mlp_bias: false,
            max_position_embeddings: positions,
            initializer_range: 0.02,
            bos_token_id: None,
            eos_token_id: vec![],
            pad_token_id: None,
        }
    }

    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
            .unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    /// Whether q, k and v have biases.
    pub fn qkv_bias(&self) -> bool {
        self.model_type == ModelType::Qwen2 || self.attention_bias
    }

    /// Whether the attention's output has a bias.
    pub fn output_bias(&self) -> bool {
        self.model_type == ModelType::Llama && self.attention_bias
    }

    /// Whether the gated layer has biases.
    pub fn gated_bias(&self) -> bool {
        self.model_type == ModelType::Llama && self.mlp_bias
    }

    /// Number of values in all parameters.
    pub fn parameter_count(&self) -> usize {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let query = self.num_attention_heads * self.head_dim();
        let key = self.num_key_value_heads * self.head_dim();
        let when = |on: bool, count: usize| if on { count } else { 0 };
        let block = 2 * hidden
            + 2 * hidden * (query + key)
            + when(self.qkv_bias(), query + 2 * key)
            + when(self.output_bias(), hidden)
            + 3 * hidden * inner
            + when(self.gated_bias(), 2 * inner + hidden);
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        tables * self.vocab_size * hidden + self.num_hidden_layers * block + hidden
    }

    /// Whether the sizes fit together.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] names the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("max_position_embeddings", self.max_position_embeddings),
            ("head_dim", self.head_dim()),
        ];
        for (field, value) in sizes {
            if value == 0 || value > MAX_SIZE {
                return Err(invalid(field, value, format!("must be 1 to {MAX_SIZE}")));
            }
        }
        if self.max_position_embeddings > MAX_POSITIONS {
            let reason = format!("at most {MAX_POSITIONS} positions");
            return Err(invalid(
                "max_position_embeddings",
                self.max_position_embeddings,
                reason,
            ));
        }
        let head = self.head_dim();
        if head > MAX_HEAD || head * self.max_position_embeddings > MAX_ANGLES {
            let (limit, positions) = (MAX_HEAD, self.max_position_embeddings);
            let reason =
                format!("at most {limit}, and {MAX_ANGLES} together with {positions} positions");
            return Err(invalid("head_dim", head, reason));
        }
        let heads = self.num_attention_heads;
        if self.head_dim.is_none() && !self.hidden_size.is_multiple_of(heads) {
            let reason = format!("must be divisible by num_attention_heads = {heads}");
            return Err(invalid("hidden_size", self.hidden_size, reason));
        }
        if !self.head_dim().is_multiple_of(2) {
            let reason = "rotary positions turn pairs: must be even";
            return Err(invalid("head_dim", self.head_dim(), reason));
        }
        if !heads.is_multiple_of(self.num_key_value_heads) {
            let reason = format!("must divide num_attention_heads = {heads}");
            return Err(invalid(
                "num_key_value_heads",
                self.num_key_value_heads,
                reason,
            ));
        }
        let positive = [
            ("rms_norm_eps", self.rms_norm_eps),
            ("rope_theta", self.rope_theta),
        ];
        for (field, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(invalid(field, value, "must be positive and finite"));
            }
        }
        self.rope_scaling.check()?;
        if !(self.initializer_range >= 0.0 && self.initializer_range.is_finite()) {
            let reason = "must be finite and not negative";
            return Err(invalid("initializer_range", self.initializer_range, reason));
        }
        Ok(())
    }
}
