//! ∇_φ V (eq. 15). How to differentiate is a value: each estimator implements [`MetaGradient`].

mod central;
mod linear;
mod nested;
mod split;
mod step;
mod tangent;

pub use central::CentralDifference;
pub use linear::{
    EntryValues, LinearTarget, entry_values, exact_entry_values, extrapolated_entry_values,
};
pub use nested::Nested;
pub use split::Split;
pub use step::DifferenceStep;
pub use tangent::Tangent;

use crate::{
    BatchOf, DesignerOf, GradVector, LearnerOf, On, ParamSubset, PredictiveTask, ReferenceOf,
    Stateful, UpdateGradient, lift, trainable,
};
use burn::backend::Autodiff;
use burn::tensor::{ElementConversion, Tensor, backend::Backend};

/// L_pre as a function of θ_S and φ on one micro-batch, everything else pinned.
pub struct Point<'a, T: PredictiveTask, I: Backend> {
    /// (A, τ, ℓ).
    pub task: &'a T,
    /// θ.
    pub learner: &'a LearnerOf<T, I>,
    /// φ.
    pub designer: &'a DesignerOf<T, I>,
    /// x and its draw.
    pub batch: &'a BatchOf<T, I>,
    /// What τ knows of θ.
    pub reference: &'a ReferenceOf<T, I>,
    /// S.
    pub subset: &'a ParamSubset,
}

/// V along a direction, and the gradient of the designer's objective.
pub struct MetaEstimate<I: Backend> {
    /// ⟨direction, g_pre⟩ on this micro-batch, not scaled.
    pub value: f64,
    /// ∇_φ of −(V / scale − R(φ)), for a descending optimiser.
    pub descent: UpdateGradient<I>,
}

/// An estimator of ∇_φ V along a direction in θ_S.
pub trait MetaGradient<T: PredictiveTask, I: Backend>: Stateful {
    /// Whatever of the estimate is free of φ, on one micro-batch.
    type Probe;

    /// Computes what is free of φ.
    fn probe(&mut self, at: &Point<'_, T, I>, direction: &GradVector<I>) -> Self::Probe;

    /// What V is divided by before R(φ) is subtracted, over the micro-batches of the step.
    fn scale(&self, _probes: &[Self::Probe]) -> f64 {
        1.0
    }

    /// V and the designer's gradient at `at`.
    fn estimate(
        &self,
        at: &Point<'_, T, I>,
        direction: &GradVector<I>,
        probe: &Self::Probe,
        scale: f64,
    ) -> MetaEstimate<I>;

    /// How many designer steps one probe may serve when `wanted` are asked for: V of an estimator
    /// that has to differentiate the learner again costs as much as a new one.
    fn designer_steps(&self, _wanted: usize) -> usize {
        1
    }

    /// The reference with the values that the probe found in it, for targets made from values and
    /// for the log; as it is where the estimator has none.
    fn inform(
        &self,
        _task: &T,
        reference: ReferenceOf<T, I>,
        _probe: &Self::Probe,
        _scale: f64,
    ) -> ReferenceOf<T, I> {
        reference
    }
}

/// −(V / scale − R) descended from the tape that holds φ.
fn descend<T, I>(
    at: &Point<'_, T, I>,
    scale: f64,
    value: impl FnOnce(
        &T::Views<Autodiff<I>>,
        &T::Target<Autodiff<I>>,
        &ReferenceOf<T, Autodiff<I>>,
    ) -> Tensor<Autodiff<I>, 1>,
) -> MetaEstimate<I>
where
    I: Backend,
    T: On<Autodiff<I>>,
{
    let designer: DesignerOf<T, Autodiff<I>> = trainable(at.designer);
    let batch: BatchOf<T, Autodiff<I>> = lift(at.batch);
    let reference: ReferenceOf<T, Autodiff<I>> = lift(at.reference);
    let views = at.task.views(&designer, &batch);
    let target = at.task.target(&designer, &views, &reference);
    let value = value(&views, &target, &reference);
    let host = value.clone().inner().into_scalar().elem();
    let mut objective = value.div_scalar(-scale);
    if let Some(regulariser) = at.task.regulariser(&target, &views, &reference) {
        objective = objective + regulariser;
    }
    MetaEstimate {
        value: host,
        descent: UpdateGradient::backward(objective, &designer),
    }
}
