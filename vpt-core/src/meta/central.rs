//! A difference of losses along the direction, and one backward pass.

use super::step::root_mean_square;
use super::{DifferenceStep, MetaEstimate, MetaGradient, Point, descend};
use crate::stateful::{from_state, to_state};
use crate::{CoreError, GradVector, LearnerOf, Loss, On, Stateful, lift};
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};

/// Σ w (ℓ(θ + εv) − ℓ(θ − εv)) / 2ε, differentiated once in φ: any task, no second order.
///
/// The entries of the loss are subtracted before they are summed: as a difference of two mean
/// losses V would be 1 % off at best. Where φ shapes only the target, the two predictions are off
/// the tape.
#[derive(Clone, Debug, Default)]
pub struct CentralDifference {
    step: DifferenceStep,
}

impl CentralDifference {
    /// With its own choice of ε.
    pub fn new(step: DifferenceStep) -> Self {
        Self { step }
    }
}

impl<T, I> MetaGradient<T, I> for CentralDifference
where
    I: Backend,
    T: On<Autodiff<I>>,
{
    /// ε.
    type Probe = f64;

    fn probe(&mut self, at: &Point<'_, T, I>, direction: &GradVector<I>) -> f64 {
        let views = at.task.views(at.designer, at.batch);
        let target = at.task.target(at.designer, &views, at.reference);
        let entries = |epsilon: f64| -> Loss<I> {
            let learner = direction.shift(at.learner.clone(), epsilon);
            let prediction = at.task.predict_again(&learner, &views, at.reference);
            at.task.loss(prediction, &target, &views)
        };
        let ((), epsilon) = self.step.search(direction, |epsilon| {
            let difference = entries(epsilon).entries - entries(-epsilon).entries;
            ((), root_mean_square(difference))
        });
        epsilon
    }

    fn estimate(
        &self,
        at: &Point<'_, T, I>,
        direction: &GradVector<I>,
        epsilon: &f64,
        scale: f64,
    ) -> MetaEstimate<I> {
        descend(at, scale, |views, target, reference| {
            let loss_at = |step: f64| -> Loss<Autodiff<I>> {
                let learner: LearnerOf<T, Autodiff<I>> =
                    lift(&direction.shift(at.learner.clone(), step));
                let prediction = at.task.predict_again(&learner, views, reference);
                at.task.loss(prediction, target, views)
            };
            let (plus, minus) = (loss_at(*epsilon), loss_at(-epsilon));
            let difference: Tensor<Autodiff<I>, 1> = (plus.entries - minus.entries) * plus.weights;
            difference.sum().div_scalar(2.0 * epsilon)
        })
    }
}

impl Stateful for CentralDifference {
    fn state(&self) -> serde_json::Value {
        to_state(&self.step)
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.step = from_state(state)?;
        Ok(())
    }
}
