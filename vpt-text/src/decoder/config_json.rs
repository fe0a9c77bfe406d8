//! `config.json`, as Transformers 4 and 5 write it.

use super::config::{DecoderConfig, ModelType};
use super::rope_scaling::RopeScaling;
use serde_json::{Map, Value, json};
use vpt_core::pretrained::{ConfigError, Fields, invalid};

/// θ and its scaling from their several homes: `rope_theta` with `rope_scaling` (Transformers 4),
/// `rope_parameters` (5). What two of them say must agree.
fn rope(fields: &Fields, positions: usize) -> Result<(f64, RopeScaling), ConfigError> {
    let mut theta: Option<f64> = fields.get("rope_theta")?;
    let mut scaling = None;
    for group in ["rope_parameters", "rope_scaling"] {
        let Some(inner) = fields.get::<Map<String, Value>>(group)?.map(Fields::from) else {
            continue;
        };
        inner.only("partial_rotary_factor", &[json!(1), json!(1.0)], "1")?;
        let disagrees =
            |found: &Value| invalid(group, found, "disagrees with another field of the file");
        if let Some(found) = inner.get::<f64>("rope_theta")? {
            if theta.is_some_and(|theta| theta != found) {
                return Err(disagrees(&json!(found)));
            }
            theta = Some(found);
        }
        let found = rope_scaling(group, &inner, positions)?;
        if scaling.is_some_and(|scaling| scaling != found) {
            return Err(disagrees(&Value::Object(inner.into())));
        }
        scaling = Some(found);
    }
    let theta = theta.ok_or(ConfigError::Missing {
        field: "rope_theta",
    })?;
    Ok((theta, scaling.unwrap_or_default()))
}

/// The kind of scaling that `group` asks for, with what that kind needs.
fn rope_scaling(
    group: &'static str,
    inner: &Fields,
    positions: usize,
) -> Result<RopeScaling, ConfigError> {
    let kind: Option<String> = match inner.get("rope_type")? {
        None => inner.get("type")?,
        kind => kind,
    };
    let kind = kind.as_deref().unwrap_or("default");
    let need = |field: &'static str| {
        let missing = || invalid(group, kind, format!("needs `{field}`"));
        inner.get(field)?.ok_or_else(missing)
    };
    match kind {
        "default" => Ok(RopeScaling::Default),
        "linear" => Ok(RopeScaling::Linear {
            factor: need("factor")?,
        }),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: need("factor")?,
            low_freq_factor: need("low_freq_factor")?,
            high_freq_factor: need("high_freq_factor")?,
            original_max_position_embeddings: inner
                .get("original_max_position_embeddings")?
                .unwrap_or(positions),
        }),
        other => Err(ConfigError::Unsupported {
            field: group,
            value: format!("{{\"rope_type\": \"{other}\", ..}}"),
            supported: "default, linear, llama3",
        }),
    }
}

/// The tokens that end a text by a `generation_config.json`.
pub(super) fn generation_eos(text: &str) -> Result<Vec<u32>, ConfigError> {
    Fields::parse(text)?.ids("eos_token_id")
}

impl DecoderConfig {
    /// Reads the text of a `config.json` as Transformers 4 or 5 writes it.
    ///
    /// Absent keys get the defaults of Transformers, except `rope_theta`, which must be there.
    /// Dropout settings are ignored: this decoder has none.
    ///
    /// # Errors
    /// [`ConfigError`] names the field that is missing, malformed or asks for something this
    /// decoder does not compute (other scalings of the rotary positions, sliding windows, another
    /// activation, quantised weights).
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let fields = Fields::parse(text)?;
        let kind: String = fields.require("model_type")?;
        let model_type = match kind.as_str() {
            "qwen2" => ModelType::Qwen2,
            "llama" => ModelType::Llama,
            _ => {
                let supported = "\"qwen2\", \"llama\"";
                let value = format!("\"{kind}\"");
                return Err(ConfigError::Unsupported {
                    field: "model_type",
                    value,
                    supported,
                });
            }
        };
        fields.only("hidden_act", &[json!("silu"), json!("swish")], "\"silu\"")?;
        fields.only("use_sliding_window", &[json!(false)], "false")?;
        fields.only("partial_rotary_factor", &[json!(1), json!(1.0)], "1")?;
        if let Some(quantised) = fields.value("quantization_config") {
            return Err(ConfigError::Unsupported {
                field: "quantization_config",
                value: quantised["quant_method"].to_string(),
                supported: "weights that are not quantised",
            });
        }
        let layers: Vec<Value> = fields.get("layer_types")?.unwrap_or_default();
        if let Some(other) = layers
            .iter()
            .find(|layer| **layer != json!("full_attention"))
        {
            let (field, value) = ("layer_types", other.to_string());
            let supported = "\"full_attention\"";
            return Err(ConfigError::Unsupported {
                field,
                value,
                supported,
            });
        }
        let num_attention_heads = fields.require("num_attention_heads")?;
        // Qwen2's class has 32 as default when the key is absent; `null` means "as many as heads".
        let absent = !fields.has("num_key_value_heads");
        let kv_default = if model_type == ModelType::Qwen2 && absent {
            32
        } else {
            num_attention_heads
        };
        let positions_default = if model_type == ModelType::Qwen2 {
            32_768
        } else {
            2_048
        };
        let max_position_embeddings = fields
            .get("max_position_embeddings")?
            .unwrap_or(positions_default);
        let (rope_theta, rope_scaling) = rope(&fields, max_position_embeddings)?;
        let config = Self {
            model_type,
            vocab_size: fields.require("vocab_size")?,
            hidden_size: fields.require("hidden_size")?,
            intermediate_size: fields.require("intermediate_size")?,
            num_hidden_layers: fields.require("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: fields.get("num_key_value_heads")?.unwrap_or(kv_default),
            head_dim: fields.get("head_dim")?,
            rms_norm_eps: fields.get("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            tie_word_embeddings: fields.get("tie_word_embeddings")?.unwrap_or(false),
            attention_bias: fields.get("attention_bias")?.unwrap_or(false),
            mlp_bias: fields.get("mlp_bias")?.unwrap_or(false),
            max_position_embeddings,
            initializer_range: fields.get("initializer_range")?.unwrap_or(0.02),
            bos_token_id: fields.get("bos_token_id")?,
            eos_token_id: fields.ids("eos_token_id")?,
            pad_token_id: fields.get("pad_token_id")?,
        };
        config.check()?;
        Ok(config)
    }

    /// The text of a `config.json` that Transformers 4 and 5 load, for weights in float32.
    pub fn to_json(&self) -> String {
        let eos = match self.eos_token_id.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            several => json!(several),
        };
        let scaling = json!(self.rope_scaling);
        let mut parameters = scaling.clone();
        parameters["rope_theta"] = json!(self.rope_theta);
        let mut json = json!({
            "architectures": [self.model_type.architecture()],
            "model_type": self.model_type.name(),
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "hidden_act": "silu",
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_scaling": (self.rope_scaling != RopeScaling::Default).then_some(scaling),
            "rope_parameters": parameters,
            "tie_word_embeddings": self.tie_word_embeddings,
            "max_position_embeddings": self.max_position_embeddings,
            "initializer_range": self.initializer_range,
            "attention_dropout": 0.0,
            "use_cache": true,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": eos,
            "pad_token_id": self.pad_token_id,
            "torch_dtype": "float32",
            "dtype": "float32",
        });
        if let Some(head_dim) = self.head_dim {
            json["head_dim"] = json!(head_dim);
        }
        match self.model_type {
            ModelType::Qwen2 => json["use_sliding_window"] = json!(false),
            ModelType::Llama => {
                json["attention_bias"] = json!(self.attention_bias);
                json["mlp_bias"] = json!(self.mlp_bias);
            }
        }
        format!("{json:#}\n")
    }
}
