//! What stands on frozen features: a linear probe, or a small convolutional decoder.

use super::norm::{BatchNorm, Moments};
use super::upsample::upsample;
use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use vpt_core::layers::{Linear, fill, unfilled, widen};

/// Features of a batch, one row a patch. What a head reads.
#[derive(Clone, Debug)]
pub struct Tokens<B: Backend> {
    /// `[batch, rows · columns, width]`
    pub values: Tensor<B, 3>,
    /// Rows and columns.
    pub grid: [usize; 2],
}

impl<I: Backend> Tokens<I> {
    /// As constants one level up.
    pub(super) fn lift(self) -> Tokens<Autodiff<I>> {
        Tokens {
            values: Tensor::from_inner(self.values),
            grid: self.grid,
        }
    }
}

/// The form of a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadConfig {
    /// Widths of the 3 × 3 convolutions, each behind the one before and enlarging the map by 2;
    /// none makes the linear probe.
    pub widths: Vec<usize>,
    /// Whether the norm on the features has a gain and an offset.
    pub affine: bool,
    /// ε of the norms.
    pub eps: f64,
}

impl HeadConfig {
    /// Batch norm and a 1 × 1 convolution: the linear probe of DINOv2 and DINOv3.
    pub fn linear() -> Self {
        Self {
            widths: vec![],
            affine: true,
            eps: 1e-5,
        }
    }

    /// Two convolutions, 128 and 64 wide, before the 1 × 1 convolution: maps of four times the
    /// grid's sides.
    pub fn decoder() -> Self {
        Self {
            widths: vec![128, 64],
            ..Self::linear()
        }
    }

    /// MAE's linear probe of classes: batch norm without gain and offset, ε = 1e-6.
    pub fn classifier() -> Self {
        Self {
            affine: false,
            eps: 1e-6,
            ..Self::linear()
        }
    }
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self::linear()
    }
}

/// Batch norm on the features, convolutions if any, and a 1 × 1 convolution.
#[derive(Module, Debug)]
pub struct Head<B: Backend> {
    /// On the features, channel by channel.
    pub norm: BatchNorm<B>,
    /// 3 × 3 convolutions; none in the linear probe.
    pub blocks: Vec<Block<B>>,
    /// The 1 × 1 convolution, `[channels, width]`.
    pub out: Linear<B>,
}

/// A 3 × 3 convolution, batch norm, ReLU, and bilinear enlargement by 2.
#[derive(Module, Debug)]
pub struct Block<B: Backend> {
    /// `[out, in, 3, 3]`
    pub weight: Param<Tensor<B, 4>>,
    /// On its result.
    pub norm: BatchNorm<B>,
}

impl<B: Backend> Head<B> {
    /// A head on features of `width` with `channels` maps. Weights of the 1 × 1 convolution are
    /// drawn with standard deviation 0.01, those of others with √(2/inputs); norms are neutral.
    pub fn init<R: Rng + ?Sized>(
        config: &HeadConfig,
        (width, channels): (usize, usize),
        rng: &mut R,
        device: &B::Device,
    ) -> Self {
        let mut before = width;
        let block = |after: &usize| {
            let from = std::mem::replace(&mut before, *after);
            Block {
                weight: unfilled([*after, from, 3, 3], device),
                norm: BatchNorm::unfilled(*after, true, config.eps, device),
            }
        };
        let blocks: Vec<Block<B>> = config.widths.iter().map(block).collect();
        let head = Self {
            norm: BatchNorm::unfilled(width, config.affine, config.eps, device),
            blocks,
            out: Linear::unfilled(before, channels, true, device),
        };
        let source = |path: &str, shape: &[usize]| {
            let count = shape.iter().product();
            let deviation = match shape {
                [_, inputs, rows, columns] => (2.0 / (inputs * rows * columns) as f64).sqrt(),
                [_, _] => 0.01,
                _ => {
                    let one = path.ends_with("running_var") || path.ends_with("weight");
                    let values = vec![f64::from(u8::from(one)); count];
                    return Ok::<_, Infallible>(TensorData::new(values, shape.to_vec()));
                }
            };
            let draw = |_| deviation * rng.sample::<f64, _>(StandardNormal);
            let values: Vec<f64> = (0..count).map(draw).collect();
            Ok(TensorData::new(values, shape.to_vec()))
        };
        match fill(head, source) {
            Ok(head) => head,
            Err(never) => match never {},
        }
    }

    /// Maps by the running statistics.
    ///
    /// # Shapes
    /// → `[batch, channels, rows, columns]`, rows and columns doubled by each block.
    ///
    /// # Panics
    /// If the tokens are not of the grid, or of another width than the head.
    pub fn forward(&self, tokens: Tokens<B>) -> Tensor<B, 4> {
        self.run(tokens, |norm, x| norm.forward(x))
    }

    /// Maps by the batch's own statistics, which come with them for [`follow`](Self::follow).
    ///
    /// # Shapes
    /// As [`forward`](Self::forward).
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_training(&self, tokens: Tokens<B>) -> (Tensor<B, 4>, Vec<Moments<B>>) {
        let mut seen = Vec::with_capacity(1 + self.blocks.len());
        let maps = self.run(tokens, |norm, x| {
            let (x, moments) = norm.forward_training(x);
            seen.push(moments);
            x
        });
        (maps, seen)
    }

    fn run(
        &self,
        tokens: Tokens<B>,
        mut normalise: impl FnMut(&BatchNorm<B>, Tensor<B, 2>) -> Tensor<B, 2>,
    ) -> Tensor<B, 4> {
        let Tokens { values, mut grid } = tokens;
        let [batch, count, width] = values.dims();
        assert_eq!(count, grid[0] * grid[1], "Head: tokens of a grid");
        let [expected] = self.norm.running_mean.dims();
        assert_eq!(width, expected, "Head: the features' width");
        let rows = widen(values).reshape([batch * count, width]);
        let mut rows = normalise(&self.norm, rows);
        for block in &self.blocks {
            let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
            let x = conv2d(
                to_maps(rows, batch, grid),
                block.weight.val(),
                None,
                options,
            );
            let rows_of = normalise(&block.norm, to_rows(x)).clamp_min(0.0);
            let enlarged = grid.map(|side| 2 * side);
            rows = to_rows(upsample(to_maps(rows_of, batch, grid), enlarged));
            grid = enlarged;
        }
        to_maps(self.out.forward(rows), batch, grid)
    }

    /// The running statistics moved towards those of a batch in training.
    #[must_use]
    pub fn follow(mut self, moments: &[Moments<B>]) -> Self {
        let mut moments = moments.iter();
        let mut towards = |norm: BatchNorm<B>| match moments.next() {
            Some(moments) => norm.follow(moments),
            None => norm,
        };
        self.norm = towards(self.norm);
        let blocks = self.blocks.into_iter();
        self.blocks = blocks
            .map(|Block { weight, norm }| Block {
                weight,
                norm: towards(norm),
            })
            .collect();
        self
    }
}

/// `[batch · rows · columns, channels] → [batch, channels, rows, columns]`
fn to_maps<B: Backend>(x: Tensor<B, 2>, batch: usize, [rows, columns]: [usize; 2]) -> Tensor<B, 4> {
    let [_, channels] = x.dims();
    x.reshape([batch, rows * columns, channels])
        .swap_dims(1, 2)
        .reshape([batch, channels, rows, columns])
}

/// `[batch, channels, rows, columns] → [batch · rows · columns, channels]`
fn to_rows<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 2> {
    let [batch, channels, rows, columns] = x.dims();
    x.reshape([batch, channels, rows * columns])
        .swap_dims(1, 2)
        .reshape([batch * rows * columns, channels])
}
