//! Element types: norms, softmax and losses compute in f32 at least.

use burn::tensor::{DType, FloatDType, Tensor, backend::Backend};

/// 16-bit floats as f32; others pass.
pub fn widen<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    match x.dtype() {
        DType::F16 | DType::BF16 => x.cast(FloatDType::F32),
        _ => x,
    }
}

/// Back to the `dtype` that was widened.
pub fn narrow<B: Backend, const D: usize>(x: Tensor<B, D>, dtype: DType) -> Tensor<B, D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}
