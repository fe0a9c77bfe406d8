//! ∇_φ V for language by any of the estimators, with the value of each token beside it.

use super::{Candidates, TextTask};
use crate::config::EstimatorKind;
use burn::tensor::backend::Backend;
use vpt_core::{
    CentralDifference, CoreError, DifferenceStep, EntryValues, GradVector, LinearTarget,
    MetaEstimate, MetaGradient, Nested, Point, Stateful, ValueMoments, from_state, to_state,
};

/// One of the estimators. Token values are measured for all of them: σ, the log and the oracle
/// need them; `Linear` and `Tangent` take their gradient from them, and differ in how they are
/// measured.
pub struct TextEstimator {
    kind: EstimatorKind,
    values: LinearTarget,
    central: CentralDifference,
}

/// What is measured once for all designer steps.
pub struct TextProbe<I: Backend> {
    values: EntryValues<I>,
    epsilon: Option<f64>,
}

impl<I: Backend> TextProbe<I> {
    /// Of a micro-batch in which nothing is asked: no value moves, whatever the step.
    fn of_nothing(reference: &Candidates<I>) -> Self {
        let values = EntryValues {
            values: reference.log_p.zeros_like(),
            moments: ValueMoments::default(),
            epsilon: None,
        };
        Self {
            epsilon: Some(1.0),
            values,
        }
    }
}

impl TextEstimator {
    /// `scaled` divides V by σ in the designer's objective.
    pub fn new(kind: EstimatorKind, scaled: bool, step: DifferenceStep) -> Self {
        Self {
            kind,
            values: match kind {
                EstimatorKind::Tangent => LinearTarget::exact(scaled),
                _ => LinearTarget::new(step.clone(), scaled),
            },
            central: CentralDifference::new(step),
        }
    }
}

impl<I: Backend> MetaGradient<TextTask, I> for TextEstimator {
    type Probe = TextProbe<I>;

    fn probe(&mut self, at: &Point<'_, TextTask, I>, direction: &GradVector<I>) -> TextProbe<I> {
        if at.reference.is_empty() {
            return TextProbe::of_nothing(at.reference);
        }
        let values = self.values.probe(at, direction);
        let epsilon = match self.kind {
            EstimatorKind::Central => Some(self.central.probe(at, direction)),
            _ => None,
        };
        TextProbe { values, epsilon }
    }

    fn scale(&self, probes: &[TextProbe<I>]) -> f64 {
        let values: Vec<EntryValues<I>> = probes.iter().map(|p| p.values.clone()).collect();
        MetaGradient::<TextTask, I>::scale(&self.values, &values)
    }

    fn estimate(
        &self,
        at: &Point<'_, TextTask, I>,
        direction: &GradVector<I>,
        probe: &TextProbe<I>,
        scale: f64,
    ) -> MetaEstimate<I> {
        match (self.kind, &probe.epsilon) {
            (EstimatorKind::Nested, _) => Nested.estimate(at, direction, &(), scale),
            (EstimatorKind::Central, Some(epsilon)) => {
                self.central.estimate(at, direction, epsilon, scale)
            }
            _ => self.values.estimate(at, direction, &probe.values, scale),
        }
    }

    fn designer_steps(&self, wanted: usize) -> usize {
        match self.kind {
            EstimatorKind::Linear | EstimatorKind::Tangent => wanted,
            EstimatorKind::Central | EstimatorKind::Nested => wanted.min(1),
        }
    }

    fn inform(
        &self,
        task: &TextTask,
        reference: Candidates<I>,
        probe: &TextProbe<I>,
        scale: f64,
    ) -> Candidates<I> {
        self.values.inform(task, reference, &probe.values, scale)
    }
}

impl Stateful for TextEstimator {
    fn state(&self) -> serde_json::Value {
        to_state(&(self.values.state(), self.central.state()))
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let (values, central) = from_state(state)?;
        self.values.restore(values)?;
        self.central.restore(central)
    }
}
