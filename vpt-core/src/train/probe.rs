//! The probe of A.6 inside a run: what a step was predicted to do to a held-out loss, and what it
//! did.

use crate::value::{Probe, value};
use crate::{CoreError, Evaluator, GradVector, LearnerOf, On, ParamSubset, Stateful, lift};
use burn::backend::Autodiff;
use burn::tensor::{ElementConversion, backend::Backend};

/// Measures steps on one labelled batch that the designer's feedback does not hold.
pub struct StepProbe<T: On<Autodiff<I>>, I: Backend> {
    evaluator: Box<dyn Evaluator<T, I>>,
    /// The evaluator's state before its batch: every loss is of that same batch.
    start: serde_json::Value,
    every: usize,
}

/// One step, predicted and taken in two ways of the same length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeReport {
    /// L_down of the probe batch before the step.
    pub loss: f64,
    /// A step along −g_pre, as long as the optimiser's: what the paper's probe takes.
    pub sgd: Probe,
    /// The step that the optimiser took, with its moments, clipping and weight decay: predicted is
    /// −⟨g_down, Δθ⟩.
    pub update: Probe,
    /// cos(−g_pre, Δθ).
    pub cosine: f64,
}

impl<T: On<Autodiff<I>>, I: Backend> StepProbe<T, I> {
    /// Probes every step whose number, counted from 1, is divisible by `every`, on the next batch
    /// of `evaluator`.
    ///
    /// # Panics
    /// If `every` is 0.
    pub fn new(every: usize, evaluator: impl Evaluator<T, I> + 'static) -> Self {
        assert!(every > 0, "StepProbe: every 0 steps");
        Self {
            start: evaluator.state(),
            evaluator: Box::new(evaluator),
            every,
        }
    }

    pub(super) fn is_due(&self, step: usize) -> bool {
        (step + 1).is_multiple_of(self.every)
    }

    /// The step from `before` to `after`, whose parameters in `trainable` had the gradient `g_pre`.
    ///
    /// # Errors
    /// Whatever keeps the batch from being made.
    pub(super) fn measure(
        &mut self,
        (before, after): (&LearnerOf<T, I>, &LearnerOf<T, I>),
        g_pre: &GradVector<I>,
        trainable: &ParamSubset,
    ) -> Result<ProbeReport, CoreError> {
        let (loss, g_down) = self.gradient(before, trainable)?;
        let step =
            GradVector::of(after, trainable).add_scaled(&GradVector::of(before, trainable), -1.0);
        let norm = g_pre.norm();
        let eta = if norm > 0.0 { step.norm() / norm } else { 0.0 };
        let along_gradient = g_pre.shift(before.clone(), -eta);
        Ok(ProbeReport {
            loss,
            sgd: Probe {
                predicted: eta * value(&g_down, g_pre),
                realised: loss - self.loss(&along_gradient)?,
            },
            update: Probe {
                predicted: -value(&g_down, &step),
                realised: loss - self.loss(after)?,
            },
            cosine: -step.cosine(g_pre),
        })
    }

    fn gradient(
        &mut self,
        learner: &LearnerOf<T, I>,
        trainable: &ParamSubset,
    ) -> Result<(f64, GradVector<I>), CoreError> {
        self.evaluator.restore(self.start.clone())?;
        let learner: LearnerOf<T, Autodiff<I>> = trainable.track(lift(learner));
        let loss = self.evaluator.loss(&learner)?;
        let host = loss.clone().inner().into_scalar().elem();
        let mut grads = loss.backward();
        let g_down = GradVector::take::<Autodiff<I>, _>(&mut grads, &learner, trainable);
        Ok((host, g_down))
    }

    fn loss(&mut self, learner: &LearnerOf<T, I>) -> Result<f64, CoreError> {
        self.evaluator.restore(self.start.clone())?;
        let loss = self.evaluator.loss(&lift(learner))?;
        Ok(loss.inner().into_scalar().elem())
    }
}
