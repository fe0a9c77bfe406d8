//! Rotary positions: each pair (j, j + d/2) of a head turned by position·θ^(−2j/d), scaled where
//! the configuration says so.

use super::config::DecoderConfig;
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use vpt_core::kernels::Rotation;
use vpt_core::layers::{float_options, narrow};

/// Cosines and sines of every position's angles, computed once in f64.
///
/// Plain tensors, not parameters: nothing trains them and no checkpoint holds them.
#[derive(Module, Debug)]
pub struct Rotary<B: Backend> {
    /// `[max_position_embeddings, head_dim / 2]`
    cos: Tensor<B, 2>,
    sin: Tensor<B, 2>,
    heads: usize,
    kv_heads: usize,
}

impl<B: Backend> Rotary<B> {
    /// Tables for every position below `max_position_embeddings`.
    pub(crate) fn new(config: &DecoderConfig, device: &B::Device) -> Self {
        let (positions, width) = (config.max_position_embeddings, config.head_dim());
        let half = width / 2;
        let frequency = |j: usize| config.rope_theta.powf(-2.0 * j as f64 / width as f64);
        let scaled = |j: usize| config.rope_scaling.scale(frequency(j));
        let frequencies: Vec<f64> = (0..half).map(scaled).collect();
        let tensor = |values: Vec<f64>, shape: [usize; 2]| {
            Tensor::from_data(TensorData::new(values, shape), float_options(device))
        };
        let table = |f: fn(f64) -> f64| {
            let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |w| p as f64 * w));
            tensor(angles.map(f).collect(), [positions, half])
        };
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
        }
    }

    /// Query heads that share one key/value head.
    pub(crate) fn group(&self) -> usize {
        self.heads / self.kv_heads
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
        let rows =
            |table: &Tensor<B, 2>| narrow(table.clone().select(0, ids.clone()), like.dtype());
        Rotation::new(
            rows(&self.cos),
            rows(&self.sin),
            &[self.heads, self.kv_heads],
        )
    }
}
