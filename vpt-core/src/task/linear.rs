//! Losses that are linear in their target, for which V needs no second order.

use super::PredictiveTask;
use crate::ValueMoments;
use burn::tensor::{Tensor, backend::Backend};

/// A task with L_pre(θ; φ) = Σ_{t,k} y_tk(φ) · a_tk(θ): cross-entropy to a soft target,
/// distillation, label smoothing, per-token weights.
///
/// With ȧ the derivative of a along a direction in θ, V = Σ y · ȧ, and ∇_φ V is an ordinary
/// backward pass through the designer alone, since ȧ is a constant there.
pub trait LinearInTarget: PredictiveTask {
    /// a(ŷ), one row per entry and one column per slot of the target. `[entries, slots]`
    fn coefficients<B: Backend>(
        &self,
        prediction: Self::Prediction<B>,
        views: &Self::Views<B>,
        reference: &Self::Reference<B>,
    ) -> Tensor<B, 2>;

    /// a(ŷ₊) − a(ŷ₋) of two learners as far above as below, in θ_S, the one that made `reference`:
    /// 2ε·ȧ up to O(ε³). A task that can tell it from less than a itself does. `[entries, slots]`
    fn difference<B: Backend>(
        &self,
        (plus, minus): (Self::Prediction<B>, Self::Prediction<B>),
        views: &Self::Views<B>,
        reference: &Self::Reference<B>,
    ) -> Tensor<B, 2> {
        self.coefficients(plus, views, reference) - self.coefficients(minus, views, reference)
    }

    /// y_φ with the weights of the step in it. `[entries, slots]`
    fn target_weights<B: Backend>(
        &self,
        target: &Self::Target<B>,
        views: &Self::Views<B>,
    ) -> Tensor<B, 2>;

    /// The moments of ȧ over the candidates of a micro-batch. σ², by which the designer's
    /// objective scales V, is the variance over all micro-batches of the step together.
    fn value_moments<B: Backend>(
        &self,
        values: &Tensor<B, 2>,
        reference: &Self::Reference<B>,
    ) -> ValueMoments;

    /// The reference with the value of each slot in it, for targets that are made from values
    /// (the oracle). `scale` is σ.
    fn inform<B: Backend>(
        &self,
        reference: Self::Reference<B>,
        values: Tensor<B, 2>,
        scale: f64,
    ) -> Self::Reference<B>;
}
