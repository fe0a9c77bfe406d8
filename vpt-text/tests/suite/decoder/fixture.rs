//! Tiny decoders, token arrays and the checkpoints made by `tests/golden/make_decoder.py`.

use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::PathBuf;
use vpt_text::decoder::{
    Decoder, DecoderConfig, DecoderInput, LoadOptions, ModelType, RopeScaling,
};

pub(super) type Flex = burn::backend::Flex;
pub(super) type NdArray = burn::backend::NdArray<f32>;
pub(super) type NdArray64 = burn::backend::NdArray<f64>;

/// Grouped heads, a head wider than hidden / heads, and biases: every branch of the layers.
pub(super) fn tiny(model_type: ModelType, tie_word_embeddings: bool) -> DecoderConfig {
    DecoderConfig {
        model_type,
        vocab_size: 13,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: Some(4),
        rms_norm_eps: 1e-6,
        rope_theta: 100.0,
        rope_scaling: RopeScaling::Default,
        tie_word_embeddings,
        attention_bias: model_type == ModelType::Llama,
        mlp_bias: model_type == ModelType::Llama,
        max_position_embeddings: 32,
        initializer_range: 0.4,
        bos_token_id: None,
        eos_token_id: vec![1, 2],
        pad_token_id: Some(0),
    }
}

pub(super) fn fresh<B: Backend>(config: &DecoderConfig, seed: u64) -> Decoder<B> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Decoder::init(config, &mut rng, &Default::default()).unwrap()
}

pub(super) fn ints<B: Backend>(rows: &[Vec<i64>]) -> Tensor<B, 2, Int> {
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(rows.concat(), shape), &Default::default())
}

/// One row of documents laid end to end; positions restart at each.
pub(super) fn packed<B: Backend>(documents: &[&[i64]]) -> DecoderInput<B> {
    let ids = (0..)
        .zip(documents)
        .flat_map(|(id, tokens)| vec![id; tokens.len()])
        .collect();
    let positions = documents
        .iter()
        .flat_map(|tokens| 0..tokens.len() as i64)
        .collect();
    DecoderInput {
        tokens: ints(&[documents.concat()]),
        positions: ints(&[positions]),
        documents: ints(&[ids]),
    }
}

pub(super) fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

pub(super) fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

pub(super) fn golden_folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/decoder")
        .join(name)
}

pub(super) fn golden<B: Backend>(name: &str) -> Decoder<B> {
    let options = LoadOptions::default();
    let (decoder, notes) =
        Decoder::load(&golden_folder(name), &options, &Default::default()).unwrap();
    assert_eq!(notes, Default::default());
    decoder
}
