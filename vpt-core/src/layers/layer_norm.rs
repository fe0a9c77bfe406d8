//! Layer normalisation.

use super::{narrow, unfilled, widen};
use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend};

/// (x − mean(x)) / √(var(x) + ε) · weight + bias, over the last dimension; the variance divides by
/// the width.
#[derive(Module, Debug)]
pub struct LayerNorm<B: Backend> {
    /// The gain, `[width]`.
    pub weight: Param<Tensor<B, 1>>,
    /// The offset, `[width]`.
    pub bias: Param<Tensor<B, 1>>,
    eps: f64,
}

impl<B: Backend> LayerNorm<B> {
    /// Without values.
    pub fn unfilled(width: usize, eps: f64, device: &B::Device) -> Self {
        Self {
            weight: unfilled([width], device),
            bias: unfilled([width], device),
            eps,
        }
    }

    /// # Shapes
    /// `[.., width] → [.., width]`
    ///
    /// # Panics
    /// If the last dimension of `x` is not `width`.
    pub fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        assert_eq!(
            x.dims()[D - 1],
            self.weight.dims()[0],
            "LayerNorm: the input's width"
        );
        let dtype = x.dtype();
        let x = widen(x);
        let x = x.clone() - x.mean_dim(D - 1);
        let variance = (x.clone() * x.clone()).mean_dim(D - 1);
        let x = x / variance.add_scalar(self.eps).sqrt();
        narrow(x, dtype) * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

#[cfg(test)]
mod tests {
    use super::LayerNorm;
    use crate::layers::fill;
    use burn::backend::Flex;
    use burn::tensor::{Tensor, TensorData};

    #[test]
    fn the_norm_subtracts_the_mean_and_divides_by_the_deviation() {
        let norm = LayerNorm::<Flex>::unfilled(2, 0.5, &Default::default());
        let norm = fill(norm, |path: &str, _: &[usize]| {
            Ok::<_, ()>(match path {
                "weight" => TensorData::from([2.0, -1.0]),
                _ => TensorData::from([0.5, 3.0]),
            })
        });
        let x = Tensor::<Flex, 2>::from_floats([[1.0, 4.0], [2.0, 2.0]], &Default::default());
        // Mean 2.5, variance 2.25: ∓1.5 / √2.75.
        let part = 1.5 / 2.75f32.sqrt();
        let expected = [-2.0 * part + 0.5, -part + 3.0, 0.5, 3.0];
        let found = norm.unwrap().forward(x).into_data();
        for (found, expected) in found.iter::<f32>().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
