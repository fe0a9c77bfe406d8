//! Features of a backbone, with and without a tape.

use crate::images::Planes;
use crate::objective::{DinoLearner, LatentLearner, ReconstructionLearner};
use crate::vit::{Features, RopeDraw, Vit};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use vpt_core::layers::float_options;

/// A learner with a backbone in it. Projection heads and predictors are no business of an
/// evaluator.
pub trait HasBackbone<B: Backend> {
    /// The backbone.
    fn backbone(&self) -> &Vit<B>;
}

impl<B: Backend> HasBackbone<B> for Vit<B> {
    fn backbone(&self) -> &Vit<B> {
        self
    }
}

impl<B: Backend> HasBackbone<B> for DinoLearner<B> {
    fn backbone(&self) -> &Vit<B> {
        &self.backbone
    }
}

impl<B: Backend> HasBackbone<B> for LatentLearner<B> {
    fn backbone(&self) -> &Vit<B> {
        &self.backbone
    }
}

impl<B: Backend> HasBackbone<B> for ReconstructionLearner<B> {
    fn backbone(&self) -> &Vit<B> {
        &self.backbone
    }
}

/// Features as at evaluation: positions are not drawn.
pub(super) fn features<B: Backend>(backbone: &Vit<B>, pixels: Tensor<B, 4>) -> Features<B> {
    backbone.forward(pixels, &RopeDraw::none())
}

/// A batch of images of one size. `[batch, 3, height, width]`
///
/// # Panics
/// If there are none, or of several sizes.
pub(super) fn stacked<B: Backend>(images: &[&Planes], device: &B::Device) -> Tensor<B, 4> {
    let [channels, height, width] = images[0].shape();
    let same = images
        .iter()
        .all(|image| image.shape() == images[0].shape());
    assert!(same, "images of one size");
    let values = images.iter().flat_map(|image| image.values());
    let values: Vec<f32> = values.copied().collect();
    let shape = [images.len(), channels, height, width];
    Tensor::from_data(TensorData::new(values, shape), float_options(device))
}
