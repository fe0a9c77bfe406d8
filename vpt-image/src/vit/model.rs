//! The vision transformer itself.

use super::block::VitBlock;
use super::config::VitConfig;
use super::embeddings::VitEmbeddings;
use super::rope::{RopeDraw, Rotation};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::Rng;
use rand_distr::StandardNormal;
use vpt_core::layers::{LayerNorm, fill};
use vpt_core::pretrained::ConfigError;

/// DINOv3's vision transformer: the learner θ of §3.4.
///
/// A parameter's dotted path is its checkpoint key.
#[derive(Module, Debug)]
pub struct Vit<B: Backend> {
    /// Pixels as tokens.
    pub embeddings: VitEmbeddings<B>,
    /// The blocks, lowest first.
    pub layer: Vec<VitBlock<B>>,
    /// The final norm.
    pub norm: LayerNorm<B>,
    #[module(skip)]
    config: VitConfig,
}

/// What a [`Vit`] makes of images, after the final norm.
#[derive(Clone, Debug)]
pub struct Features<B: Backend> {
    /// The class tokens, `[batch, hidden]`; Transformers' `pooler_output`.
    pub cls: Tensor<B, 2>,
    /// The registers, `[batch, registers, hidden]`.
    pub registers: Tensor<B, 3>,
    /// The patches row by row, `[batch, rows · columns, hidden]`.
    pub patches: Tensor<B, 3>,
    /// Rows and columns of patches.
    pub grid: [usize; 2],
}

/// The block that a dotted parameter path lies in: `layer.3.mlp.up_proj.weight` is in block 3, the
/// embeddings and the final norm in none.
pub fn layer_index(path: &str) -> Option<usize> {
    let (index, _) = path.strip_prefix("layer.")?.split_once('.')?;
    index.parse().ok()
}

impl<B: Backend> Vit<B> {
    /// The structure without values: parameters allocate when they are filled.
    pub(super) fn unfilled(config: VitConfig, device: &B::Device) -> Self {
        let blocks = 0..config.num_hidden_layers;
        Self {
            embeddings: VitEmbeddings::unfilled(&config, device),
            layer: blocks
                .map(|_| VitBlock::unfilled(&config, device))
                .collect(),
            norm: LayerNorm::unfilled(config.hidden_size, config.layer_norm_eps, device),
            config,
        }
    }

    /// A fresh one, as Transformers begins: weights, class token and registers are normal with
    /// standard deviation `initializer_range`, layer scales `layerscale_value`, norms one, biases
    /// and the mask token zero.
    ///
    /// Every weight is drawn on the host from `rng`, in module order: the same generator gives
    /// the same model on every backend, up to the rounding of its element type.
    ///
    /// # Errors
    /// [`ConfigError`] if the sizes do not fit together.
    pub fn init<R: Rng + ?Sized>(
        config: &VitConfig,
        rng: &mut R,
        device: &B::Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        fill(Self::unfilled(config.clone(), device), |path, shape| {
            let count = shape.iter().product();
            let values = match path.rsplit('.').next() {
                Some("bias" | "mask_token") => vec![0.0; count],
                Some("lambda1") => vec![config.layerscale_value; count],
                _ if is_norm(path) => vec![1.0; count],
                _ => (0..count)
                    .map(|_| config.initializer_range * rng.sample::<f64, _>(StandardNormal))
                    .collect(),
            };
            Ok(TensorData::new(values, shape.to_vec()))
        })
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    /// Where its parameters are.
    pub fn device(&self) -> B::Device {
        self.norm.weight.device()
    }

    /// The tokens entering block `upto`: the embeddings and the blocks below it. They can be
    /// computed once and kept while everything below `upto` is frozen.
    ///
    /// # Shapes
    /// `[batch, 3, height, width] → [batch, 1 + registers + patches, hidden]`
    ///
    /// # Panics
    /// If the images are smaller than a patch or have other than three channels, or there are
    /// fewer than `upto` blocks.
    pub fn below(&self, pixels: Tensor<B, 4>, rope: &RopeDraw, upto: usize) -> Tensor<B, 3> {
        let grid = self.grid(&pixels);
        let tokens = self.embeddings.forward(pixels, grid);
        self.run(&self.layer[..upto], tokens, grid, rope)
    }

    /// The rest of [`forward`](Self::forward) after [`below`](Self::below): blocks `from` on and
    /// the final norm.
    ///
    /// # Shapes
    /// `[batch, 1 + registers + patches, hidden]`, with `grid` the rows and columns of patches
    ///
    /// # Panics
    /// If the tokens are not those of `grid`, or there are fewer than `from` blocks.
    pub fn above(
        &self,
        tokens: Tensor<B, 3>,
        grid: [usize; 2],
        rope: &RopeDraw,
        from: usize,
    ) -> Features<B> {
        let tokens = self.run(&self.layer[from..], tokens, grid, rope);
        self.features(self.norm.forward(tokens), grid)
    }

    /// # Shapes
    /// `[batch, 3, height, width]`; what is over beyond whole patches is not looked at
    ///
    /// # Panics
    /// If the images are smaller than a patch or have other than three channels.
    pub fn forward(&self, pixels: Tensor<B, 4>, rope: &RopeDraw) -> Features<B> {
        let grid = self.grid(&pixels);
        let tokens = self.below(pixels, rope, 0);
        self.above(tokens, grid, rope, 0)
    }

    /// The tokens entering each block and those leaving the last, before the final norm, as
    /// Transformers' `hidden_states`.
    ///
    /// # Shapes
    /// `[batch, 3, height, width] →` layers + 1 of `[batch, 1 + registers + patches, hidden]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn hidden_states(&self, pixels: Tensor<B, 4>, rope: &RopeDraw) -> Vec<Tensor<B, 3>> {
        let grid = self.grid(&pixels);
        let mut states = vec![self.below(pixels, rope, 0)];
        for block in &self.layer {
            let last = states[states.len() - 1].clone();
            states.push(self.run(std::slice::from_ref(block), last, grid, rope));
        }
        states
    }

    /// `tokens` after the final norm, taken apart.
    ///
    /// # Shapes
    /// `[batch, 1 + registers + patches, hidden]`
    fn features(&self, tokens: Tensor<B, 3>, grid: [usize; 2]) -> Features<B> {
        let [batch, count, hidden] = tokens.dims();
        let prefix = self.config.prefix_tokens();
        let part = |from: usize, to: usize| tokens.clone().slice([0..batch, from..to, 0..hidden]);
        Features {
            cls: part(0, 1).reshape([batch, hidden]),
            registers: part(1, prefix),
            patches: part(prefix, count),
            grid,
        }
    }

    fn run(
        &self,
        blocks: &[VitBlock<B>],
        tokens: Tensor<B, 3>,
        grid: [usize; 2],
        rope: &RopeDraw,
    ) -> Tensor<B, 3> {
        let [_, count, _] = tokens.dims();
        let expected = self.config.prefix_tokens() + grid[0] * grid[1];
        assert_eq!(count, expected, "Vit: tokens of a grid of {grid:?}");
        if blocks.is_empty() {
            return tokens;
        }
        let rotation = Rotation::new(&self.config, grid, rope, &tokens);
        blocks
            .iter()
            .fold(tokens, |x, block| block.forward(x, &rotation))
    }

    fn grid(&self, pixels: &Tensor<B, 4>) -> [usize; 2] {
        let [_, channels, height, width] = pixels.dims();
        assert_eq!(channels, 3, "Vit: channels of the images");
        let grid = self.config.grid(height, width);
        assert!(
            !grid.contains(&0),
            "Vit: images of {height}x{width} are smaller than a patch"
        );
        grid
    }
}

/// Whether `path` is a norm's gain.
fn is_norm(path: &str) -> bool {
    let module = path.strip_suffix(".weight").unwrap_or_default();
    let name = module.rsplit('.').next().unwrap_or_default();
    name.starts_with("norm")
}
