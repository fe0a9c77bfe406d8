//! Logits and greedy continuations against Transformers.

use super::fixture::{
    Flex, NdArray, NdArray64, golden, golden_folder, ints, largest_difference, values,
};
use burn::tensor::backend::Backend;
use serde::Deserialize;
use vpt_text::decoder::{Decoder, DecoderConfig, DecoderInput, Greedy, LoadOptions, generate};

const MODELS: [&str; 3] = ["qwen2-tied", "qwen2-untied", "llama"];

#[derive(Deserialize)]
struct Golden {
    tokens: Vec<Vec<i64>>,
    logits: Vec<Vec<Vec<f64>>>,
    prompts: Vec<Vec<u32>>,
    greedy: Vec<Vec<u32>>,
}

fn read(name: &str) -> Golden {
    let text = std::fs::read(golden_folder(name).join("golden.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn logits_agree<B: Backend>(tolerance: f64) {
    for name in MODELS {
        let (expected, decoder) = (read(name), golden::<B>(name));
        let hidden = decoder.hidden(&DecoderInput::whole(ints(&expected.tokens)));
        let found = values(decoder.logits(hidden.flatten(0, 1)));
        let difference = largest_difference(&found, &expected.logits.concat().concat());
        assert!(difference < tolerance, "{name}: {difference}");
    }
}

#[test]
fn logits_are_those_of_transformers() {
    logits_agree::<Flex>(1e-4);
    logits_agree::<NdArray>(1e-4);
    logits_agree::<NdArray64>(1e-4);
}

fn continuations_agree<B: Backend>() {
    for name in MODELS {
        let (golden, decoder) = (read(name), golden::<B>(name));
        for batch_size in [1, 2, 4] {
            let options = Greedy {
                max_new_tokens: 24,
                batch_size,
                ..Default::default()
            };
            let found = generate(&decoder, &golden.prompts, &options).unwrap();
            assert_eq!(found, golden.greedy, "{name}, batches of {batch_size}");
        }
    }
}

#[test]
fn continuations_are_those_of_transformers_token_for_token() {
    continuations_agree::<Flex>();
    continuations_agree::<NdArray>();
}

#[test]
fn both_generations_of_config_json_say_the_same() {
    for name in MODELS {
        let read = |file: &str| {
            let text = std::fs::read_to_string(golden_folder(name).join(file)).unwrap();
            DecoderConfig::from_json(&text).unwrap()
        };
        assert_eq!(read("config.json"), read("config.v4.json"), "{name}");
    }
}

/// The model of `tests/golden/make_pytorch.py` with its weights in `weights` and the configuration
/// of `config`.
fn pytorch(config: &str, weights: &[(&str, &str)]) -> Decoder<NdArray64> {
    let source = golden_folder("../pytorch/llama");
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [&[(config, "config.json")], weights].concat() {
        std::fs::copy(source.join(from), folder.path().join(to)).unwrap();
    }
    let options = LoadOptions::default();
    let (decoder, notes) = Decoder::load(folder.path(), &options, &Default::default()).unwrap();
    assert_eq!(notes, Default::default());
    decoder
}

#[test]
fn scaled_positions_and_every_layout_of_pytorch_give_the_logits_of_transformers() {
    let text = std::fs::read(golden_folder("../pytorch/llama/golden.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let tokens: Vec<Vec<i64>> = serde_json::from_value(golden["tokens"].clone()).unwrap();
    let agree = |decoder: &Decoder<NdArray64>, kind: &str| {
        let expected: Vec<Vec<Vec<f64>>> = serde_json::from_value(golden[kind].clone()).unwrap();
        let hidden = decoder.hidden(&DecoderInput::whole(ints(&tokens)));
        let found = values(decoder.logits(hidden.flatten(0, 1)));
        let difference = largest_difference(&found, &expected.concat().concat());
        assert!(difference < 1e-4, "{kind}: {difference}");
    };
    let single = [("pytorch_model.bin", "pytorch_model.bin")];
    let legacy = [("legacy.bin", "pytorch_model.bin")];
    let shards = [
        "pytorch_model.bin.index.json",
        "pytorch_model-00001-of-00002.bin",
        "pytorch_model-00002-of-00002.bin",
    ];
    let shards = shards.map(|name| (name, name));
    for weights in [&single[..], &legacy, &shards] {
        agree(&pytorch("config.json", weights), "llama3");
    }
    agree(&pytorch("config.v4.json", &single), "llama3");
    agree(&pytorch("config.linear.json", &single), "linear");
    // Written and read again: the scaling is kept.
    let folder = tempfile::tempdir().unwrap();
    pytorch("config.json", &single).save(folder.path()).unwrap();
    let options = LoadOptions::default();
    let (again, _) = Decoder::load(folder.path(), &options, &Default::default()).unwrap();
    agree(&again, "llama3");
}
