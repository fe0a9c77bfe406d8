//! Packed tokens on the device.

use crate::data::PackedBatch;
use crate::decoder::{DecoderInput, float_options};
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};

/// A micro-batch: x_c is every token before a position, x_t the token after it.
///
/// Only positions whose next token belongs to an answer are asked about (A.1); `rows` lists them,
/// so that prompts and padding are dropped before the head. `n` is their number.
#[derive(Module, Debug)]
pub struct TextBatch<B: Backend> {
    /// Tokens, positions and document borders. `[batch, seq]`
    pub input: DecoderInput<B>,
    /// The true next token at every position, 0 at padding; the designer reads it. `[batch, seq]`
    pub next: Tensor<B, 2, Int>,
    /// Positions that are asked about, as indices into `batch · seq`. `[n]`
    pub rows: Tensor<B, 1, Int>,
    /// The answer tokens. `[n]`
    pub labels: Tensor<B, 1, Int>,
    /// One over the number of answer tokens in the whole step. `[n]`
    pub weights: Tensor<B, 1>,
    /// The draw ξ: the seed of the adapters' dropout masks. None where nothing is dropped.
    #[module(skip)]
    pub dropout: Option<u64>,
}

impl<B: Backend> TextBatch<B> {
    /// `packed` on the device; `denominator` is the number of answer tokens in the whole step, so
    /// that the losses of its micro-batches add up.
    pub fn new(packed: &PackedBatch, denominator: f64, device: &B::Device) -> Self {
        let grid = |values: &[i32]| -> Tensor<B, 2, Int> {
            let data = TensorData::new(values.to_vec(), [packed.batch, packed.seq]);
            Tensor::from_data(data, device)
        };
        let asked = packed.answer_mask.iter().enumerate();
        let rows: Vec<i32> = asked
            .filter(|(_, is_answer)| **is_answer)
            .map(|(row, _)| row as i32)
            .collect();
        let labels: Vec<i32> = rows.iter().map(|&r| packed.targets[r as usize]).collect();
        let n = rows.len();
        let line = |values: Vec<i32>| Tensor::from_data(TensorData::new(values, [n]), device);
        let weights = TensorData::new(vec![1.0 / denominator; n], [n]);
        Self {
            input: DecoderInput {
                tokens: grid(&packed.inputs),
                positions: grid(&packed.positions),
                documents: grid(&packed.documents),
            },
            next: grid(&packed.targets),
            rows: line(rows),
            labels: line(labels),
            weights: Tensor::from_data(weights, float_options(device)),
            dropout: None,
        }
    }
}
