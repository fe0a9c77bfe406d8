//! Sizes and switches of a vision transformer, named as in a checkpoint's `config.json`.

use serde::{Deserialize, Serialize};
use vpt_core::pretrained::{ConfigError, invalid};

/// No single size is larger than this, so that products of two cannot overflow.
const MAX_SIZE: usize = 1 << 24;
/// The widest head: the rotation of one is a square matrix.
const MAX_HEAD: usize = 1 << 12;
/// The largest patch, in pixels a side.
const MAX_PATCH: usize = 1 << 10;

/// The activation between the layers of a block's MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenAct {
    /// x·Φ(x), by the error function.
    Gelu,
    /// x·σ(x).
    Silu,
}

/// A vision transformer's sizes and switches; the fields carry the names of `config.json`.
///
/// Read from a checkpoint with [`VitConfig::from_json`], or from any serde format for a fresh
/// model. Nothing runs unchecked: [`Vit::init`](super::Vit::init) and
/// [`Vit::load`](super::Vit::load) call [`VitConfig::check`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VitConfig {
    /// Pixels a side of a patch.
    pub patch_size: usize,
    /// Pixels a side of the images of the first training; others are as good.
    pub image_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Number of heads.
    pub num_attention_heads: usize,
    /// Number of register tokens, which follow the class token.
    pub num_register_tokens: usize,
    /// The MLP's activation.
    pub hidden_act: HiddenAct,
    /// Whether the MLP is down(act(gate(x)) · up(x)) in place of down(act(up(x))).
    pub use_gated_mlp: bool,
    /// Whether queries have a bias.
    pub query_bias: bool,
    /// Whether keys have a bias.
    pub key_bias: bool,
    /// Whether values have a bias.
    pub value_bias: bool,
    /// Whether the attention's output has a bias.
    pub proj_bias: bool,
    /// Whether the MLP's linears have biases.
    pub mlp_bias: bool,
    /// ε of the norms.
    pub layer_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// What fresh layer scales hold.
    pub layerscale_value: f64,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// In training, coordinates are shifted by up to this much along each axis.
    pub pos_embed_shift: Option<f64>,
    /// In training, coordinates are scaled by 1/this to this along each axis.
    pub pos_embed_jitter: Option<f64>,
    /// In training, coordinates are scaled by 1/this to this along both axes at once.
    pub pos_embed_rescale: Option<f64>,
}

impl VitConfig {
    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads.max(1)
    }

    /// Tokens before the patches: the class token and the registers.
    pub fn prefix_tokens(&self) -> usize {
        1 + self.num_register_tokens
    }

    /// Rows and columns of whole patches in an image; what is over at its lower and right edge is
    /// not looked at.
    pub fn grid(&self, height: usize, width: usize) -> [usize; 2] {
        [height / self.patch_size, width / self.patch_size]
    }

    /// Number of values in all parameters.
    pub fn parameter_count(&self) -> usize {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let when = |on: bool, count: usize| if on { count } else { 0 };
        let biases = [
            self.query_bias,
            self.key_bias,
            self.value_bias,
            self.proj_bias,
        ];
        let attention =
            4 * hidden * hidden + biases.map(|on| when(on, hidden)).iter().sum::<usize>();
        let up = hidden * inner + when(self.mlp_bias, inner);
        let down = hidden * inner + when(self.mlp_bias, hidden);
        let mlp = up + when(self.use_gated_mlp, up) + down;
        // Two norms and two layer scales.
        let block = attention + mlp + 6 * hidden;
        // Class token, mask token and registers; patches; the final norm.
        let tokens = (2 + self.num_register_tokens) * hidden;
        let patches = (3 * self.patch_size * self.patch_size + 1) * hidden;
        tokens + patches + self.num_hidden_layers * block + 2 * hidden
    }

    /// Whether the sizes fit together.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] names the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("patch_size", self.patch_size, MAX_PATCH),
            ("image_size", self.image_size, MAX_SIZE),
            ("hidden_size", self.hidden_size, MAX_SIZE),
            ("intermediate_size", self.intermediate_size, MAX_SIZE),
            ("num_hidden_layers", self.num_hidden_layers, MAX_SIZE),
            ("num_attention_heads", self.num_attention_heads, MAX_SIZE),
        ];
        for (field, value, limit) in sizes {
            if value == 0 || value > limit {
                return Err(invalid(field, value, format!("must be 1 to {limit}")));
            }
        }
        if self.num_register_tokens > MAX_SIZE {
            let reason = format!("at most {MAX_SIZE}");
            return Err(invalid(
                "num_register_tokens",
                self.num_register_tokens,
                reason,
            ));
        }
        let heads = self.num_attention_heads;
        let fits = self.hidden_size.is_multiple_of(heads);
        let head = self.head_dim();
        if !fits || !head.is_multiple_of(4) || head > MAX_HEAD {
            let reason = format!(
                "num_attention_heads = {heads} must divide it into heads whose width is a multiple \
                 of 4 (half turns by rows, half by columns) and at most {MAX_HEAD}"
            );
            return Err(invalid("hidden_size", self.hidden_size, reason));
        }
        for (field, value) in [
            ("layer_norm_eps", self.layer_norm_eps),
            ("rope_theta", self.rope_theta),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(invalid(field, value, "must be positive and finite"));
            }
        }
        let not_negative = [
            ("initializer_range", Some(self.initializer_range)),
            ("pos_embed_shift", self.pos_embed_shift),
        ];
        for (field, value) in not_negative {
            if let Some(value) = value.filter(|value| !(*value >= 0.0 && value.is_finite())) {
                return Err(invalid(field, value, "must be finite and not negative"));
            }
        }
        if !self.layerscale_value.is_finite() {
            return Err(invalid(
                "layerscale_value",
                self.layerscale_value,
                "must be finite",
            ));
        }
        for (field, value) in [
            ("pos_embed_jitter", self.pos_embed_jitter),
            ("pos_embed_rescale", self.pos_embed_rescale),
        ] {
            if let Some(value) = value.filter(|value| !(*value >= 1.0 && value.is_finite())) {
                return Err(invalid(field, value, "must be finite and at least 1"));
            }
        }
        Ok(())
    }
}
