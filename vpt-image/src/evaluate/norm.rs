//! Batch normalisation, as PyTorch's, from operations that can be differentiated any number of
//! times.

use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::layers::unfilled;

/// The share of a batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// (x − mean)/√(variance + ε) · weight + bias for each channel, over all rows of a batch.
///
/// The running statistics are parameters that no loss reaches, so that they are stored and loaded
/// with the others, under PyTorch's names.
#[derive(Module, Debug)]
pub struct BatchNorm<B: Backend> {
    /// The gain, `[channels]`, where the norm is affine.
    pub weight: Option<Param<Tensor<B, 1>>>,
    /// The offset, `[channels]`, where the norm is affine.
    pub bias: Option<Param<Tensor<B, 1>>>,
    /// Running mean, `[channels]`.
    pub running_mean: Param<Tensor<B, 1>>,
    /// Running variance, unbiased. `[channels]`
    pub running_var: Param<Tensor<B, 1>>,
    eps: f64,
}

/// Mean and unbiased variance of a batch. `[channels]` each
#[derive(Clone, Debug)]
pub struct Moments<B: Backend> {
    pub(super) mean: Tensor<B, 1>,
    pub(super) variance: Tensor<B, 1>,
}

impl<I: Backend> Moments<Autodiff<I>> {
    /// Without their tape.
    pub fn inner(self) -> Moments<I> {
        Moments {
            mean: self.mean.inner(),
            variance: self.variance.inner(),
        }
    }
}

impl<B: Backend> BatchNorm<B> {
    pub(super) fn unfilled(channels: usize, affine: bool, eps: f64, device: &B::Device) -> Self {
        let vector = || unfilled([channels], device);
        Self {
            weight: affine.then(vector),
            bias: affine.then(vector),
            running_mean: vector(),
            running_var: vector(),
            eps,
        }
    }

    /// By the running statistics: what a head does outside of its own training.
    ///
    /// # Shapes
    /// `[rows, channels] → [rows, channels]`
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let mean: Tensor<B, 2> = self.running_mean.val().unsqueeze();
        let variance: Tensor<B, 2> = self.running_var.val().unsqueeze();
        let x = (x - mean) / variance.add_scalar(self.eps).sqrt();
        self.affine(x)
    }

    /// By the batch's own statistics, which come with it.
    ///
    /// # Shapes
    /// `[rows, channels] → [rows, channels]`
    pub fn forward_training(&self, x: Tensor<B, 2>) -> (Tensor<B, 2>, Moments<B>) {
        let [rows, channels] = x.dims();
        let mean = x.clone().mean_dim(0);
        let x = x - mean.clone();
        let variance = (x.clone() * x.clone()).mean_dim(0);
        let x = x / variance.clone().add_scalar(self.eps).sqrt();
        let unbiased = rows as f64 / rows.saturating_sub(1).max(1) as f64;
        let moments = Moments {
            mean: mean.reshape([channels]),
            variance: variance.reshape([channels]).mul_scalar(unbiased),
        };
        (self.affine(x), moments)
    }

    fn affine(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let x = match &self.weight {
            Some(weight) => x * weight.val().unsqueeze(),
            None => x,
        };
        match &self.bias {
            Some(bias) => x + bias.val().unsqueeze(),
            None => x,
        }
    }

    /// The running statistics moved towards a batch's.
    #[must_use]
    pub fn follow(mut self, moments: &Moments<B>) -> Self {
        let towards = |running: Param<Tensor<B, 1>>, batch: &Tensor<B, 1>| {
            let batch = batch.clone().mul_scalar(MOMENTUM);
            running.map(|running| running.mul_scalar(1.0 - MOMENTUM) + batch)
        };
        self.running_mean = towards(self.running_mean, &moments.mean);
        self.running_var = towards(self.running_var, &moments.variance);
        self
    }
}
