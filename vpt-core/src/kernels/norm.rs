//! The root-mean-square norm.

use super::{fused, primitive, wrapped};
use crate::layers::{narrow, widen};
use burn::tensor::{Tensor, backend::Backend};

/// What the norm depends on beside its inputs.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(super) struct RmsNorm {
    pub(super) eps: f64,
}

/// x / √(mean(x²) + ε) · weight, the mean over the last dimension, in f32 at least.
///
/// # Shapes
/// x `[.., width]`, weight `[width]` → `[.., width]`
///
/// # Panics
/// If the last dimension of `x` is not `width`.
pub fn rms_norm<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 1>,
    eps: f64,
) -> Tensor<B, D> {
    assert_eq!(x.dims()[D - 1], weight.dims()[0], "rms_norm: the width");
    match fused::<B, _, 2>(RmsNorm { eps }, [primitive(x), primitive(weight)]) {
        Ok(y) => wrapped(y),
        Err([x, weight]) => composed(wrapped(x), wrapped(weight), eps),
    }
}

pub(super) fn composed<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 1>,
    eps: f64,
) -> Tensor<B, D> {
    let dtype = x.dtype();
    let x = widen(x);
    let mean = (x.clone() * x.clone()).mean_dim(D - 1);
    let x = x / mean.add_scalar(eps).sqrt();
    narrow(x, dtype) * weight.unsqueeze()
}
