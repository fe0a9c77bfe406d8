//! Logits and greedy continuations against Transformers.

use super::fixture::{
    Flex, NdArray, NdArray64, golden, golden_folder, ints, largest_difference, values,
};
use burn::tensor::backend::Backend;
use serde::Deserialize;
use vpt_text::decoder::{DecoderConfig, DecoderInput, Generation, generate};

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
            let options = Generation {
                max_new_tokens: 24,
                batch_size,
                ..Default::default()
            };
            let found = generate(&decoder, &golden.prompts, &options).unwrap();
            let found: Vec<_> = found.concat().into_iter().map(|text| text.tokens).collect();
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
