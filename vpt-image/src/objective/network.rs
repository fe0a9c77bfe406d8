//! The modality: a backbone over crops, and whatever a task puts on top of it.

use super::{CropBatch, Crops};
use crate::vit::{Features, Vit};
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use std::marker::PhantomData;
use vpt_core::{Freeze, Modality, NoParameters, ParamSubset, ViewGenerator};

/// A learner that is a backbone with heads: g_θ on f_θ. Its module holds the backbone in the field
/// `backbone`, so that paths there begin with `backbone.`.
pub trait Network: Send + Sync + 'static {
    /// f_θ and g_θ.
    type Learner<B: Backend>: Module<B>;
    /// ŷ.
    type Prediction<B: Backend>: Module<B>;
    /// y.
    type Target<B: Backend>: Module<B>;

    /// f_θ.
    fn backbone<B: Backend>(learner: &Self::Learner<B>) -> &Vit<B>;

    /// ŷ = g_θ(f_θ(x_c), m) (eq. 2). Of `views` it may read masks, not pixels.
    fn head<B: Backend>(
        learner: &Self::Learner<B>,
        features: CropFeatures<B>,
        views: &CropBatch<B>,
    ) -> Self::Prediction<B>;
}

/// f_θ of every crop, group by group.
#[derive(Clone, Debug)]
pub struct CropFeatures<B: Backend> {
    /// Of the global crops.
    pub global: Features<B>,
    /// Of the local ones.
    pub local: Option<Features<B>>,
}

impl<B: Backend> CropFeatures<B> {
    /// The class tokens, global crops first. `[crops · images, hidden]`
    pub fn cls(&self) -> Tensor<B, 2> {
        match &self.local {
            Some(local) => Tensor::cat(vec![self.global.cls.clone(), local.cls.clone()], 0),
            None => self.global.cls.clone(),
        }
    }
}

/// Crops seen by a [`Network`].
pub struct Vision<N>(PhantomData<fn() -> N>);

impl<N: Network> Modality for Vision<N> {
    type Learner<B: Backend> = N::Learner<B>;
    type Batch<B: Backend> = CropBatch<B>;
    type Views<B: Backend> = CropBatch<B>;
    type Prediction<B: Backend> = N::Prediction<B>;
    type Target<B: Backend> = N::Target<B>;

    fn predict<B: Backend>(learner: &N::Learner<B>, views: &CropBatch<B>) -> N::Prediction<B> {
        let backbone = N::backbone(learner);
        let see = |crops: &Crops<B>| backbone.forward(crops.shown(), &crops.rope);
        let features = CropFeatures {
            global: see(&views.global),
            local: views.local.as_ref().map(see),
        };
        N::head(learner, features, views)
    }
}

/// No masks: plain continuation.
pub struct Whole;

impl<N: Network> ViewGenerator<Vision<N>> for Whole {
    type Designer<B: Backend> = NoParameters;

    fn views<B: Backend>(&self, _: &NoParameters, batch: &CropBatch<B>) -> CropBatch<B> {
        batch.clone().unmasked()
    }

    fn unshaped_views<B: Backend>(&self, batch: &CropBatch<B>) -> CropBatch<B> {
        batch.clone().unmasked()
    }
}

/// The masks that were drawn on the host and lie in the batch.
pub struct Drawn;

impl<N: Network> ViewGenerator<Vision<N>> for Drawn {
    type Designer<B: Backend> = NoParameters;

    fn views<B: Backend>(&self, _: &NoParameters, batch: &CropBatch<B>) -> CropBatch<B> {
        batch.clone()
    }

    fn unshaped_views<B: Backend>(&self, batch: &CropBatch<B>) -> CropBatch<B> {
        batch.clone()
    }
}

/// Keeps the backbone of `learner` where it is for `steps` steps, while its fresh head settles.
pub fn head_burn_in<B: Backend, M: Module<B>>(learner: &M, steps: usize) -> Freeze {
    Freeze {
        subset: ParamSubset::matching(learner, |path| path.starts_with("backbone.")),
        until: steps,
    }
}
