//! V of a loss that is linear in its target: no second order at all.

use super::step::root_mean_square;
use super::{DifferenceStep, MetaEstimate, MetaGradient, Point, descend};
use crate::forward::{Forward, tangent};
use crate::stateful::{from_state, to_state};
use crate::{
    BatchOf, CoreError, DesignerOf, GradVector, LearnerOf, LinearInTarget, On, ReferenceOf,
    Stateful, ValueMoments, lift,
};
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};

/// ȧ: what a step along −direction would gain at each slot of each entry.
#[derive(Clone, Debug)]
pub struct EntryValues<I: Backend> {
    /// `[entries, slots]`
    pub values: Tensor<I, 2>,
    /// The moments of the candidates' values.
    pub moments: ValueMoments,
    /// ε of the difference that measured them; none of exact ones.
    pub epsilon: Option<f64>,
}

/// ȧ along `direction`, by a central difference on the plain backend.
pub fn entry_values<T, I>(
    at: &Point<'_, T, I>,
    direction: &GradVector<I>,
    step: &mut DifferenceStep,
) -> EntryValues<I>
where
    I: Backend,
    T: LinearInTarget,
{
    let (difference, epsilon) = difference_of_entries(at, direction, step);
    let values = difference.div_scalar(2.0 * epsilon);
    EntryValues {
        moments: at.task.value_moments(&values, at.reference),
        values,
        epsilon: Some(epsilon),
    }
}

/// ȧ along `direction`, exact: one forward-mode pass.
pub fn exact_entry_values<T, I>(at: &Point<'_, T, I>, direction: &GradVector<I>) -> EntryValues<I>
where
    I: Backend,
    T: LinearInTarget + On<Forward<I>>,
{
    let learner: LearnerOf<T, Forward<I>> = direction.perturb(at.learner.clone());
    let designer: DesignerOf<T, Forward<I>> = lift(at.designer);
    let batch: BatchOf<T, Forward<I>> = lift(at.batch);
    let reference: ReferenceOf<T, Forward<I>> = lift(at.reference);
    let views = at.task.views(&designer, &batch);
    let prediction = at.task.predict_again(&learner, &views, &reference);
    let values = tangent(at.task.coefficients(prediction, &views, &reference));
    EntryValues {
        moments: at.task.value_moments(&values, at.reference),
        values,
        epsilon: None,
    }
}

/// [`entry_values`] by Richardson's extrapolation: the error falls with ε⁴ rather than ε², so a
/// longer step can be taken, over which rounding weighs less. Three times the forward passes: the
/// first difference of a batch only finds the step that moves this batch's entries as wanted.
pub fn extrapolated_entry_values<T, I>(
    at: &Point<'_, T, I>,
    direction: &GradVector<I>,
    step: &mut DifferenceStep,
) -> EntryValues<I>
where
    I: Backend,
    T: LinearInTarget,
{
    entry_values(at, direction, step);
    let (difference_once, epsilon) = difference_of_entries(at, direction, step);
    let values = difference_once.div_scalar(2.0 * epsilon);
    let wide = difference(at, direction, 2.0 * epsilon).div_scalar(4.0 * epsilon);
    let values = (values.mul_scalar(4.0) - wide).div_scalar(3.0);
    EntryValues {
        moments: at.task.value_moments(&values, at.reference),
        values,
        epsilon: Some(epsilon),
    }
}

/// The difference over the ε that `step` settles on. `[entries, slots]`
fn difference_of_entries<T, I>(
    at: &Point<'_, T, I>,
    direction: &GradVector<I>,
    step: &mut DifferenceStep,
) -> (Tensor<I, 2>, f64)
where
    I: Backend,
    T: LinearInTarget,
{
    step.search(direction, |epsilon| {
        let difference = difference(at, direction, epsilon);
        let movement = root_mean_square(difference.clone());
        (difference, movement)
    })
}

/// a(θ + ε·direction) − a(θ − ε·direction). `[entries, slots]`
fn difference<T, I>(at: &Point<'_, T, I>, direction: &GradVector<I>, epsilon: f64) -> Tensor<I, 2>
where
    I: Backend,
    T: LinearInTarget,
{
    let views = at.task.views(at.designer, at.batch);
    let predict = |shift: f64| {
        let learner = direction.shift(at.learner.clone(), shift);
        at.task.predict_again(&learner, &views, at.reference)
    };
    let predictions = (predict(epsilon), predict(-epsilon));
    at.task.difference(predictions, &views, at.reference)
}

/// V = Σ y_φ · ȧ: after ȧ, which is free of φ, each designer step is one backward pass through the
/// designer alone.
#[derive(Clone, Debug)]
pub struct LinearTarget {
    /// Of the difference that measures ȧ; none where a tangent does.
    step: Option<DifferenceStep>,
    scaled: bool,
}

impl LinearTarget {
    /// ȧ by a central difference. `scaled` divides V by σ in the designer's objective: the
    /// standard deviation of the candidates' values over the whole step.
    pub fn new(step: DifferenceStep, scaled: bool) -> Self {
        Self {
            step: Some(step),
            scaled,
        }
    }

    /// ȧ by forward-mode differentiation: exact, in one pass rather than two.
    pub fn exact(scaled: bool) -> Self {
        Self { step: None, scaled }
    }
}

impl<T, I> MetaGradient<T, I> for LinearTarget
where
    I: Backend,
    T: LinearInTarget + On<Autodiff<I>> + On<Forward<I>>,
{
    type Probe = EntryValues<I>;

    fn probe(&mut self, at: &Point<'_, T, I>, direction: &GradVector<I>) -> EntryValues<I> {
        match &mut self.step {
            Some(step) => entry_values(at, direction, step),
            None => exact_entry_values(at, direction),
        }
    }

    fn scale(&self, probes: &[EntryValues<I>]) -> f64 {
        let all: ValueMoments = probes.iter().map(|probe| probe.moments).sum();
        let sigma = all.variance().sqrt();
        // A direction that moves nothing has no scale of its own.
        if self.scaled && sigma > 0.0 {
            sigma
        } else {
            1.0
        }
    }

    fn estimate(
        &self,
        at: &Point<'_, T, I>,
        _: &GradVector<I>,
        probe: &EntryValues<I>,
        scale: f64,
    ) -> MetaEstimate<I> {
        let values = Tensor::from_inner(probe.values.clone());
        descend(at, scale, |views, target, _| {
            (at.task.target_weights(target, views) * values).sum()
        })
    }

    fn designer_steps(&self, wanted: usize) -> usize {
        wanted
    }

    fn inform(
        &self,
        task: &T,
        reference: ReferenceOf<T, I>,
        probe: &EntryValues<I>,
        scale: f64,
    ) -> ReferenceOf<T, I> {
        task.inform(reference, probe.values.clone(), scale)
    }
}

impl Stateful for LinearTarget {
    fn state(&self) -> serde_json::Value {
        to_state(&self.step)
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.step = from_state(state)?;
        Ok(())
    }
}
