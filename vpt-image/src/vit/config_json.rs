//! `config.json`, as Transformers 4 and 5 write it.

use super::config::{HiddenAct, VitConfig};
use serde_json::{Value, json};
use vpt_core::pretrained::{ConfigError, Fields};

pub(super) const MODEL_TYPE: &str = "dinov3_vit";

/// A size that may be given for height and width apart; here they must be equal.
fn square(fields: &Fields, field: &'static str) -> Result<Option<usize>, ConfigError> {
    match fields.value(field) {
        Some(Value::Array(sides)) => match sides.as_slice() {
            [a, b] if a == b => Ok(a.as_u64().map(|side| side as usize)),
            _ => Err(ConfigError::Unsupported {
                field,
                value: Value::Array(sides.clone()).to_string(),
                supported: "squares",
            }),
        },
        _ => fields.get(field),
    }
}

impl VitConfig {
    /// Reads the text of a `config.json` as Transformers 4 or 5 writes it. Absent keys get the
    /// defaults of Transformers.
    ///
    /// # Errors
    /// [`ConfigError`] names the field that is missing, malformed or asks for something that is
    /// not computed here (dropout, another activation, quantised weights).
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let fields = Fields::parse(text)?;
        let kind: String = fields.require("model_type")?;
        if kind != MODEL_TYPE {
            return Err(ConfigError::Unsupported {
                field: "model_type",
                value: format!("\"{kind}\""),
                supported: "\"dinov3_vit\"",
            });
        }
        if let Some(quantised) = fields.value("quantization_config") {
            return Err(ConfigError::Unsupported {
                field: "quantization_config",
                value: quantised["quant_method"].to_string(),
                supported: "weights that are not quantised",
            });
        }
        for off in ["attention_dropout", "drop_path_rate"] {
            fields.only(off, &[json!(0), json!(0.0)], "0")?;
        }
        fields.only("num_channels", &[json!(3)], "3")?;
        let default = Self::default();
        let hidden_act = match fields.get::<String>("hidden_act")?.as_deref() {
            None => default.hidden_act,
            Some("gelu") => HiddenAct::Gelu,
            Some("silu" | "swish") => HiddenAct::Silu,
            Some(other) => {
                return Err(ConfigError::Unsupported {
                    field: "hidden_act",
                    value: format!("\"{other}\""),
                    supported: "\"gelu\", \"silu\"",
                });
            }
        };
        // `null` turns a change of coordinates off; only an absent key stands for the default.
        let change = |field, default: Option<f64>| match fields.has(field) {
            true => fields.get(field),
            false => Ok(default),
        };
        let size = |field, default| Ok::<usize, ConfigError>(fields.get(field)?.unwrap_or(default));
        let figure = |field, default| Ok::<f64, ConfigError>(fields.get(field)?.unwrap_or(default));
        let switch =
            |field, default| Ok::<bool, ConfigError>(fields.get(field)?.unwrap_or(default));
        let config = Self {
            patch_size: square(&fields, "patch_size")?.unwrap_or(default.patch_size),
            image_size: square(&fields, "image_size")?.unwrap_or(default.image_size),
            hidden_size: size("hidden_size", default.hidden_size)?,
            intermediate_size: size("intermediate_size", default.intermediate_size)?,
            num_hidden_layers: size("num_hidden_layers", default.num_hidden_layers)?,
            num_attention_heads: size("num_attention_heads", default.num_attention_heads)?,
            num_register_tokens: size("num_register_tokens", default.num_register_tokens)?,
            hidden_act,
            use_gated_mlp: switch("use_gated_mlp", default.use_gated_mlp)?,
            query_bias: switch("query_bias", default.query_bias)?,
            key_bias: switch("key_bias", default.key_bias)?,
            value_bias: switch("value_bias", default.value_bias)?,
            proj_bias: switch("proj_bias", default.proj_bias)?,
            mlp_bias: switch("mlp_bias", default.mlp_bias)?,
            layer_norm_eps: figure("layer_norm_eps", default.layer_norm_eps)?,
            rope_theta: figure("rope_theta", default.rope_theta)?,
            layerscale_value: figure("layerscale_value", default.layerscale_value)?,
            initializer_range: figure("initializer_range", default.initializer_range)?,
            pos_embed_shift: change("pos_embed_shift", default.pos_embed_shift)?,
            pos_embed_jitter: change("pos_embed_jitter", default.pos_embed_jitter)?,
            pos_embed_rescale: change("pos_embed_rescale", default.pos_embed_rescale)?,
        };
        config.check()?;
        Ok(config)
    }

    /// The text of a `config.json` that Transformers 4 and 5 load, for weights in float32.
    pub fn to_json(&self) -> String {
        let json = json!({
            "architectures": ["DINOv3ViTModel"],
            "model_type": MODEL_TYPE,
            "patch_size": self.patch_size,
            "image_size": self.image_size,
            "num_channels": 3,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_register_tokens": self.num_register_tokens,
            "hidden_act": self.hidden_act,
            "use_gated_mlp": self.use_gated_mlp,
            "query_bias": self.query_bias,
            "key_bias": self.key_bias,
            "value_bias": self.value_bias,
            "proj_bias": self.proj_bias,
            "mlp_bias": self.mlp_bias,
            "layer_norm_eps": self.layer_norm_eps,
            "rope_theta": self.rope_theta,
            "layerscale_value": self.layerscale_value,
            "initializer_range": self.initializer_range,
            "pos_embed_shift": self.pos_embed_shift,
            "pos_embed_jitter": self.pos_embed_jitter,
            "pos_embed_rescale": self.pos_embed_rescale,
            "attention_dropout": 0.0,
            "drop_path_rate": 0.0,
            "torch_dtype": "float32",
            "dtype": "float32",
        });
        format!("{json:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::VitSize;

    fn read(fields: &str) -> Result<VitConfig, ConfigError> {
        VitConfig::from_json(&format!("{{\"model_type\": \"dinov3_vit\"{fields}}}"))
    }

    #[test]
    fn what_is_written_is_read_again() {
        for size in [VitSize::S, VitSize::SPlus, VitSize::SevenB] {
            let mut config = VitConfig::of(size);
            assert_eq!(VitConfig::from_json(&config.to_json()).unwrap(), config);
            (config.pos_embed_rescale, config.pos_embed_jitter) = (None, Some(1.5));
            assert_eq!(VitConfig::from_json(&config.to_json()).unwrap(), config);
        }
    }

    #[test]
    fn absent_fields_take_the_defaults_of_transformers_and_null_is_none() {
        assert_eq!(read("").unwrap(), VitConfig::default());
        assert_eq!(read("").unwrap().pos_embed_rescale, Some(2.0));
        let null = read(", \"pos_embed_rescale\": null, \"hidden_size\": null").unwrap();
        assert_eq!((null.pos_embed_rescale, null.hidden_size), (None, 384));
        assert_eq!(read(", \"patch_size\": [8, 8]").unwrap().patch_size, 8);
    }

    #[test]
    fn what_is_not_computed_is_refused_by_name() {
        for (field, value) in [
            ("drop_path_rate", "0.1"),
            ("attention_dropout", "0.1"),
            ("num_channels", "1"),
            ("hidden_act", "\"gelu_new\""),
            ("patch_size", "[16, 8]"),
            ("quantization_config", "{\"quant_method\": \"gptq\"}"),
            ("hidden_size", "385"),
            ("hidden_size", "-1"),
            ("num_attention_heads", "0"),
            ("patch_size", "0"),
            ("pos_embed_rescale", "0.5"),
            ("layer_norm_eps", "0"),
            ("query_bias", "3"),
        ] {
            let said = read(&format!(", \"{field}\": {value}"))
                .unwrap_err()
                .to_string();
            assert!(said.contains(&format!("`{field}`")), "{said}");
        }
        let said = VitConfig::from_json("{\"model_type\": \"vit\"}").unwrap_err();
        assert!(said.to_string().contains("dinov3_vit"), "{said}");
        for text in ["[]", "{}", "{"] {
            VitConfig::from_json(text).unwrap_err();
        }
    }
}
