//! `adapter_config.json` as PEFT writes and reads it.
//!
//! Only the long-established fields are written, since older readers refuse fields that they do not
//! know. Of those that are read, what would change the computation and is not supported is refused
//! by its name; what is unknown is ignored.

use super::config::{LoraConfig, TargetModules};
use super::pattern::ModulePattern;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The version whose format this is, and that it was checked against.
const VERSION: &str = "0.21.2";

/// Fields that change the computation when they are on.
const UNSUPPORTED: [&str; 19] = [
    "alora_invocation_tokens",
    "arrow_config",
    "exclude_modules",
    "fan_in_fan_out",
    "kasa_config",
    "layer_replication",
    "layers_pattern",
    "layers_to_transform",
    "lora_bias",
    "megatron_config",
    "modules_to_save",
    "monteclora_config",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "velora_config",
    "ensure_weight_tying",
];

/// Initialisations that leave the base's weights alone.
const INITIALISATIONS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

#[derive(Deserialize)]
struct Fields {
    peft_type: Option<String>,
    r: Option<usize>,
    lora_alpha: Option<f64>,
    lora_dropout: Option<f64>,
    target_modules: Option<Targets>,
    use_rslora: Option<bool>,
    rank_pattern: Option<Ordered<usize>>,
    alpha_pattern: Option<Ordered<f64>>,
    bias: Option<String>,
    init_lora_weights: Option<Value>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Targets {
    Names(Vec<String>),
    Text(String),
}

/// What `text`, the content of an `adapter_config.json`, says. The reason where it cannot be used
/// names the field.
pub(super) fn read(text: &str) -> Result<LoraConfig, String> {
    let fields: Fields = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match fields.peft_type.as_deref() {
        Some("LORA") => {}
        Some(other) => return Err(format!("peft_type: {other} is not LORA")),
        None => return Err("peft_type: missing".into()),
    }
    let on = |key: &&&str| fields.others.get(**key).is_some_and(is_on);
    if let Some(key) = UNSUPPORTED.iter().find(on) {
        return Err(format!("{key}: not supported"));
    }
    if let Some(bias) = fields.bias.filter(|bias| bias != "none") {
        return Err(format!("bias: {bias} is not supported"));
    }
    match &fields.init_lora_weights {
        Some(Value::String(name)) if !INITIALISATIONS.contains(&name.as_str()) => {
            return Err(format!("init_lora_weights: {name} is not supported"));
        }
        _ => {}
    }
    let patterns = |source: &str| ModulePattern::ending(source);
    let config = LoraConfig {
        rank: fields.r.unwrap_or(8),
        alpha: fields.lora_alpha.unwrap_or(8.0),
        dropout: fields.lora_dropout.unwrap_or(0.0),
        targets: targets(fields.target_modules).map_err(|e| format!("target_modules: {e}"))?,
        rslora: fields.use_rslora.unwrap_or(false),
        rank_pattern: compiled(fields.rank_pattern, patterns)
            .map_err(|e| format!("rank_pattern: {e}"))?,
        alpha_pattern: compiled(fields.alpha_pattern, patterns)
            .map_err(|e| format!("alpha_pattern: {e}"))?,
    };
    let ranks = config.rank_pattern.iter().map(|(_, rank)| *rank);
    if ranks.chain([config.rank]).any(|rank| rank == 0) {
        return Err("r: must be at least 1".into());
    }
    if !(0.0..1.0).contains(&config.dropout) {
        return Err(format!("lora_dropout: {} is not in [0, 1)", config.dropout));
    }
    Ok(config)
}

/// Anything but null, false and what is empty.
fn is_on(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

fn targets(stored: Option<Targets>) -> Result<TargetModules, String> {
    match stored {
        Some(Targets::Names(names)) => Ok(TargetModules::Names(names)),
        Some(Targets::Text(text)) if text.eq_ignore_ascii_case("all-linear") => {
            Ok(TargetModules::AllLinear)
        }
        Some(Targets::Text(text)) => ModulePattern::whole(&text).map(TargetModules::Matching),
        // PEFT's default for both of our architectures.
        None => Ok(TargetModules::Names(vec!["q_proj".into(), "v_proj".into()])),
    }
}

fn compiled<V>(
    stored: Option<Ordered<V>>,
    pattern: impl Fn(&str) -> Result<ModulePattern, String>,
) -> Result<Vec<(ModulePattern, V)>, String> {
    let entries = stored.map(|Ordered(entries)| entries).unwrap_or_default();
    let compiled = entries
        .into_iter()
        .map(|(key, value)| Ok((pattern(&key)?, value)));
    compiled.collect()
}

/// `config` as an `adapter_config.json`; `base` is the name or path of the model it belongs to.
pub(super) fn write(config: &LoraConfig, base: Option<&str>) -> String {
    let targets = match &config.targets {
        TargetModules::AllLinear => json!("all-linear"),
        TargetModules::Names(names) => json!(names),
        TargetModules::Matching(pattern) => json!(pattern.source()),
    };
    let ranks = config.rank_pattern.iter();
    let ranks = Ordered(
        ranks
            .map(|(p, r)| (p.source().to_owned(), json!(r)))
            .collect(),
    );
    let alphas = config.alpha_pattern.iter();
    let alphas = Ordered(
        alphas
            .map(|(p, a)| (p.source().to_owned(), number(*a)))
            .collect(),
    );
    #[derive(Serialize)]
    struct Written<'a> {
        #[serde(flatten)]
        fields: Value,
        alpha_pattern: Ordered<Value>,
        rank_pattern: Ordered<Value>,
        base_model_name_or_path: Option<&'a str>,
    }
    let fields = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "peft_version": VERSION,
        "revision": null,
        "inference_mode": true,
        "r": config.rank,
        "lora_alpha": number(config.alpha),
        "lora_dropout": config.dropout,
        "target_modules": targets,
        "use_rslora": config.rslora,
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "use_dora": false,
        "modules_to_save": null,
        "layers_to_transform": null,
        "layers_pattern": null,
        "auto_mapping": null,
        "loftq_config": {},
        "megatron_config": null,
        "megatron_core": "megatron.core",
    });
    let written = Written {
        fields,
        alpha_pattern: alphas,
        rank_pattern: ranks,
        base_model_name_or_path: base,
    };
    // Serialising to memory fails for maps with other than string keys alone.
    let text = serde_json::to_string_pretty(&written).unwrap_or_default();
    text + "\n"
}

/// A whole number without a fraction: PEFT says that alpha is an integer.
fn number(value: f64) -> Value {
    let whole = value as i64;
    if whole as f64 == value {
        json!(whole)
    } else {
        json!(value)
    }
}

/// A map in the order of the file: the first pattern that matches counts.
struct Ordered<V>(Vec<(String, V)>);

impl<V: Serialize> Serialize for Ordered<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Ordered<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<V>, A::Error> {
                let mut entries = vec![];
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_has_pefts_default() {
        let config = read(r#"{"peft_type": "LORA"}"#).unwrap();
        let targets = TargetModules::Names(vec!["q_proj".into(), "v_proj".into()]);
        assert_eq!(config, LoraConfig::new(8, 8.0, targets));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let pattern = |source| ModulePattern::ending(source).unwrap();
        for text in ["all-linear", "q_proj,v_proj", ".*(q|k)_proj"] {
            let config = LoraConfig {
                dropout: 0.05,
                rslora: true,
                // In an order that a sorted map would not keep.
                rank_pattern: vec![(pattern("up_proj"), 3), (pattern("k_proj"), 2)],
                alpha_pattern: vec![(pattern("up_proj"), 1.5)],
                ..LoraConfig::new(4, 6.0, TargetModules::try_from(text.to_owned()).unwrap())
            };
            let text = write(&config, Some("base"));
            assert_eq!(read(&text).unwrap(), config);
            assert!(text.contains("\"lora_alpha\": 6,") && text.contains("\"up_proj\": 1.5"));
        }
    }

    #[test]
    fn what_is_on_and_not_supported_is_named() {
        let cases = [
            (r#""use_dora": true"#, "use_dora"),
            (r#""lora_bias": true"#, "lora_bias"),
            (r#""modules_to_save": ["lm_head"]"#, "modules_to_save"),
            (r#""layers_to_transform": 0"#, "layers_to_transform"),
            (r#""exclude_modules": "k_proj""#, "exclude_modules"),
            (r#""bias": "all""#, "bias"),
            (
                r#""init_lora_weights": "pissa_niter_4""#,
                "init_lora_weights",
            ),
            (r#""r": 0"#, "r: "),
            (r#""rank_pattern": {"q_proj": 0}"#, "r: "),
            (r#""rank_pattern": {"(": 4}"#, "rank_pattern"),
            (r#""lora_dropout": 1.0"#, "lora_dropout"),
            (r#""target_modules": "(""#, "target_modules"),
            (r#""r": "many""#, "invalid type"),
        ];
        for (field, named) in cases {
            let said = read(&format!(r#"{{"peft_type": "LORA", {field}}}"#)).unwrap_err();
            assert!(said.contains(named), "{field}: {said}");
        }
        assert!(read(r#"{"peft_type": "IA3"}"#).unwrap_err().contains("IA3"));
        assert!(read("{}").unwrap_err().contains("peft_type"));
    }

    #[test]
    fn what_is_off_or_unknown_is_ignored() {
        let text = r#"{"peft_type": "LORA", "use_dora": false, "modules_to_save": null,
            "layers_pattern": [], "megatron_config": {}, "of_tomorrow": true,
            "init_lora_weights": "gaussian"}"#;
        assert!(read(text).is_ok());
    }
}
