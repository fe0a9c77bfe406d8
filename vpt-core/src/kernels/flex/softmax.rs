//! Rows of logits to probabilities, in three passes that stay in the cache for a row.

use super::lanes::{exp, max, rows_per_task, simd, sum2};
use super::{contiguous, same, tensor};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, TensorMetadata};
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Probabilities and log Σ exp of each row of `logits`; the logits again where `B` is not flex or
/// they are not f32.
pub(in crate::kernels) fn softmax<B: Backend>(
    logits: B::FloatTensorPrimitive,
) -> Result<[B::FloatTensorPrimitive; 2], B::FloatTensorPrimitive> {
    if logits.dtype() != DType::F32 {
        return Err(logits);
    }
    let logits = same::<_, FlexTensor>(logits)?;
    same(normalised(logits)).map_err(|_| unreachable!("one backend"))
}

fn normalised(logits: FlexTensor) -> [FlexTensor; 2] {
    let mut logits = contiguous(logits);
    let (rows, vocab) = (logits.shape()[0], logits.shape()[1]);
    let mut sums = vec![0.0; rows];
    let task = rows_per_task(vocab);
    logits
        .storage_mut::<f32>()
        .par_chunks_mut((task * vocab).max(1))
        .zip(sums.par_chunks_mut(task))
        .for_each(|(logits, sums)| {
            let rows = logits.chunks_exact_mut(vocab).zip(sums);
            simd(|| rows.for_each(|(row, lse)| *lse = normalise(row)));
        });
    [logits, tensor(sums, [rows, 1])]
}

/// One row in place; its log Σ exp.
#[inline(always)]
pub(super) fn normalise(row: &mut [f32]) -> f32 {
    let top = max(row);
    row.iter_mut().for_each(|x| *x = exp(*x - top));
    let total = sum2(row, row, |a, _| a);
    let share = 1.0 / total;
    row.iter_mut().for_each(|x| *x *= share);
    top + total.ln()
}
