//! ∇_φ V for vision by any of the estimators.

use crate::config::EstimatorKind;
use burn::backend::Autodiff;
use burn::tensor::backend::Backend;
use vpt_core::forward::Forward;
use vpt_core::{
    CentralDifference, CoreError, DifferenceStep, GradVector, MetaEstimate, MetaGradient, Nested,
    On, Point, Split, SplitOn, Stateful, Tangent,
};

/// One of the estimators.
pub(super) enum VisionEstimator {
    Nested,
    Split,
    Central(CentralDifference),
    SplitCentral(Split<CentralDifference>),
    Tangent,
}

impl VisionEstimator {
    /// `step` chooses ε where there is one.
    pub(super) fn new(kind: EstimatorKind, step: DifferenceStep) -> Self {
        let central = CentralDifference::new(step);
        match kind {
            EstimatorKind::Nested => Self::Nested,
            EstimatorKind::Split => Self::Split,
            EstimatorKind::Central => Self::Central(central),
            EstimatorKind::SplitCentral => Self::SplitCentral(Split(central)),
            EstimatorKind::Tangent => Self::Tangent,
        }
    }
}

/// A task that every estimator can be asked about.
pub(super) trait AnyEstimate<I: Backend>:
    SplitOn<Autodiff<I>> + SplitOn<Autodiff<Autodiff<I>>> + On<Forward<Autodiff<I>>>
{
}

impl<I, T> AnyEstimate<I> for T
where
    I: Backend,
    T: SplitOn<Autodiff<I>> + SplitOn<Autodiff<Autodiff<I>>> + On<Forward<Autodiff<I>>>,
{
}

impl<T: AnyEstimate<I>, I: Backend> MetaGradient<T, I> for VisionEstimator {
    /// ε, where there is one.
    type Probe = Option<f64>;

    fn probe(&mut self, at: &Point<'_, T, I>, direction: &GradVector<I>) -> Option<f64> {
        match self {
            Self::Nested | Self::Split | Self::Tangent => None,
            Self::Central(central) => Some(central.probe(at, direction)),
            Self::SplitCentral(central) => Some(central.probe(at, direction)),
        }
    }

    fn estimate(
        &self,
        at: &Point<'_, T, I>,
        direction: &GradVector<I>,
        probe: &Option<f64>,
        scale: f64,
    ) -> MetaEstimate<I> {
        let epsilon = probe.unwrap_or(1.0);
        match self {
            Self::Nested => Nested.estimate(at, direction, &(), scale),
            Self::Split => Split(Nested).estimate(at, direction, &(), scale),
            Self::Tangent => Tangent.estimate(at, direction, &(), scale),
            Self::Central(central) => central.estimate(at, direction, &epsilon, scale),
            Self::SplitCentral(central) => central.estimate(at, direction, &epsilon, scale),
        }
    }
}

impl Stateful for VisionEstimator {
    fn state(&self) -> serde_json::Value {
        match self {
            Self::Nested | Self::Split | Self::Tangent => serde_json::Value::Null,
            Self::Central(central) => central.state(),
            Self::SplitCentral(central) => central.state(),
        }
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        match self {
            Self::Nested | Self::Split | Self::Tangent => Ok(()),
            Self::Central(central) => central.restore(state),
            Self::SplitCentral(central) => central.restore(state),
        }
    }
}
