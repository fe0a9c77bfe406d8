//! A difference of losses along the direction, and one backward pass.

use super::step::root_mean_square;
use super::{DifferenceStep, MetaEstimate, MetaGradient, Point, descend};
use crate::stateful::{from_state, to_state};
use crate::{CoreError, GradVector, LearnerOf, Loss, On, Stateful, lift};
use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};

/// Σ w (ℓ(θ + εv) − ℓ(θ − εv)) / 2ε, differentiated once in φ: any task, no second order.
///
/// The entries of the loss are subtracted before they are summed: as a difference of two mean
/// losses V would be 1 % off at best. Where φ shapes only the target, the two predictions are off
/// the tape.
#[derive(Clone, Debug, Default)]
pub struct CentralDifference {
    pub(super) step: DifferenceStep,
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
        let loss = |learner: LearnerOf<T, I>| {
            let prediction = at.task.predict_again(&learner, &views, at.reference);
            at.task.loss(prediction, &target, &views)
        };
        let ((), epsilon) = self.step.search(direction, |epsilon| {
            let movement = entry_movement(at.learner, direction, epsilon, loss);
            ((), movement)
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
            slope(at.learner, direction, *epsilon, |shifted| {
                let learner: LearnerOf<T, Autodiff<I>> = lift(&shifted);
                let prediction = at.task.predict_again(&learner, views, reference);
                at.task.loss(prediction, target, views)
            })
        })
    }
}

/// Σ w (ℓ(θ + εv) − ℓ(θ − εv)) / 2ε, on the tape of the losses. `[1]`
pub(super) fn slope<I: Backend, M: Module<I>, B: Backend>(
    learner: &M,
    direction: &GradVector<I>,
    epsilon: f64,
    loss: impl Fn(M) -> Loss<B>,
) -> Tensor<B, 1> {
    let plus = loss(direction.shift(learner.clone(), epsilon));
    let minus = loss(direction.shift(learner.clone(), -epsilon));
    let difference = (plus.entries - minus.entries) * plus.weights;
    difference.sum().div_scalar(2.0 * epsilon)
}

/// The root mean square of ℓ(θ + εv) − ℓ(θ − εv) over the entries.
pub(super) fn entry_movement<I: Backend, M: Module<I>>(
    learner: &M,
    direction: &GradVector<I>,
    epsilon: f64,
    loss: impl Fn(M) -> Loss<I>,
) -> f64 {
    let entries = |step: f64| loss(direction.shift(learner.clone(), step)).entries;
    root_mean_square(entries(epsilon) - entries(-epsilon))
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
