//! Probabilities of logits that are on no tape.

#[cfg(feature = "flex")]
use super::{primitive, wrapped};
use burn::tensor::{Tensor, backend::Backend};

/// p = exp(logits − lse) and lse = log Σ exp of each row. Where there is a kernel the logits' own
/// memory takes p, if nobody shares it.
///
/// # Shapes
/// `[rows, vocab] → [rows, vocab], [rows, 1]`
pub fn softmax<B: Backend>(logits: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    #[cfg(feature = "flex")]
    let logits = match super::flex::softmax::<B>(primitive(logits)) {
        Ok([p, lse]) => return (wrapped(p), wrapped(lse)),
        Err(logits) => wrapped(logits),
    };
    composed(logits)
}

pub(super) fn composed<B: Backend>(logits: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let top = logits.clone().max_dim(1);
    let lse = (logits.clone() - top.clone()).exp().sum_dim(1).log() + top;
    ((logits - lse.clone()).exp(), lse)
}
