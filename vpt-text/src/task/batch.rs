//! Packed tokens on the device.

use crate::decoder::DecoderInput;
use burn::module::Module;
use burn::tensor::{Int, Tensor, backend::Backend};

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
}
