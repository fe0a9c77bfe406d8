//! A transformer over patches with one logit each, built as the blocks of SiT without their
//! conditioning: there is no time and no class here.

use super::config::DesignerError;
use super::convolution::enlarge;
use super::init::initial;
use burn::module::Module;
use burn::tensor::{Tensor, TensorData, activation::softmax, backend::Backend};
use rand::Rng;
use serde::{Deserialize, Serialize};
use vpt_core::layers::{LayerNorm, Linear, gelu, narrow, widen};

/// The size of a [`Sit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SitConfig {
    /// The side of a patch in pixels.
    pub patch: usize,
    /// Features of a token.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads of attention.
    pub heads: usize,
}

impl Default for SitConfig {
    fn default() -> Self {
        Self {
            patch: 16,
            width: 128,
            layers: 4,
            heads: 4,
        }
    }
}

impl SitConfig {
    /// What the sides of a view must be multiples of.
    pub(super) fn check(&self) -> Result<usize, DesignerError> {
        let &Self {
            patch,
            width,
            layers,
            heads,
        } = self;
        let in_range = |value: usize, most: usize| (1..=most).contains(&value);
        let ensure = DesignerError::ensure;
        ensure(in_range(patch, 256), "patch", patch as f64, "1 to 256")?;
        ensure(in_range(layers, 64), "layers", layers as f64, "1 to 64")?;
        ensure(in_range(heads, 64), "heads", heads as f64, "1 to 64")?;
        let holds = in_range(width, 8192) && width.is_multiple_of(4) && width.is_multiple_of(heads);
        let wanted = format!("a multiple of 4 and of {heads} heads up to 8192");
        ensure(holds, "width", width as f64, &wanted)?;
        Ok(patch)
    }
}

/// Patches → blocks → one logit a patch.
#[derive(Module, Debug)]
pub struct Sit<B: Backend> {
    embed: Linear<B>,
    blocks: Vec<Block<B>>,
    norm: LayerNorm<B>,
    head: Linear<B>,
    patch: usize,
}

/// x + attention(norm(x)), then x + MLP(norm(x)).
#[derive(Module, Debug)]
struct Block<B: Backend> {
    norm1: LayerNorm<B>,
    qkv: Linear<B>,
    proj: Linear<B>,
    norm2: LayerNorm<B>,
    up: Linear<B>,
    down: Linear<B>,
    heads: usize,
}

const EPS: f64 = 1e-6;

impl<B: Backend> Sit<B> {
    /// With values drawn from `rng`, and masks near `keep` at first.
    ///
    /// # Panics
    /// If `config` is not [checked](super::Architecture::check), or `keep` is not in (0, 1).
    pub fn init<R: Rng + ?Sized>(
        config: SitConfig,
        keep: f64,
        rng: &mut R,
        device: &B::Device,
    ) -> Self {
        let SitConfig { patch, width, .. } = config;
        let linear = |from, to| Linear::unfilled(from, to, true, device);
        let norm = || LayerNorm::unfilled(width, EPS, device);
        let skeleton = Self {
            embed: linear(3 * patch * patch, width),
            blocks: (0..config.layers)
                .map(|_| Block {
                    norm1: norm(),
                    qkv: linear(width, 3 * width),
                    proj: linear(width, width),
                    norm2: norm(),
                    up: linear(width, 4 * width),
                    down: linear(4 * width, width),
                    heads: config.heads,
                })
                .collect(),
            norm: norm(),
            head: linear(width, 1),
            patch,
        };
        initial(skeleton, keep, rng)
    }

    /// # Shapes
    /// `[masks, 3, h, w] → [masks, 1, h, w]`, constant over each patch.
    ///
    /// # Panics
    /// If a side is not a multiple of the patch.
    pub fn logits(&self, pixels: Tensor<B, 4>) -> Tensor<B, 4> {
        let [n, channels, height, width] = pixels.dims();
        let patch = self.patch;
        assert!(
            height.is_multiple_of(patch) && width.is_multiple_of(patch),
            "Sit: {height} × {width} pixels, sides must be multiples of {patch}"
        );
        let [rows, columns] = [height / patch, width / patch];
        let patches = pixels
            .reshape([n, channels, rows, patch, columns, patch])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([n, rows * columns, channels * patch * patch]);
        let x = self.embed.forward(patches);
        let [_, _, features] = x.dims();
        let places = TensorData::new(places(rows, columns, features), [rows * columns, features]);
        let places = Tensor::<B, 2>::from_data(places, (&x.device(), x.dtype()));
        let mut x = x + places.unsqueeze();
        for block in &self.blocks {
            x = block.forward(x);
        }
        let logits = self.head.forward(self.norm.forward(x));
        enlarge(logits.reshape([n, 1, rows, columns]), patch)
    }
}

impl<B: Backend> Block<B> {
    /// `[n, tokens, width] → [n, tokens, width]`
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let x = x.clone() + self.attend(self.norm1.forward(x));
        let hidden = gelu(self.up.forward(self.norm2.forward(x.clone())));
        x + self.down.forward(hidden)
    }

    fn attend(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let [n, tokens, width] = x.dims();
        let dtype = x.dtype();
        let head = width / self.heads;
        let qkv = self.qkv.forward(x);
        let part = |index: usize| -> Tensor<B, 4> {
            qkv.clone()
                .narrow(2, index * width, width)
                .reshape([n, tokens, self.heads, head])
                .swap_dims(1, 2)
        };
        let scores = part(0).matmul(part(1).transpose());
        let scores = widen(scores).div_scalar((head as f64).sqrt());
        let mixed = narrow(softmax(scores, 3), dtype).matmul(part(2));
        self.proj
            .forward(mixed.swap_dims(1, 2).reshape([n, tokens, width]))
    }
}

/// Where each patch is, as sines and cosines of row and column with wavelengths from 2π to
/// 2π · 10,000 patches. `[rows · columns, features]`
fn places(rows: usize, columns: usize, features: usize) -> Vec<f64> {
    let quarter = features / 4;
    let waves = move |at: usize| {
        let angle = move |k| at as f64 / 10_000f64.powf(k as f64 / quarter as f64);
        let sines = (0..quarter).map(move |k| angle(k).sin());
        sines.chain((0..quarter).map(move |k| angle(k).cos()))
    };
    let patches = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    patches
        .flat_map(|(row, column)| waves(row).chain(waves(column)))
        .collect()
}
