//! A product with a weight as checkpoints store it.

use super::{fused, primitive, wrapped};
use burn::tensor::{Tensor, backend::Backend};

/// x·Wᵀ.
#[derive(Clone, Debug)]
pub(super) struct Linear;

/// x·Wᵀ.
///
/// # Shapes
/// x `[rows, in]`, weight `[out, in]` → `[rows, out]`
///
/// # Panics
/// If the two differ in `in`.
pub fn linear<B: Backend>(x: Tensor<B, 2>, weight: Tensor<B, 2>) -> Tensor<B, 2> {
    assert_eq!(x.dims()[1], weight.dims()[1], "linear: the width");
    match fused::<B, _, 2>(Linear, [primitive(x), primitive(weight)]) {
        Ok(y) => wrapped(y),
        Err([x, weight]) => composed(wrapped(x), wrapped(weight)),
    }
}

pub(super) fn composed<B: Backend>(x: Tensor<B, 2>, weight: Tensor<B, 2>) -> Tensor<B, 2> {
    x.matmul(weight.transpose())
}
