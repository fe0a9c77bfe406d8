//! Masks as a view generator A_φ.

use super::MaskDesigner;
use super::config::MaskedCrops;
use super::mask::{MaskPenalty, kept_share, total_variation};
use crate::objective::{CropBatch, Crops, Network, Vision};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::ViewGenerator;

/// x_c = x ⊙ m_φ(x) (A.2). The learner's step takes φ as a constant, the value step differentiates
/// in it. Until burn-in is over there are no masks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnedMasks {
    /// Which crops carry one.
    pub on: MaskedCrops,
    /// R(φ).
    pub penalty: MaskPenalty,
    /// Keep crops without a mask in the value step as well. They change nothing of ∇_φ V and cost
    /// their share of it; a head with batch norm needs them, since there every crop changes the
    /// others' predictions.
    pub whole_value_step: bool,
}

/// The groups of crops that carry a mask, with the weight of each of their masks: over a step
/// the weights sum to 1. `[masks]`
fn masks<B: Backend>(views: &CropBatch<B>) -> Vec<(&Tensor<B, 4>, Tensor<B, 1>)> {
    let groups = [Some(&views.global), views.local.as_ref()];
    let masks = groups.into_iter().flatten();
    let masks: Vec<_> = masks.filter_map(|crops| crops.mask.as_ref()).collect();
    let crops = |mask: &Tensor<B, 4>| mask.dims()[0] / views.images();
    let each: usize = masks.iter().map(|mask| crops(mask)).sum();
    let share = |mask| {
        let share = views.weights.clone().div_scalar(each as f64);
        (mask, Tensor::cat(vec![share; crops(mask)], 0))
    };
    masks.into_iter().map(share).collect()
}

/// `mask_kept` and `mask_tv`: the mean of the masks of a micro-batch, whoever made them, and their
/// total variation, weighted so that they add up over a step; nothing where there are none.
pub fn mask_measures<B: Backend>(views: &CropBatch<B>) -> Vec<(&'static str, f64)> {
    let parts = masks(views).into_iter();
    let parts = parts.map(|(mask, weights)| {
        let kept = (kept_share(mask) * weights.clone()).sum();
        Tensor::cat(vec![kept, (total_variation(mask) * weights).sum()], 0)
    });
    let Some(figures) = parts.reduce(|sum, part| sum + part) else {
        return vec![];
    };
    let figures = figures.into_data();
    ["mask_kept", "mask_tv"]
        .into_iter()
        .zip(figures.iter::<f64>())
        .collect()
}

impl<N: Network> ViewGenerator<Vision<N>> for LearnedMasks {
    type Designer<B: Backend> = MaskDesigner<B>;

    fn views<B: Backend>(&self, designer: &MaskDesigner<B>, batch: &CropBatch<B>) -> CropBatch<B> {
        let mask = |crops: Crops<B>| {
            let mask = designer.mask(crops.pixels.clone());
            crops.masked(mask)
        };
        let CropBatch { global, local, .. } = batch.clone().unmasked();
        CropBatch {
            global: mask(global),
            local: match self.on {
                MaskedCrops::Global => local,
                MaskedCrops::All => local.map(mask),
            },
            ..batch.clone()
        }
    }

    fn unshaped_views<B: Backend>(&self, batch: &CropBatch<B>) -> CropBatch<B> {
        batch.clone().unmasked()
    }

    fn shaped_part<B: Backend>(&self, batch: &CropBatch<B>) -> CropBatch<B> {
        match self.on {
            // One global crop has only local ones to be compared with.
            MaskedCrops::Global if !self.whole_value_step && batch.globals() > 1 => {
                batch.clone().without_local()
            }
            _ => batch.clone(),
        }
    }

    /// R(φ), the mean over all masks of the step.
    fn regulariser<B: Backend>(&self, views: &CropBatch<B>) -> Option<Tensor<B, 1>> {
        let parts = masks(views).into_iter();
        let parts = parts.map(|(mask, weights)| (self.penalty.of_each(mask) * weights).sum());
        parts.reduce(|sum, part| sum + part)
    }

    /// See [`mask_measures`].
    fn measures<B: Backend>(&self, views: &CropBatch<B>) -> Vec<(&'static str, f64)> {
        mask_measures(views)
    }
}
