//! Segmentation and depth as what steers a designer, and what probes look at.

use super::RunError;
use super::labels::{Asked, Labels, Use};
use super::trainer::VisionTask;
use crate::config::{Method, RunConfig};
use crate::evaluate::{FeedbackConfig, FitConfig, HasBackbone, HeadFeedback, Question};
use crate::random::{Purpose, generator};
use crate::vit::Vit;
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{
    CoreError, Downstream, Evaluator, Feedback, Negated, RandomDirection, Stateful, StepProbe,
    from_state,
};

/// Feedback of any kind.
pub(super) type AnyFeedback<T, I> = Box<dyn Feedback<T, I>>;

/// g_down = α_seg g_seg + α_depth g_depth (A.8), or what a method puts in its place.
pub(super) fn feedback<T: VisionTask<I>, I: Backend>(
    config: &RunConfig,
    labels: &Labels,
    backbone: &Vit<I>,
) -> Result<AnyFeedback<T, I>, RunError> {
    let truth = match config.method.needs_feedback() {
        true => downstream(config, labels, backbone)?,
        false => Downstream::none(),
    };
    Ok(match config.method {
        Method::Random => {
            let draws = generator(config.seed, Purpose::Direction, 0, 0);
            Box::new(RandomDirection::new(truth, draws))
        }
        Method::Negated => Box::new(Negated(truth)),
        Method::Baseline | Method::Value | Method::RandomMasks => Box::new(truth),
    })
}

fn downstream<T: VisionTask<I>, I: Backend>(
    config: &RunConfig,
    labels: &Labels,
    backbone: &Vit<I>,
) -> Result<Downstream<T, I>, RunError> {
    let value = &config.value;
    let mut sum = Downstream::none();
    if let Some(asked) = labels
        .segmentation
        .as_ref()
        .filter(|_| value.alpha_seg > 0.0)
    {
        let settings = config.feedback(FitConfig::segmentation());
        sum = sum.and(
            value.alpha_seg,
            heads(asked, settings, backbone, Use::Meta)?,
        );
    }
    if let Some(asked) = labels.depth.as_ref().filter(|_| value.alpha_depth > 0.0) {
        let settings = config.feedback(FitConfig::depth());
        sum = sum.and(
            value.alpha_depth,
            heads(asked, settings, backbone, Use::Meta)?,
        );
    }
    Ok(sum)
}

/// A question's loss on the images for `which`.
pub(super) fn heads<Q: Question, I: Backend>(
    asked: &Asked<Q, Q::Truth>,
    settings: FeedbackConfig,
    backbone: &Vit<I>,
    which: Use,
) -> Result<HeadFeedback<Q, I>, RunError> {
    let sets = (asked.part(Use::Heads), asked.part(which));
    let device = backbone.device();
    let question = asked.question.clone();
    Ok(HeadFeedback::new(
        question, settings, backbone, sets, &device,
    )?)
}

/// The probe of A.6: the same weighted loss on the first validation images, by heads that were trained on
/// the backbone that the run begins with.
pub(super) fn probe<T: VisionTask<I>, I: Backend>(
    config: &RunConfig,
    labels: &Labels,
    backbone: &Vit<I>,
) -> Result<Option<StepProbe<T, I>>, RunError> {
    if config.probe.every == 0 {
        return Ok(None);
    }
    let value = &config.value;
    let settings = |fit| FeedbackConfig {
        batch: config.probe.images,
        ..config.feedback(fit)
    };
    let mut sum = Weighted(vec![]);
    if let Some(asked) = labels
        .segmentation
        .as_ref()
        .filter(|_| value.alpha_seg > 0.0)
    {
        let settings = settings(FitConfig::segmentation());
        sum.add(
            value.alpha_seg,
            heads(asked, settings, backbone, Use::Validation)?,
            backbone,
        )?;
    }
    if let Some(asked) = labels.depth.as_ref().filter(|_| value.alpha_depth > 0.0) {
        let settings = settings(FitConfig::depth());
        sum.add(
            value.alpha_depth,
            heads(asked, settings, backbone, Use::Validation)?,
            backbone,
        )?;
    }
    Ok(Some(StepProbe::new(config.probe.every, sum)))
}

/// A weighted sum of losses whose heads stay as they are.
struct Weighted<T: VisionTask<I>, I: Backend>(Vec<(f64, Box<dyn Evaluator<T, I>>)>);

impl<T: VisionTask<I>, I: Backend> Weighted<T, I> {
    fn add<Q: Question>(
        &mut self,
        weight: f64,
        mut heads: HeadFeedback<Q, I>,
        backbone: &Vit<I>,
    ) -> Result<(), RunError> {
        heads.follow(backbone)?;
        self.0.push((weight, Box::new(heads)));
        Ok(())
    }
}

impl<T: VisionTask<I>, I: Backend> Evaluator<T, I> for Weighted<T, I> {
    fn name(&self) -> &str {
        "probe"
    }

    fn loss(
        &mut self,
        learner: &T::Learner<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, CoreError> {
        let mut total = Tensor::zeros([1], &learner.backbone().device());
        for (weight, evaluator) in &mut self.0 {
            total = total + evaluator.loss(learner)?.mul_scalar(*weight);
        }
        Ok(total)
    }
}

impl<T: VisionTask<I>, I: Backend> Stateful for Weighted<T, I> {
    fn state(&self) -> serde_json::Value {
        self.0
            .iter()
            .map(|(_, evaluator)| evaluator.state())
            .collect()
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let states: Vec<serde_json::Value> = from_state(state)?;
        for ((_, evaluator), state) in self.0.iter_mut().zip(states) {
            evaluator.restore(state)?;
        }
        Ok(())
    }
}
