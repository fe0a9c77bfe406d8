//! `config.json`: what is read, what is refused, what is written.

use super::fixture::{Flex, fresh, tiny};
use rand::SeedableRng;
use serde_json::{Value, json};
use vpt_text::decoder::{ConfigError, Decoder, DecoderConfig, ModelType, RopeScaling};

/// A file of Qwen2.5-0.5B as Transformers 4 writes it, with one field set (`null` removes it).
fn with(field: &str, value: Value) -> Result<DecoderConfig, ConfigError> {
    let mut json = json!({
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "eos_token_id": 151643,
        "hidden_act": "silu",
        "hidden_size": 896,
        "initializer_range": 0.02,
        "intermediate_size": 4864,
        "max_position_embeddings": 32768,
        "max_window_layers": 24,
        "model_type": "qwen2",
        "num_attention_heads": 14,
        "num_hidden_layers": 24,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "sliding_window": 32768,
        "tie_word_embeddings": true,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.40.1",
        "use_cache": true,
        "use_mrope": false,
        "use_sliding_window": false,
        "vocab_size": 151936
    });
    match value {
        Value::Null => json.as_object_mut().unwrap().remove(field),
        value => json
            .as_object_mut()
            .unwrap()
            .insert(field.to_owned(), value),
    };
    DecoderConfig::from_json(&json.to_string())
}

#[test]
fn a_published_file_is_read() {
    let config = with("", Value::Null).unwrap();
    assert_eq!(config.model_type, ModelType::Qwen2);
    assert_eq!((config.head_dim(), config.rope_theta), (64, 1e6));
    assert_eq!(config.eos_token_id, [151_643]);
    assert!(config.tie_word_embeddings && config.qkv_bias() && !config.output_bias());
    // 494,032,768 is the count that its model card rounds to 0.49B.
    assert_eq!(config.parameter_count(), 494_032_768);
}

/// The other families of the paper, in the keys of their own `config.json`.
#[test]
fn other_published_files_are_read() {
    let read = |json: Value| DecoderConfig::from_json(&json.to_string()).unwrap();
    // SmolLM2-135M-Instruct; `null` and absent keys, and a list of end tokens.
    let smollm = read(json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        "bos_token_id": 1, "eos_token_id": [2, 0], "pad_token_id": 2, "hidden_act": "silu",
        "hidden_size": 576, "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
        "is_llama_config": true, "max_position_embeddings": 8192, "mlp_bias": false,
        "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30, "head_dim": null,
        "num_key_value_heads": 3, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16", "vocab_size": 49152,
    }));
    assert_eq!(smollm.parameter_count(), 134_515_008);
    assert_eq!((smollm.head_dim(), smollm.rope_theta), (64, 1e5));
    assert_eq!(smollm.eos_token_id, [2, 0]);

    // Qwen1.5-0.5B as Transformers 5 writes it: windows that are off, whatever their length.
    let qwen = read(json!({
        "model_type": "qwen2", "hidden_size": 1024, "intermediate_size": 2816, "vocab_size": 151936,
        "num_hidden_layers": 24, "num_attention_heads": 16, "num_key_value_heads": 16,
        "max_position_embeddings": 32768, "max_window_layers": 21, "sliding_window": 32768,
        "use_sliding_window": false, "rms_norm_eps": 1e-06, "tie_word_embeddings": true,
        "layer_types": vec!["full_attention"; 24], "dtype": "bfloat16",
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }));
    assert_eq!(qwen.parameter_count(), 463_987_712);

    // Llama-3.2-1B; what is absent is what Transformers takes.
    let scaling = json!({
        "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3",
    });
    let mut json = json!({
        "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "head_dim": 64,
        "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": true,
        "rope_theta": 500000.0, "rope_scaling": scaling,
    });
    let version_4 = read(json.clone());
    assert_eq!(version_4.parameter_count(), 1_235_814_400);
    assert_eq!(version_4.rms_norm_eps, 1e-6);
    let mut parameters = json["rope_scaling"].take();
    parameters["rope_theta"] = json["rope_theta"].take();
    json["rope_parameters"] = parameters;
    assert_eq!(read(json.clone()), version_4);
    json["rope_scaling"] = json!({"type": "linear", "factor": 32.0});
    let error = DecoderConfig::from_json(&json.to_string()).unwrap_err();
    assert!(error.to_string().contains("disagrees"), "{error}");

    let defaults = read(json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "vocab_size": 50,
        "num_hidden_layers": 1, "num_attention_heads": 4, "rope_theta": 1e4,
    }));
    assert_eq!(defaults.num_key_value_heads, 4);
    assert!(!defaults.tie_word_embeddings && !defaults.attention_bias && !defaults.mlp_bias);
    assert_eq!(
        (defaults.rms_norm_eps, defaults.max_position_embeddings),
        (1e-6, 2048)
    );
}

#[test]
fn what_cannot_be_computed_is_refused_by_name() {
    let cases = [
        ("model_type", json!("mistral")),
        ("hidden_act", json!("gelu")),
        ("use_sliding_window", json!(true)),
        ("rope_scaling", json!({"type": "dynamic", "factor": 2.0})),
        (
            "rope_scaling",
            json!({"type": "mrope", "mrope_section": [1]}),
        ),
        (
            "rope_parameters",
            json!({"rope_type": "yarn", "rope_theta": 1000000.0}),
        ),
        (
            "layer_types",
            json!(["full_attention", "sliding_attention"]),
        ),
        ("partial_rotary_factor", json!(0.5)),
        (
            "quantization_config",
            json!({"quant_method": "gptq", "bits": 4}),
        ),
    ];
    for (field, value) in cases {
        match with(field, value.clone()) {
            Err(ConfigError::Unsupported { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field} = {value}: {other:?}"),
        }
    }
    assert!(with("rope_scaling", json!({"rope_type": "default"})).is_ok());
}

#[test]
fn what_is_missing_or_cannot_be_meant_is_named() {
    for field in [
        "model_type",
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "rope_theta",
    ] {
        match with(field, Value::Null) {
            Err(ConfigError::Missing { field: named }) => assert_eq!(named, field),
            other => panic!("without {field}: {other:?}"),
        }
    }
    let cases = [
        ("vocab_size", json!(-1)),
        ("vocab_size", json!("many")),
        ("hidden_size", json!(0)),
        ("hidden_size", json!(900)),
        ("num_key_value_heads", json!(3)),
        ("head_dim", json!(63)),
        ("num_hidden_layers", json!(u64::MAX)),
        ("max_position_embeddings", json!(1u64 << 40)),
        ("rms_norm_eps", json!(-1.0)),
        ("rope_theta", json!(0.0)),
        ("eos_token_id", json!([1, "two"])),
        (
            "rope_parameters",
            json!({"rope_type": "default", "rope_theta": 10000.0}),
        ),
        (
            "rope_scaling",
            json!({"rope_type": "llama3", "factor": 32.0}),
        ),
        ("rope_scaling", json!({"rope_type": "linear"})),
        ("rope_scaling", json!(7)),
    ];
    for (field, value) in cases {
        match with(field, value.clone()) {
            Err(ConfigError::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field} = {value}: {other:?}"),
        }
    }
    assert!(matches!(
        DecoderConfig::from_json("[]"),
        Err(ConfigError::Syntax(_))
    ));
    let message = with("num_key_value_heads", json!(3))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "`num_key_value_heads` = 3: must divide num_attention_heads = 14"
    );
}

#[test]
fn what_is_written_is_read_back() {
    let mut configs = vec![tiny(ModelType::Qwen2, true), tiny(ModelType::Llama, false)];
    for eos_token_id in [vec![], vec![7]] {
        configs.push(DecoderConfig {
            eos_token_id,
            ..configs[1].clone()
        });
    }
    for rope_scaling in [
        RopeScaling::Linear { factor: 2.5 },
        RopeScaling::Llama3 {
            factor: 4.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 16,
        },
    ] {
        configs.push(DecoderConfig {
            rope_scaling,
            ..configs[1].clone()
        });
    }
    for mut config in configs {
        config.head_dim = config.head_dim.filter(|_| config.tie_word_embeddings);
        assert_eq!(DecoderConfig::from_json(&config.to_json()).unwrap(), config);
    }
}

#[test]
fn a_fresh_decoder_checks_its_configuration_and_counts_its_parameters() {
    use burn::module::Module;
    for kind in [ModelType::Qwen2, ModelType::Llama] {
        for tied in [true, false] {
            let config = tiny(kind, tied);
            let decoder = fresh::<Flex>(&config, 1);
            assert_eq!(decoder.num_params(), config.parameter_count());
        }
    }
    let config = DecoderConfig {
        num_key_value_heads: 3,
        ..tiny(ModelType::Qwen2, true)
    };
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    let refused = Decoder::<Flex>::init(&config, &mut rng, &Default::default());
    assert!(matches!(
        refused,
        Err(ConfigError::Invalid {
            field: "num_key_value_heads",
            ..
        })
    ));
}
