//! L_down of labelled images as a function of the backbone.

use super::backbone::{features, stacked};
use super::draws::Draws;
use super::kept::one_size;
use super::{EvaluateError, FitConfig, HasBackbone, Head, HeadConfig, HeadFit, Labelled, Question};
use crate::images::Planes;
use crate::vit::Vit;
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};
use serde::{Deserialize, Serialize};
use vpt_core::{CoreError, Evaluator, PredictiveTask, Stateful, from_state, lift, to_state};

/// How a head follows the learner, and on how much g_down is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackConfig {
    /// The head's form.
    pub head: HeadConfig,
    /// Its first training, before the first value update, and the batch and rates of later steps.
    pub fit: FitConfig,
    /// Further steps before each later value update.
    pub refresh: usize,
    /// Images of a meta batch.
    pub batch: usize,
}

impl FeedbackConfig {
    /// A linear probe that keeps a tenth of `fit`'s rate for 5 steps before each value update, and
    /// meta batches of 16.
    pub fn new(fit: FitConfig) -> Self {
        Self {
            head: HeadConfig::linear(),
            fit: FitConfig {
                min_ratio: 0.1,
                ..fit
            },
            refresh: 5,
            batch: 16,
        }
    }
}

impl Default for FeedbackConfig {
    fn default() -> Self {
        Self::new(FitConfig::default())
    }
}

/// A question's loss on labelled meta batches with the head fixed: steps 1 and 2 of A.2's meta
/// step. The head is trained on images of its own, with the backbone frozen.
pub struct HeadFeedback<Q: Question, I: Backend> {
    fit: HeadFit<Q, I>,
    train: Labelled<Q::Truth>,
    meta: Labelled<Q::Truth>,
    draws: Draws,
    refresh: usize,
    batch: usize,
    device: I::Device,
}

impl<Q: Question, I: Backend> HeadFeedback<Q, I> {
    /// Heads are trained on `train`, g_down is taken on `meta`: sets without a sample in common.
    ///
    /// # Errors
    /// Settings out of range, or a set without samples.
    pub fn new(
        question: Q,
        config: FeedbackConfig,
        backbone: &Vit<I>,
        (train, meta): (Labelled<Q::Truth>, Labelled<Q::Truth>),
        device: &I::Device,
    ) -> Result<Self, EvaluateError> {
        if config.batch == 0 || config.fit.steps == 0 {
            return Err(EvaluateError::OutOfRange {
                key: "batch and fit.steps",
                range: "at least 1".into(),
            });
        }
        let draws = Draws::new(config.fit.seed, meta.len())?;
        let FeedbackConfig {
            head,
            fit,
            refresh,
            batch,
        } = config;
        Ok(Self {
            fit: HeadFit::new(question, &head, fit, backbone, train.len(), device)?,
            train,
            meta,
            draws,
            refresh,
            batch,
            device: device.clone(),
        })
    }

    /// The head as it stands.
    pub fn head(&self) -> &Head<I> {
        self.fit.head()
    }

    /// Labelled samples left out so far, of training and of meta batches.
    pub fn skipped(&self) -> u64 {
        self.fit.skipped() + self.draws.skipped()
    }

    /// The head's first training, or its steps before a later value update.
    ///
    /// # Errors
    /// As [`HeadFit::run`].
    pub fn follow(&mut self, backbone: &Vit<I>) -> Result<f64, EvaluateError> {
        let steps = match self.fit.step() {
            0 => self.fit.config().steps,
            _ => self.refresh,
        };
        self.fit.run(backbone, &self.train, steps)
    }

    /// L_down of the next meta batch, by the head as it stands. `[1]`
    ///
    /// # Errors
    /// A sample that cannot be used, or images of several sizes.
    pub fn next_loss(
        &mut self,
        backbone: &Vit<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, EvaluateError> {
        let (question, patch) = (self.fit.question(), backbone.config().patch_size);
        let meta = &self.meta;
        let load = |index| {
            let sample = meta.lesson(question, index, patch);
            sample.map(|sample| (index, sample))
        };
        let drawn = self
            .draws
            .take(self.batch, load, |error| meta.skips(error))?;
        one_size(
            drawn
                .iter()
                .map(|(index, sample)| (*index, sample.pixels.size())),
        )?;
        let pixels: Vec<&Planes> = drawn.iter().map(|(_, sample)| &sample.pixels).collect();
        let pixels = stacked::<I>(&pixels, &self.device);
        let truths: Vec<&Q::Truth> = drawn.iter().map(|(_, sample)| &sample.truth).collect();
        let tokens = question.tokens(features(backbone, Tensor::from_inner(pixels)));
        let head: Head<Autodiff<I>> = lift(self.fit.head());
        Ok(question.loss(head.forward(tokens), &truths, false))
    }
}

impl<T, I, Q> Evaluator<T, I> for HeadFeedback<Q, I>
where
    I: Backend,
    T: PredictiveTask<Learner<I>: HasBackbone<I>, Learner<Autodiff<I>>: HasBackbone<Autodiff<I>>>,
    Q: Question,
{
    fn name(&self) -> &str {
        self.fit.question().name()
    }

    fn prepare(&mut self, learner: &T::Learner<I>) -> Result<(), CoreError> {
        let followed = self.follow(learner.backbone());
        followed.map(drop).map_err(CoreError::data)
    }

    fn loss(
        &mut self,
        learner: &T::Learner<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, CoreError> {
        self.next_loss(learner.backbone()).map_err(CoreError::data)
    }
}

impl<Q: Question, I: Backend> Stateful for HeadFeedback<Q, I> {
    fn state(&self) -> serde_json::Value {
        to_state(&(self.fit.state(), self.draws.state()))
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let (fit, draws) = from_state(state)?;
        self.fit.restore(fit)?;
        self.draws.restore(draws)
    }
}
