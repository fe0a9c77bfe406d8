//! ℓ of DINO.

use super::super::pairs::pair_loss;
use super::super::{CropBatch, Vision};
use super::{Dino, SelfDistillation};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::layers::widen;
use vpt_core::{Loss, PredictiveLoss};

/// −Σ_k q_ik log softmax(z_v / T_s)_k, over every crop v and every global crop i but itself. With
/// each crop paired the same number of times, the mean over pairs and images is L_pre.
pub struct DinoLoss {
    temperature: f64,
}

impl DinoLoss {
    /// With T_s.
    pub fn new(temperature: f64) -> Self {
        Self { temperature }
    }
}

impl PredictiveLoss<Vision<Dino>, SelfDistillation> for DinoLoss {
    /// An entry for each pair of crops and each image.
    ///
    /// # Shapes
    /// `logits`: `[crops · images, output]`; `target`: `[globals · images, output]`
    fn loss<B: Backend>(
        &self,
        logits: Tensor<B, 2>,
        target: &Tensor<B, 2>,
        views: &CropBatch<B>,
    ) -> Loss<B> {
        let log_p = log_softmax(widen(logits).div_scalar(self.temperature), 1);
        pair_loss(log_p, target, views, |log_p, q| {
            (log_p * q).sum_dim(1).neg().squeeze_dim(1)
        })
    }
}
