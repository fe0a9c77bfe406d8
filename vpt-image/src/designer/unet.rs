//! A U-Net with one convolution a level.

use super::config::DesignerError;
use super::convolution::{ConvBlock, GROUP, enlarge};
use super::init::initial;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend, module::conv2d, ops::ConvOptions};
use rand::Rng;
use serde::{Deserialize, Serialize};
use vpt_core::layers::unfilled;

/// The size of a [`UNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UNetConfig {
    /// Channels at full resolution; each level below has twice as many.
    pub base: usize,
    /// How often the resolution is halved.
    pub depth: usize,
}

impl Default for UNetConfig {
    /// The paper's (A.2): 16 channels, depth 3.
    fn default() -> Self {
        Self { base: 16, depth: 3 }
    }
}

impl UNetConfig {
    /// What the sides of a view must be multiples of.
    pub(super) fn check(&self) -> Result<usize, DesignerError> {
        let base = self.base;
        let holds = (1..=256).contains(&base) && base.is_multiple_of(GROUP);
        let wanted = format!("a multiple of {GROUP} up to 256");
        DesignerError::ensure(holds, "base", base as f64, wanted)?;
        let holds = self.depth <= 6;
        DesignerError::ensure(holds, "depth", self.depth as f64, "0 to 6")?;
        Ok(1 << self.depth)
    }
}

/// Down by strided convolutions, up by repetition, with the finer level's features beside.
#[derive(Module, Debug)]
pub struct UNet<B: Backend> {
    stem: ConvBlock<B>,
    down: Vec<Level<B>>,
    up: Vec<ConvBlock<B>>,
    head: Param<Tensor<B, 4>>,
    bias: Param<Tensor<B, 1>>,
}

/// Half the resolution, then a convolution there.
#[derive(Module, Debug)]
struct Level<B: Backend> {
    reduce: ConvBlock<B>,
    convolve: ConvBlock<B>,
}

impl<B: Backend> UNet<B> {
    /// With values drawn from `rng`, and masks near `keep` at first.
    ///
    /// # Panics
    /// If `config` is not [checked](super::Architecture::check), or `keep` is not in (0, 1).
    pub fn init<R: Rng + ?Sized>(
        config: UNetConfig,
        keep: f64,
        rng: &mut R,
        device: &B::Device,
    ) -> Self {
        let width = |level: usize| config.base << level;
        let block = |from, to, stride| ConvBlock::unfilled(from, to, stride, device);
        let skeleton = Self {
            stem: block(3, width(0), 1),
            down: (0..config.depth)
                .map(|level| Level {
                    reduce: block(width(level), width(level + 1), 2),
                    convolve: block(width(level + 1), width(level + 1), 1),
                })
                .collect(),
            up: (0..config.depth)
                .map(|level| block(width(level + 1) + width(level), width(level), 1))
                .collect(),
            head: unfilled([1, width(0), 1, 1], device),
            bias: unfilled([1], device),
        };
        initial(skeleton, keep, rng)
    }

    /// # Shapes
    /// `[masks, 3, h, w] → [masks, 1, h, w]`
    ///
    /// # Panics
    /// If a side is not a multiple of 2^depth.
    pub fn logits(&self, pixels: Tensor<B, 4>) -> Tensor<B, 4> {
        let [_, _, height, width] = pixels.dims();
        let multiple = 1 << self.down.len();
        assert!(
            height.is_multiple_of(multiple) && width.is_multiple_of(multiple),
            "UNet: {height} × {width} pixels, sides must be multiples of {multiple}"
        );
        let mut finer = Vec::with_capacity(self.down.len());
        let mut x = self.stem.forward(pixels);
        for level in &self.down {
            finer.push(x.clone());
            x = level.convolve.forward(level.reduce.forward(x));
        }
        for (block, beside) in self.up.iter().zip(finer).rev() {
            x = block.forward(Tensor::cat(vec![enlarge(x, 2), beside], 1));
        }
        let plain = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        conv2d(x, self.head.val(), Some(self.bias.val()), plain)
    }
}
