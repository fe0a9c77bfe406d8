//! Linear, embedding and norm, from operations that can be differentiated any number of times.
//!
//! burn's own `nn::Linear` and `nn::Embedding` cannot run under `Autodiff<Autodiff<B>>` (their
//! backward has no backward), and its `nn::RmsNorm` and `sigmoid` compute in f32 whatever the
//! input.

mod layer_norm;
mod lora;
mod params;

pub use layer_norm::LayerNorm;
pub use lora::Lora;
pub use params::{Named, fill, float_options, named, unfilled};

use crate::kernels;
use burn::module::{Module, Param};
use burn::tensor::{DType, FloatDType, Int, Tensor, backend::Backend};
use std::f64::consts::FRAC_1_SQRT_2;

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
    /// Without values and without an adapter.
    pub fn unfilled(input: usize, output: usize, bias: bool, device: &B::Device) -> Self {
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
    ///
    /// # Shapes
    /// `[.., in] → [.., out]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_dropping<const D: usize>(
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
        // Two dimensions: one product over all rows.
        let x = x.reshape([rows, input]);
        let y = kernels::linear(x.clone(), self.weight.val());
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
    pub fn is_tracked(&self) -> bool {
        let adapter =
            |lora: &Lora<B>| lora.a.val().is_require_grad() || lora.b.val().is_require_grad();
        self.weight.val().is_require_grad() || self.lora.as_ref().is_some_and(adapter)
    }

    /// W with the adapter's part added. `[out, in]`
    pub fn whole_weight(&self) -> Tensor<B, 2> {
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
    /// Without values.
    pub fn unfilled(count: usize, width: usize, device: &B::Device) -> Self {
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
        kernels::rows(self.weight.val(), ids.reshape([a * b])).reshape([a, b, width])
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
    /// Without values.
    pub fn unfilled(width: usize, eps: f64, device: &B::Device) -> Self {
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
        kernels::rms_norm(x, self.weight.val(), self.eps)
    }
}

/// x·σ(x).
///
/// e⁻ˣ would overflow for very negative x: the value would still be right (x/∞ = 0) but its
/// gradient would be 0·∞. Below −80 the factor is 2e-35 either way. The reciprocal has a cheaper
/// backward pass than the quotient.
pub fn silu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    let denominator = x.clone().clamp_min(-80.0).neg().exp().add_scalar(1.0);
    x * denominator.recip()
}

/// x·½(1 + erf(x/√2)), and its derivatives of any order.
///
/// burn's own `gelu` has this value, but the derivative of the approximation by tanh.
pub fn gelu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    let share = x.clone().mul_scalar(FRAC_1_SQRT_2).erf();
    x * share.add_scalar(1.0).mul_scalar(0.5)
}

/// Norms and softmax compute in f32 at least: 16-bit floats are widened, others pass.
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

#[cfg(test)]
mod tests {
    use super::{RmsNorm, fill, gelu, silu};
    use burn::backend::{Autodiff, Flex, NdArray};
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

    /// Value, slope and curvature in closed form, in f64 on nested tapes: with the density
    /// p(x) = exp(−x²/2)/√2π they are xΦ, Φ + xp and (2 − x²)p.
    #[test]
    fn gelu_is_exact_to_the_second_derivative() {
        type Nested = Autodiff<Autodiff<NdArray<f64>>>;
        let device = Default::default();
        // x, Φ(x) to ten digits.
        for (x, phi) in [
            (-3.0, 0.001_349_898_03),
            (-0.5, 0.308_537_538_73),
            (0.0, 0.5),
            (1.0, 0.841_344_746_07),
            (2.5, 0.993_790_334_67),
        ] {
            let density = (-x * x / 2.0f64).exp() / std::f64::consts::TAU.sqrt();
            let inner = Tensor::<Autodiff<NdArray<f64>>, 1>::from_data(
                TensorData::from([x]),
                (&device, burn::tensor::DType::F64),
            )
            .require_grad();
            let outer = Tensor::<Nested, 1>::from_inner(inner.clone()).require_grad();
            let y = gelu(outer.clone());
            let value: f64 = y.clone().into_scalar();
            let slope = outer.grad(&y.backward()).unwrap();
            let curvature = inner.grad(&slope.backward()).unwrap();
            let (slope, curvature): (f64, f64) = (slope.into_scalar(), curvature.into_scalar());
            for (found, expected) in [
                (value, x * phi),
                (slope, phi + x * density),
                (curvature, (2.0 - x * x) * density),
            ] {
                // In f64 too: at −3 the curvature was seen to be 7e-8 of itself off.
                assert!((found - expected).abs() < 1e-7, "{x}: {found} {expected}");
            }
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
