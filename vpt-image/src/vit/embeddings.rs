//! Pixels as tokens.

use super::config::VitConfig;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::layers::unfilled;

/// A linear map of each patch: a convolution whose stride is its size.
#[derive(Module, Debug)]
pub struct PatchEmbeddings<B: Backend> {
    /// `[hidden, 3, patch, patch]`
    pub weight: Param<Tensor<B, 4>>,
    /// `[hidden]`
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> PatchEmbeddings<B> {
    /// Patches row by row. It is a product of matrices, which can be differentiated any number of
    /// times, with respect to the pixels too.
    ///
    /// # Shapes
    /// `[batch, 3, height, width] → [batch, rows · columns, hidden]`
    fn forward(&self, pixels: Tensor<B, 4>, [rows, columns]: [usize; 2]) -> Tensor<B, 3> {
        let [batch, ..] = pixels.dims();
        let [hidden, channels, side, _] = self.weight.dims();
        let (height, width) = (rows * side, columns * side);
        let values = channels * side * side;
        let patches = pixels
            .slice([0..batch, 0..channels, 0..height, 0..width])
            .reshape([batch, channels, rows, side, columns, side])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch * rows * columns, values]);
        let weight = self.weight.val().reshape([hidden, values]);
        (patches.matmul(weight.transpose()) + self.bias.val().unsqueeze()).reshape([
            batch,
            rows * columns,
            hidden,
        ])
    }
}

/// The tokens that enter the first block: class token, registers, patches.
#[derive(Module, Debug)]
pub struct VitEmbeddings<B: Backend> {
    /// `[1, 1, hidden]`
    pub cls_token: Param<Tensor<B, 3>>,
    /// What stands for a patch that is hidden in the checkpoint's own pretraining; nothing here
    /// computes with it, and it is kept for other tools. `[1, 1, hidden]`
    pub mask_token: Param<Tensor<B, 3>>,
    /// `[1, registers, hidden]`, where there are any.
    pub register_tokens: Option<Param<Tensor<B, 3>>>,
    /// The patches' map.
    pub patch_embeddings: PatchEmbeddings<B>,
}

impl<B: Backend> VitEmbeddings<B> {
    pub(super) fn unfilled(config: &VitConfig, device: &B::Device) -> Self {
        let (hidden, side) = (config.hidden_size, config.patch_size);
        let tokens = |count| unfilled([1, count, hidden], device);
        let registers = config.num_register_tokens;
        Self {
            cls_token: tokens(1),
            mask_token: tokens(1),
            register_tokens: (registers > 0).then(|| tokens(registers)),
            patch_embeddings: PatchEmbeddings {
                weight: unfilled([hidden, 3, side, side], device),
                bias: unfilled([hidden], device),
            },
        }
    }

    /// # Shapes
    /// `[batch, 3, height, width] → [batch, 1 + registers + patches, hidden]`
    pub(super) fn forward(&self, pixels: Tensor<B, 4>, grid: [usize; 2]) -> Tensor<B, 3> {
        let [batch, ..] = pixels.dims();
        let each = |token: &Param<Tensor<B, 3>>| {
            let [_, count, hidden] = token.dims();
            token.val().expand([batch, count, hidden])
        };
        let registers = self.register_tokens.as_ref().map(each);
        let patches = self.patch_embeddings.forward(pixels, grid);
        let tokens = [Some(each(&self.cls_token)), registers, Some(patches)];
        Tensor::cat(tokens.into_iter().flatten().collect(), 1)
    }
}
