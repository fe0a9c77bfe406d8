//! Latent regression: a predictor of the projection that a moving average gives to another crop
//! (eq. 7 with a cosine loss).

use super::layers::{Mlp, unit};
use super::pairs::pair_loss;
use super::{CropBatch, CropFeatures, Network, Vision};
use crate::vit::{RopeDraw, Vit};
use burn::module::Module;
use burn::tensor::{ElementConversion, Tensor, backend::Backend};
use rand::Rng;
use serde::{Deserialize, Serialize};
use vpt_core::layers::widen;
use vpt_core::{
    CosineRamp, Loss, NoParameters, Objective, PredictiveLoss, Progress, TargetFn, follow_average,
};

/// θ.
#[derive(Module, Debug)]
pub struct LatentLearner<B: Backend> {
    /// f_θ.
    pub backbone: Vit<B>,
    /// What the teacher has too.
    pub projector: Mlp<B>,
    /// What it has not: without it the two would agree on a constant.
    pub predictor: Mlp<B>,
}

impl<B: Backend> LatentLearner<B> {
    /// Fresh heads on `backbone`, of `[hidden, latent]` units.
    pub fn init<R: Rng + ?Sized>(
        backbone: Vit<B>,
        [hidden, latent]: [usize; 2],
        batch_norm: bool,
        rng: &mut R,
    ) -> Self {
        let (width, device) = (backbone.config().hidden_size, backbone.device());
        Self {
            projector: Mlp::init([width, hidden, latent], batch_norm, rng, &device),
            predictor: Mlp::init([latent, hidden, latent], batch_norm, rng, &device),
            backbone,
        }
    }
}

/// The class token of each crop through projector and predictor.
pub struct Latent;

impl Network for Latent {
    type Learner<B: Backend> = LatentLearner<B>;
    /// `[crops · images, latent]`
    type Prediction<B: Backend> = Tensor<B, 2>;
    /// Of length 1 each. `[globals · images, latent]`
    type Target<B: Backend> = Tensor<B, 2>;

    fn backbone<B: Backend>(learner: &LatentLearner<B>) -> &Vit<B> {
        &learner.backbone
    }

    fn head<B: Backend>(
        learner: &LatentLearner<B>,
        features: CropFeatures<B>,
        _: &CropBatch<B>,
    ) -> Tensor<B, 2> {
        let projected = learner.projector.forward(features.cls());
        learner.predictor.forward(projected)
    }
}

/// θ′: starts as the learner's own parts.
#[derive(Module, Debug)]
pub struct LatentTeacher<B: Backend> {
    /// f_θ′.
    pub backbone: Vit<B>,
    /// On top of it.
    pub projector: Mlp<B>,
}

/// What the teacher makes of a micro-batch.
#[derive(Module, Debug)]
pub struct LatentAnswer<B: Backend> {
    /// Of length 1 each. `[globals · images, latent]`
    pub latents: Tensor<B, 2>,
}

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatentSettings {
    /// Of the teacher's moving average.
    pub momentum: CosineRamp,
}

impl Default for LatentSettings {
    fn default() -> Self {
        Self {
            momentum: CosineRamp {
                from: 0.996,
                to: 1.0,
            },
        }
    }
}

/// τ = sg(f_θ′(x_t)), on the unmasked global crops (eq. 7).
pub struct LatentTarget {
    settings: LatentSettings,
}

impl LatentTarget {
    /// With these settings.
    pub fn new(settings: LatentSettings) -> Self {
        Self { settings }
    }
}

impl TargetFn<Vision<Latent>> for LatentTarget {
    type Designer<B: Backend> = NoParameters;
    type Teacher<B: Backend> = LatentTeacher<B>;
    type Reference<B: Backend> = LatentAnswer<B>;

    fn teacher<B: Backend>(&self, learner: &LatentLearner<B>) -> LatentTeacher<B> {
        LatentTeacher {
            backbone: learner.backbone.clone(),
            projector: learner.projector.clone(),
        }
    }

    fn reference<B: Backend>(
        &self,
        teacher: &LatentTeacher<B>,
        _: Tensor<B, 2>,
        views: &CropBatch<B>,
    ) -> LatentAnswer<B> {
        let pixels = views.global.pixels.clone();
        let features = teacher.backbone.forward(pixels, &RopeDraw::none());
        let latents = widen(teacher.projector.forward(features.cls));
        LatentAnswer {
            latents: unit(latents),
        }
    }

    fn target<B: Backend>(
        &self,
        _: &NoParameters,
        _: &CropBatch<B>,
        answer: &LatentAnswer<B>,
    ) -> Tensor<B, 2> {
        answer.latents.clone()
    }

    fn unshaped_target<B: Backend>(
        &self,
        _: &CropBatch<B>,
        answer: &LatentAnswer<B>,
    ) -> Tensor<B, 2> {
        answer.latents.clone()
    }

    fn follow<B: Backend>(
        &self,
        teacher: LatentTeacher<B>,
        learner: &LatentLearner<B>,
        _: &[LatentAnswer<B>],
        progress: Progress,
    ) -> LatentTeacher<B> {
        let momentum = self.settings.momentum.at(progress);
        LatentTeacher {
            backbone: follow_average(teacher.backbone, &learner.backbone, momentum),
            projector: follow_average(teacher.projector, &learner.projector, momentum),
        }
    }

    /// `teacher_spread`: 1 − ‖mean latent‖² of a micro-batch, which is 0 when the teacher says the
    /// same of every image.
    fn measures<B: Backend>(
        &self,
        latents: &Tensor<B, 2>,
        views: &CropBatch<B>,
        _: &LatentAnswer<B>,
    ) -> Vec<(&'static str, f64)> {
        let mean = latents.clone().mean_dim(0);
        let length: f64 = (mean.clone() * mean).sum().into_scalar().elem();
        let share: f64 = views.weights.clone().sum().into_scalar().elem();
        vec![("teacher_spread", share * (1.0 - length))]
    }
}

/// 1 − cos(ŷ_v, y_i), over every crop v and every global crop i but itself.
pub struct CosineDistance;

impl PredictiveLoss<Vision<Latent>, LatentTarget> for CosineDistance {
    /// An entry for each pair of crops and each image.
    ///
    /// # Shapes
    /// `prediction`: `[crops · images, latent]`; `target`: `[globals · images, latent]`
    fn loss<B: Backend>(
        &self,
        prediction: Tensor<B, 2>,
        target: &Tensor<B, 2>,
        views: &CropBatch<B>,
    ) -> Loss<B> {
        pair_loss(unit(widen(prediction)), target, views, |y, t| {
            (y * t).sum_dim(1).neg().add_scalar(1.0).squeeze_dim(1)
        })
    }
}

/// Latent regression with the views of `A`.
pub type LatentTask<A> = Objective<Vision<Latent>, A, LatentTarget, CosineDistance>;

/// Latent regression with these `views`.
pub fn latent<A>(views: A, settings: LatentSettings) -> LatentTask<A> {
    Objective::new(views, LatentTarget::new(settings), CosineDistance)
}
