//! DINO: a student predicts its own moving average, from other crops of the same image.

mod centring;
mod head;
mod loss;
mod teacher;

pub use centring::{Centring, sinkhorn};
pub use head::{DinoHead, DinoHeadConfig, Prototypes};
pub use loss::DinoLoss;
pub use teacher::{DinoTeacher, SelfDistillation, TeacherAnswer, TemperatureWarmup};

use super::{CropBatch, CropFeatures, Network, Vision};
use crate::vit::Vit;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use serde::{Deserialize, Serialize};
use vpt_core::{CosineRamp, Freeze, Objective, ParamSubset};

/// The student θ.
#[derive(Module, Debug)]
pub struct DinoLearner<B: Backend> {
    /// f_θ.
    pub backbone: Vit<B>,
    /// g_θ.
    pub head: DinoHead<B>,
}

impl<B: Backend> DinoLearner<B> {
    /// Keeps the head's last layer where it is for `steps` steps: DINO's first epoch.
    pub fn last_layer_freeze(&self, steps: usize) -> Freeze {
        Freeze {
            subset: ParamSubset::matching(self, |path| path.starts_with("head.last_layer.")),
            until: steps,
        }
    }
}

/// The class token of each crop through the head.
pub struct Dino;

impl Network for Dino {
    type Learner<B: Backend> = DinoLearner<B>;
    /// Logits. `[crops · images, output]`
    type Prediction<B: Backend> = Tensor<B, 2>;
    /// The teacher's distributions. `[globals · images, output]`
    type Target<B: Backend> = Tensor<B, 2>;

    fn backbone<B: Backend>(learner: &DinoLearner<B>) -> &Vit<B> {
        &learner.backbone
    }

    fn head<B: Backend>(
        learner: &DinoLearner<B>,
        features: CropFeatures<B>,
        _: &CropBatch<B>,
    ) -> Tensor<B, 2> {
        learner.head.forward(features.cls())
    }
}

/// What can be chosen; the default is the paper's (A.2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DinoSettings {
    /// T_s.
    pub student_temperature: f64,
    /// T_t.
    pub teacher_temperature: TemperatureWarmup,
    /// Of the teacher's moving average.
    pub momentum: CosineRamp,
    /// What keeps the teacher from saying the same of every image.
    pub centring: Centring,
}

impl Default for DinoSettings {
    fn default() -> Self {
        Self {
            student_temperature: 0.1,
            teacher_temperature: TemperatureWarmup {
                from: 0.04,
                to: 0.04,
                steps: 0,
            },
            momentum: CosineRamp {
                from: 0.996,
                to: 1.0,
            },
            centring: Centring::Ema { momentum: 0.9 },
        }
    }
}

/// DINO with the views of `A`.
pub type DinoTask<A> = Objective<Vision<Dino>, A, SelfDistillation, DinoLoss>;

/// DINO with these `views`.
///
/// # Panics
/// If a temperature is not above 0.
pub fn dino<A>(views: A, settings: DinoSettings) -> DinoTask<A> {
    let TemperatureWarmup { from, to, .. } = settings.teacher_temperature;
    let lowest = settings.student_temperature.min(from).min(to);
    assert!(lowest > 0.0, "DINO: a temperature of {lowest}");
    let loss = DinoLoss::new(settings.student_temperature);
    Objective::new(views, SelfDistillation::new(settings), loss)
}
