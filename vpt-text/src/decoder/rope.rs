//! Rotary positions: each pair (j, j + d/2) of a head turned by position·θ^(−2j/d), scaled where
//! the configuration says so.

use super::config::DecoderConfig;
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use vpt_core::layers::{float_options, narrow};

/// Cosines and sines of every position's angles, computed once in f64.
///
/// Plain tensors, not parameters: nothing trains them and no checkpoint holds them.
#[derive(Module, Debug)]
pub struct Rotary<B: Backend> {
    /// `[max_position_embeddings, head_dim / 2]`
    cos: Tensor<B, 2>,
    sin: Tensor<B, 2>,
    /// R with (a, b)·R = (−b, a) for the halves a and b of a head. `[head_dim, head_dim]`
    quarter: Tensor<B, 2>,
    heads: usize,
    kv_heads: usize,
}

/// The rotations of one input's positions, laid out as the heads lie beside each other: made once
/// for all blocks, so that a block multiplies arrays of one shape and copies no halves.
#[derive(Clone, Debug)]
pub(crate) struct Rotation<B: Backend> {
    queries: Angles<B>,
    keys: Angles<B>,
    quarter: Tensor<B, 2>,
}

/// `[batch, seq, heads · head_dim]` each.
#[derive(Clone, Debug)]
struct Angles<B: Backend> {
    cos: Tensor<B, 3>,
    sin: Tensor<B, 3>,
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
        let mut quarter = vec![0.0; width * width];
        for j in 0..half {
            quarter[(j + half) * width + j] = -1.0;
            quarter[j * width + j + half] = 1.0;
        }
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
            quarter: tensor(quarter, [width, width]),
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
        let rows = |table: &Tensor<B, 2>| {
            let half = narrow(table.clone().select(0, ids.clone()), like.dtype());
            Tensor::cat(vec![half.clone(), half], 1)
        };
        let (cos, sin) = (rows(&self.cos), rows(&self.sin));
        let [_, width] = cos.dims();
        let beside = |rows: &Tensor<B, 2>, heads: usize| {
            rows.clone()
                .reshape([batch * seq, 1, width])
                .expand([batch * seq, heads, width])
                .reshape([batch, seq, heads * width])
        };
        let angles = |heads| Angles {
            cos: beside(&cos, heads),
            sin: beside(&sin, heads),
        };
        let queries = angles(self.heads);
        Rotation {
            keys: match self.group() {
                1 => queries.clone(),
                _ => angles(self.kv_heads),
            },
            queries,
            quarter: narrow(self.quarter.clone(), like.dtype()),
        }
    }
}

impl<B: Backend> Rotation<B> {
    /// # Shapes
    /// `[batch, seq, heads · head_dim] → [batch, seq, heads · head_dim]`
    pub(crate) fn turn_queries(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.turn(x, &self.queries)
    }

    /// # Shapes
    /// `[batch, seq, kv heads · head_dim] → [batch, seq, kv heads · head_dim]`
    pub(crate) fn turn_keys(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.turn(x, &self.keys)
    }

    /// x·cos + (x turned by a quarter)·sin. The product with R is exact: its elements are 0 and ±1.
    fn turn(&self, x: Tensor<B, 3>, angles: &Angles<B>) -> Tensor<B, 3> {
        let (shape, [width, _]) = (x.dims(), self.quarter.dims());
        let heads = shape.iter().product::<usize>() / width;
        let turned = x
            .clone()
            .reshape([heads, width])
            .matmul(self.quarter.clone())
            .reshape(shape);
        x * angles.cos.clone() + turned * angles.sin.clone()
    }
}
