//! τ of DINO: the moving average of the student, and what it says.

use super::super::{CropBatch, Vision};
use super::{Centring, Dino, DinoHead, DinoLearner, DinoSettings, sinkhorn};
use crate::vit::{RopeDraw, Vit};
use burn::module::{Module, Param, ParamId};
use burn::tensor::activation::softmax;
use burn::tensor::{ElementConversion, Tensor, TensorData, backend::Backend};
use serde::{Deserialize, Serialize};
use vpt_core::layers::{float_options, widen};
use vpt_core::{NoParameters, Progress, TargetFn, follow_average};

/// T_t over a run: in equal parts from one value to another over so many steps, both ends
/// included, then constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemperatureWarmup {
    /// T_t of the first step, if there is a warm-up.
    pub from: f64,
    /// T_t from the last step of the warm-up on.
    pub to: f64,
    /// Steps of warm-up.
    pub steps: usize,
}

impl TemperatureWarmup {
    /// T_t of step `step`, counted from 0.
    pub fn at(&self, step: usize) -> f64 {
        if step + 1 >= self.steps {
            return self.to;
        }
        self.from + (self.to - self.from) * step as f64 / (self.steps - 1) as f64
    }
}

/// The teacher θ′, which starts as the student and never gets a gradient.
#[derive(Module, Debug)]
pub struct DinoTeacher<B: Backend> {
    /// f_θ′.
    pub backbone: Vit<B>,
    /// g_θ′.
    pub head: DinoHead<B>,
    /// c, the moving average of its logits. `[1, output]`
    pub centre: Param<Tensor<B, 2>>,
    /// T_t of the step to come. `[1]`
    pub temperature: Param<Tensor<B, 1>>,
}

/// What the teacher said of a micro-batch.
#[derive(Module, Debug)]
pub struct TeacherAnswer<B: Backend> {
    /// q, one row for each global crop. `[globals · images, output]`
    pub distributions: Tensor<B, 2>,
    /// Σ over those rows of its logits. `[1, output]`
    pub logit_sum: Tensor<B, 2>,
}

/// q = softmax((z − c) / T_t) of the teacher's logits z on the unmasked global crops, under
/// stop-gradient (eq. 7).
pub struct SelfDistillation {
    settings: DinoSettings,
}

impl SelfDistillation {
    /// With these settings.
    pub fn new(settings: DinoSettings) -> Self {
        Self { settings }
    }

    /// The teacher's distribution of these logits.
    ///
    /// # Shapes
    /// `logits`: `[rows, output]`; `centre`: `[1, output]`; `temperature`: `[1]`
    pub fn distributions<B: Backend>(
        &self,
        logits: Tensor<B, 2>,
        centre: Tensor<B, 2>,
        temperature: Tensor<B, 1>,
    ) -> Tensor<B, 2> {
        match self.settings.centring {
            Centring::Ema { .. } => softmax((logits - centre) / temperature.unsqueeze(), 1),
            Centring::Sinkhorn { iterations } => sinkhorn(logits, temperature, iterations),
        }
    }

    /// c after a step on whose micro-batches the teacher gave `answers`.
    ///
    /// # Shapes
    /// `[1, output] → [1, output]`
    pub fn recentred<B: Backend>(
        &self,
        centre: Tensor<B, 2>,
        answers: &[TeacherAnswer<B>],
    ) -> Tensor<B, 2> {
        let rows: usize = answers.iter().map(|a| a.distributions.dims()[0]).sum();
        let sums = answers.iter().map(|answer| answer.logit_sum.clone());
        match (self.settings.centring, sums.reduce(|sum, part| sum + part)) {
            (Centring::Ema { momentum }, Some(sum)) => {
                let step = sum.mul_scalar((1.0 - momentum) / rows as f64);
                centre.mul_scalar(momentum) + step
            }
            _ => centre,
        }
    }
}

impl TargetFn<Vision<Dino>> for SelfDistillation {
    type Designer<B: Backend> = NoParameters;
    type Teacher<B: Backend> = DinoTeacher<B>;
    type Reference<B: Backend> = TeacherAnswer<B>;

    fn teacher<B: Backend>(&self, learner: &DinoLearner<B>) -> DinoTeacher<B> {
        let device = learner.head.last_layer.weight_v.device();
        let temperature = TensorData::from([self.settings.teacher_temperature.at(0)]);
        let temperature = Tensor::from_data(temperature, float_options(&device));
        let centre = Tensor::zeros([1, learner.head.outputs()], float_options(&device));
        DinoTeacher {
            backbone: learner.backbone.clone(),
            head: learner.head.clone(),
            centre: Param::initialized(ParamId::new(), centre),
            temperature: Param::initialized(ParamId::new(), temperature),
        }
    }

    fn reference<B: Backend>(
        &self,
        teacher: &DinoTeacher<B>,
        _: Tensor<B, 2>,
        views: &CropBatch<B>,
    ) -> TeacherAnswer<B> {
        let pixels = views.global.pixels.clone();
        let features = teacher.backbone.forward(pixels, &RopeDraw::none());
        let logits = widen(teacher.head.forward(features.cls));
        TeacherAnswer {
            logit_sum: logits.clone().sum_dim(0),
            distributions: self.distributions(
                logits,
                teacher.centre.val(),
                teacher.temperature.val(),
            ),
        }
    }

    fn target<B: Backend>(
        &self,
        _: &NoParameters,
        _: &CropBatch<B>,
        answer: &TeacherAnswer<B>,
    ) -> Tensor<B, 2> {
        answer.distributions.clone()
    }

    fn unshaped_target<B: Backend>(
        &self,
        _: &CropBatch<B>,
        answer: &TeacherAnswer<B>,
    ) -> Tensor<B, 2> {
        answer.distributions.clone()
    }

    fn kept<B: Backend>(&self, answer: TeacherAnswer<B>) -> Option<TeacherAnswer<B>> {
        Some(answer)
    }

    fn follow<B: Backend>(
        &self,
        teacher: DinoTeacher<B>,
        learner: &DinoLearner<B>,
        kept: &[TeacherAnswer<B>],
        progress: Progress,
    ) -> DinoTeacher<B> {
        let momentum = self.settings.momentum.at(progress);
        let next = self.settings.teacher_temperature.at(progress.step + 1);
        DinoTeacher {
            backbone: follow_average(teacher.backbone, &learner.backbone, momentum),
            head: follow_average(teacher.head, &learner.head, momentum),
            centre: teacher.centre.map(|centre| self.recentred(centre, kept)),
            temperature: teacher
                .temperature
                .map(|old| old.ones_like().mul_scalar(next)),
        }
    }

    /// `teacher_entropy`: the mean entropy of q; `teacher_usage`: the entropy of the mean q of
    /// a micro-batch, both in nats. The first at ln(output) is a teacher that says nothing; the
    /// second at 0 one that says the same of every image.
    fn measures<B: Backend>(
        &self,
        q: &Tensor<B, 2>,
        views: &CropBatch<B>,
        _: &TeacherAnswer<B>,
    ) -> Vec<(&'static str, f64)> {
        let entropy = |q: Tensor<B, 2>| (q.clone() * q.add_scalar(1e-30).log()).sum_dim(1).neg();
        let host = |figure: Tensor<B, 2>| figure.mean().into_scalar().elem::<f64>();
        let share: f64 = views.weights.clone().sum().into_scalar().elem();
        vec![
            ("teacher_entropy", share * host(entropy(q.clone()))),
            (
                "teacher_usage",
                share * host(entropy(q.clone().mean_dim(0))),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::TemperatureWarmup;

    /// `np.linspace(0.04, 0.07, 4)`, then the end.
    #[test]
    fn the_temperature_reaches_its_end_at_the_last_step_of_warm_up() {
        let warmup = TemperatureWarmup {
            from: 0.04,
            to: 0.07,
            steps: 4,
        };
        for (step, expected) in [0.04, 0.05, 0.06, 0.07, 0.07].into_iter().enumerate() {
            assert!((warmup.at(step) - expected).abs() < 1e-12);
        }
        for steps in [0, 1] {
            assert_eq!(TemperatureWarmup { steps, ..warmup }.at(0), 0.07);
        }
    }
}
