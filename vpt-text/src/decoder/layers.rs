//! Linear, embedding and norm, from operations that can be differentiated any number of times.
//!
//! burn's own `nn::Linear` and `nn::Embedding` cannot run under `Autodiff<Autodiff<B>>` (their
//! backward has no backward), and its `nn::RmsNorm` and `sigmoid` compute in f32 whatever the
//! input.

use super::lora::Lora;
use super::params::unfilled;
use burn::module::{Module, Param};
use burn::tensor::{DType, FloatDType, Int, Tensor, backend::Backend};

/// y = x·Wᵀ + b, with W stored `[out, in]` as in the checkpoint, and an adapter's part beside it.
#[derive(Module, Debug)]
pub struct Linear<B: Backend> {
    /// W, `[out, in]`.
    pub weight: Param<Tensor<B, 2>>,
    /// b, `[out]`.
    pub bias: Option<Param<Tensor<B, 1>>>,
    /// The adapter, where there is one.
    pub lora: Option<Lora<B>>,
}

impl<B: Backend> Linear<B> {
    pub(crate) fn unfilled(input: usize, output: usize, bias: bool, device: &B::Device) -> Self {
        Self {
            weight: unfilled([output, input], device),
            bias: bias.then(|| unfilled([output], device)),
            lora: None,
        }
    }

    /// # Shapes
    /// `[.., in] → [.., out]`
    ///
    /// # Panics
    /// If the last dimension of `x` is not `in`.
    pub fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        self.forward_dropping(x, None)
    }

    /// [`forward`](Self::forward) with the seed of the adapter's dropout masks; none outside
    /// training.
    pub(crate) fn forward_dropping<const D: usize>(
        &self,
        x: Tensor<B, D>,
        dropout: Option<u64>,
    ) -> Tensor<B, D> {
        let mut shape = x.dims();
        let [output, input] = self.weight.dims();
        assert_eq!(
            shape[D - 1],
            input,
            "Linear: the input's width is not the weight's"
        );
        let rows = shape[..D - 1].iter().product::<usize>();
        shape[D - 1] = output;
        // Two dimensions: one product over all rows, and a transposed weight that is only a view.
        let x = x.reshape([rows, input]);
        let y = x.clone().matmul(self.weight.val().transpose());
        let y = match &self.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        };
        let y = match &self.lora {
            Some(lora) => y + lora.forward(x, dropout),
            None => y,
        };
        y.reshape(shape)
    }

    /// Whether W or its adapter is on a tape.
    pub(crate) fn is_tracked(&self) -> bool {
        let adapter =
            |lora: &Lora<B>| lora.a.val().is_require_grad() || lora.b.val().is_require_grad();
        self.weight.val().is_require_grad() || self.lora.as_ref().is_some_and(adapter)
    }

    /// W with the adapter's part added. `[out, in]`
    pub(crate) fn whole_weight(&self) -> Tensor<B, 2> {
        match &self.lora {
            Some(lora) => self.weight.val() + lora.product(),
            None => self.weight.val(),
        }
    }
}

/// Rows of a table by id.
#[derive(Module, Debug)]
pub struct Embedding<B: Backend> {
    /// The table, `[count, width]`.
    pub weight: Param<Tensor<B, 2>>,
}

impl<B: Backend> Embedding<B> {
    pub(crate) fn unfilled(count: usize, width: usize, device: &B::Device) -> Self {
        Self {
            weight: unfilled([count, width], device),
        }
    }

    /// # Shapes
    /// `[a, b] → [a, b, width]`
    ///
    /// # Panics
    /// If an id is not below `count` (on backends that check indices).
    pub fn forward(&self, ids: Tensor<B, 2, Int>) -> Tensor<B, 3> {
        let [a, b] = ids.dims();
        let [_, width] = self.weight.dims();
        self.weight
            .val()
            .select(0, ids.reshape([a * b]))
            .reshape([a, b, width])
    }
}

/// x / √(mean(x²) + ε) · weight, the mean over the last dimension.
#[derive(Module, Debug)]
pub struct RmsNorm<B: Backend> {
    /// The gain, `[width]`.
    pub weight: Param<Tensor<B, 1>>,
    eps: f64,
}

impl<B: Backend> RmsNorm<B> {
    pub(crate) fn unfilled(width: usize, eps: f64, device: &B::Device) -> Self {
        Self {
            weight: unfilled([width], device),
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
            "RmsNorm: the input's width"
        );
        let dtype = x.dtype();
        let x = widen(x);
        let mean = (x.clone() * x.clone()).mean_dim(D - 1);
        let x = x / mean.add_scalar(self.eps).sqrt();
        narrow(x, dtype) * self.weight.val().unsqueeze()
    }
}

/// x·σ(x).
///
/// e⁻ˣ would overflow for very negative x: the value would still be right (x/∞ = 0) but its
/// gradient would be 0·∞. Below −80 the factor is 2e-35 either way. The reciprocal has a cheaper
/// backward pass than the quotient.
pub(crate) fn silu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    let denominator = x.clone().clamp_min(-80.0).neg().exp().add_scalar(1.0);
    x * denominator.recip()
}

/// Norms and softmax compute in f32 at least: 16-bit floats are widened, others pass.
pub(crate) fn widen<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    match x.dtype() {
        DType::F16 | DType::BF16 => x.cast(FloatDType::F32),
        _ => x,
    }
}

/// Back to the `dtype` that was widened.
pub(crate) fn narrow<B: Backend, const D: usize>(x: Tensor<B, D>, dtype: DType) -> Tensor<B, D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}

#[cfg(test)]
mod tests {
    use super::{RmsNorm, silu};
    use crate::decoder::params::fill;
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::{Tensor, TensorData};

    #[test]
    fn silu_and_its_gradient_stay_finite() {
        let x = Tensor::<Autodiff<Flex>, 1>::from_floats(
            [-1e4, -200.0, -89.0, -50.0, -1.0, 0.0, 2.0, 300.0],
            &Default::default(),
        )
        .require_grad();
        let y = silu(x.clone());
        let slope = x.grad(&y.sum().backward()).unwrap().into_data();
        // σ(x)·(1 + x·(1 − σ(x))) in f64.
        let expected = [0.0, 0.0, 0.0, 0.0, 0.072_329_5, 0.5, 1.090_784_2, 1.0];
        for (found, expected) in slope.iter::<f32>().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn the_norm_divides_by_the_root_mean_square() {
        let norm = RmsNorm::<Flex>::unfilled(2, 0.5, &Default::default());
        let gain = |_: &str, _: &[usize]| Ok::<_, ()>(TensorData::from([2.0, -1.0]));
        let norm = fill(norm, gain).unwrap();
        let x = Tensor::<Flex, 2>::from_floats([[1.0, 2.0], [0.0, 0.0]], &Default::default());
        // √((1 + 4)/2 + 0.5) = √3.
        let expected = [2.0 / 3f32.sqrt(), -2.0 / 3f32.sqrt(), 0.0, 0.0];
        for (found, expected) in norm.forward(x).into_data().iter::<f32>().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
