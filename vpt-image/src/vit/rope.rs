//! Rotary positions along two axes, with the changes of coordinates that training draws.

use super::config::VitConfig;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use vpt_core::layers::{float_options, narrow};

/// How the coordinates of patches are changed in one forward pass: (c + shift) · scale, along rows
/// and columns. Drawn on the host once for a batch of views, and stored with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RopeDraw {
    pub(super) shift: [f64; 2],
    pub(super) scale: [f64; 2],
}

impl RopeDraw {
    /// Not at all: at evaluation.
    pub const fn none() -> Self {
        Self {
            shift: [0.0; 2],
            scale: [1.0; 2],
        }
    }

    /// Changes that are known: `shift` and `scale` along rows and columns.
    pub const fn new(shift: [f64; 2], scale: [f64; 2]) -> Self {
        Self { shift, scale }
    }

    /// As training draws them: the shift uniform in ±`pos_embed_shift`, the scale log-uniform
    /// within `pos_embed_jitter` for each axis, times one within `pos_embed_rescale` for both.
    pub fn draw<R: Rng + ?Sized>(config: &VitConfig, rng: &mut R) -> Self {
        let mut within = |bound: f64| rng.random_range(-bound..=bound);
        let mut pair =
            |bound: Option<f64>| bound.map_or([0.0; 2], |bound| [0, 1].map(|_| within(bound)));
        let shift = pair(config.pos_embed_shift);
        let jitter = pair(config.pos_embed_jitter.map(f64::ln));
        let rescale = config
            .pos_embed_rescale
            .map_or(0.0, |bound| within(bound.ln()));
        Self {
            shift,
            scale: jitter.map(|jitter| (jitter + rescale).exp()),
        }
    }
}

/// The rotation of every token of a forward pass.
///
/// The patch at row r of h has the coordinate y = 2(r + ½)/h − 1, columns alike. With the
/// frequencies ω_j = θ^(−4j/d), j < d/4, a head's pairs (i, i + d/2) turn by 2πyω_i for i < d/4 and
/// by 2πxω_(i−d/4) above. Class token and registers do not turn.
#[derive(Clone, Debug)]
pub(super) struct Rotation<B: Backend> {
    /// `[1, tokens, hidden]`
    cos: Tensor<B, 3>,
    sin: Tensor<B, 3>,
    /// R with (a, b)·R = (−b, a) for halves a and b of a head. `[head_dim, head_dim]`
    quarter: Tensor<B, 2>,
}

impl<B: Backend> Rotation<B> {
    /// Of a `grid` of patches, in the type of `like`.
    pub(super) fn new(
        config: &VitConfig,
        grid: [usize; 2],
        draw: &RopeDraw,
        like: &Tensor<B, 3>,
    ) -> Self {
        let (width, heads) = (config.head_dim(), config.num_attention_heads);
        let half = width / 2;
        let frequency = |j: usize| config.rope_theta.powf(-4.0 * j as f64 / width as f64);
        let frequencies: Vec<f64> = (0..width / 4).map(frequency).collect();
        let coordinate = |axis: usize, index: usize| {
            let middle = 2.0 * (index as f64 + 0.5) / grid[axis] as f64 - 1.0;
            (middle + draw.shift[axis]) * draw.scale[axis]
        };
        let still = vec![0.0; config.prefix_tokens() * half];
        let turning = (0..grid[0] * grid[1]).flat_map(|patch| {
            let [y, x] = [
                coordinate(0, patch / grid[1]),
                coordinate(1, patch % grid[1]),
            ];
            let turn = |c: f64| frequencies.iter().map(move |frequency| TAU * c * frequency);
            turn(y).chain(turn(x)).collect::<Vec<_>>()
        });
        let angles: Vec<f64> = still.into_iter().chain(turning).collect();
        let tokens = angles.len() / half;
        let device = like.device();
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f64> = angles.iter().map(|angle| f(*angle)).collect();
            let table = TensorData::new(values, [1, tokens, 1, half]);
            let table = Tensor::<B, 4>::from_data(table, float_options(&device))
                .expand([1, tokens, 2 * heads, half])
                .reshape([1, tokens, heads * width]);
            narrow(table, like.dtype())
        };
        let mut quarter = vec![0.0; width * width];
        for j in 0..half {
            quarter[(j + half) * width + j] = -1.0;
            quarter[j * width + j + half] = 1.0;
        }
        let quarter = TensorData::new(quarter, [width, width]);
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
            quarter: narrow(
                Tensor::from_data(quarter, float_options(&device)),
                like.dtype(),
            ),
        }
    }

    /// x·cos + (x turned by a quarter)·sin. The product with R is exact: its elements are 0 and ±1.
    ///
    /// # Shapes
    /// `[batch, tokens, hidden] → [batch, tokens, hidden]`
    pub(super) fn turn(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let (shape, [width, _]) = (x.dims(), self.quarter.dims());
        let rows = shape.iter().product::<usize>() / width;
        let turned = x
            .clone()
            .reshape([rows, width])
            .matmul(self.quarter.clone())
            .reshape(shape);
        x * self.cos.clone() + turned * self.sin.clone()
    }
}
