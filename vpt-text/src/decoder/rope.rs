//! Rotary positions: each pair (j, j + d/2) of a head turned by position·θ^(−2j/d).

use super::config::DecoderConfig;
use super::params::float_options;
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};

/// Cosines and sines of every position's angles, computed once in f64 (protocols §5.3).
///
/// Plain tensors, not parameters: nothing trains them and no checkpoint holds them.
#[derive(Module, Debug)]
pub struct Rotary<B: Backend> {
    cos: Tensor<B, 2>,
    sin: Tensor<B, 2>,
}

/// The rotations of one input's positions.
#[derive(Clone, Debug)]
pub(crate) struct Rotation<B: Backend> {
    /// `[batch, seq, 1, head_dim / 2]`
    cos: Tensor<B, 4>,
    sin: Tensor<B, 4>,
}

impl<B: Backend> Rotary<B> {
    /// Tables of `[max_position_embeddings, head_dim / 2]`.
    pub(crate) fn new(config: &DecoderConfig, device: &B::Device) -> Self {
        let (positions, width) = (config.max_position_embeddings, config.head_dim());
        let half = width / 2;
        let frequency = |j: usize| config.rope_theta.powf(-2.0 * j as f64 / width as f64);
        let frequencies: Vec<f64> = (0..half).map(frequency).collect();
        let table = |f: fn(f64) -> f64| {
            let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |w| p as f64 * w));
            let values: Vec<f64> = angles.map(f).collect();
            Tensor::from_data(
                TensorData::new(values, [positions, half]),
                float_options(device),
            )
        };
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
        }
    }

    /// The rotations for `positions`, in the element type of `like`.
    ///
    /// # Shapes
    /// positions `[batch, seq]`
    pub(crate) fn at<const D: usize>(
        &self,
        positions: &Tensor<B, 2, Int>,
        like: &Tensor<B, D>,
    ) -> Rotation<B> {
        let [batch, seq] = positions.dims();
        let ids = positions.clone().reshape([batch * seq]);
        let rows = |table: &Tensor<B, 2>| {
            let rows = table.clone().select(0, ids.clone());
            let rows = super::layers::narrow(rows, like.dtype());
            let [_, half] = rows.dims();
            rows.reshape([batch, seq, 1, half])
        };
        Rotation {
            cos: rows(&self.cos),
            sin: rows(&self.sin),
        }
    }
}

impl<B: Backend> Rotation<B> {
    /// Turns the pairs of every head.
    ///
    /// # Shapes
    /// `[batch, seq, heads, head_dim] → [batch, seq, heads, head_dim]`
    pub(crate) fn turn(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let half = x.dims()[3] / 2;
        let (a, b) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
        let (cos, sin) = (&self.cos, &self.sin);
        let first = a.clone() * cos.clone() - b.clone() * sin.clone();
        let second = b * cos.clone() + a * sin.clone();
        Tensor::cat(vec![first, second], 3)
    }
}
