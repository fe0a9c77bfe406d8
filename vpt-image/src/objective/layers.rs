//! What heads are made of.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::Rng;
use std::convert::Infallible;
use vpt_core::layers::{Linear, fill, gelu, narrow, unfilled, widen};

/// (x − mean) / √(var + ε) · weight + bias over the rows of the batch, as in training. Nothing
/// runs along, since heads are thrown away after it. It couples the crops of a batch.
#[derive(Module, Debug)]
pub struct BatchNorm<B: Backend> {
    /// The gain. `[width]`
    pub weight: Param<Tensor<B, 1>>,
    /// The offset. `[width]`
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> BatchNorm<B> {
    /// PyTorch's.
    const EPS: f64 = 1e-5;

    pub(super) fn unfilled(width: usize, device: &B::Device) -> Self {
        Self {
            weight: unfilled([width], device),
            bias: unfilled([width], device),
        }
    }

    /// # Shapes
    /// `[rows, width] → [rows, width]`
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let dtype = x.dtype();
        let x = widen(x);
        let x = x.clone() - x.mean_dim(0);
        let variance = (x.clone() * x.clone()).mean_dim(0);
        let x = x / variance.add_scalar(Self::EPS).sqrt();
        narrow(x, dtype) * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

/// Linear, optional batch norm, GELU, linear.
#[derive(Module, Debug)]
pub struct Mlp<B: Backend> {
    /// `[in] → [hidden]`
    pub first: Linear<B>,
    /// Between the two.
    pub norm: Option<BatchNorm<B>>,
    /// `[hidden] → [out]`
    pub second: Linear<B>,
}

impl<B: Backend> Mlp<B> {
    /// A fresh one, of `[in, hidden, out]`, as PyTorch's linear layers begin: uniform in
    /// ±1/√in.
    pub fn init<R: Rng + ?Sized>(
        [input, hidden, output]: [usize; 3],
        batch_norm: bool,
        rng: &mut R,
        device: &B::Device,
    ) -> Self {
        let mlp = Self {
            first: Linear::unfilled(input, hidden, true, device),
            norm: batch_norm.then(|| BatchNorm::unfilled(hidden, device)),
            second: Linear::unfilled(hidden, output, true, device),
        };
        filled(mlp, |path, shape| {
            if path.starts_with("norm.") {
                return affine(path, shape);
            }
            let width = if path.starts_with("first.") {
                input
            } else {
                hidden
            };
            uniform(shape, (width as f64).powf(-0.5), rng)
        })
    }

    /// # Shapes
    /// `[rows, in] → [rows, out]`
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let x = self.first.forward(x);
        let x = match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        };
        self.second.forward(gelu(x))
    }
}

/// Rows of length 1. A row of zeros stays.
///
/// # Shapes
/// `[rows, width] → [rows, width]`
pub(super) fn unit<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let dtype = x.dtype();
    let x = widen(x);
    let squares = (x.clone() * x.clone()).sum_dim(1);
    // PyTorch's ε of 1e-12, inside the root, where it has a slope.
    narrow(x / squares.add_scalar(1e-24).sqrt(), dtype)
}

/// `module` with the values that `source` has for each path and shape.
pub(super) fn filled<B: Backend, M: Module<B>>(
    module: M,
    mut source: impl FnMut(&str, &[usize]) -> Vec<f64>,
) -> M {
    let values = |path: &str, shape: &[usize]| {
        Ok::<_, Infallible>(TensorData::new(source(path, shape), shape.to_vec()))
    };
    match fill(module, values) {
        Ok(module) => module,
        Err(never) => match never {},
    }
}

/// A norm's beginning: gain one, offset zero.
pub(super) fn affine(path: &str, shape: &[usize]) -> Vec<f64> {
    let value = if path.ends_with("weight") { 1.0 } else { 0.0 };
    vec![value; shape.iter().product()]
}

/// Uniform in ±`bound`.
pub(super) fn uniform<R: Rng + ?Sized>(shape: &[usize], bound: f64, rng: &mut R) -> Vec<f64> {
    let count = shape.iter().product();
    (0..count)
        .map(|_| rng.random_range(-bound..=bound))
        .collect()
}
