//! g_down as a direction in θ_S: the one door through which labels enter (eq. 12, A.8, Table 4).

use crate::stateful::{from_state, to_state};
use crate::{
    CoreError, Evaluator, GradVector, LearnerOf, On, ParamSubset, PredictiveTask, Stateful,
};
use burn::backend::Autodiff;
use burn::tensor::{ElementConversion, backend::Backend};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Where the designer is steered, beside what is true.
#[derive(Clone, Debug)]
pub struct Direction<I: Backend> {
    /// What φ climbs along.
    pub steer: GradVector<I>,
    /// g_down itself, against which V is logged.
    pub downstream: GradVector<I>,
    /// L_down on the batch of each evaluator, by name.
    pub losses: Vec<(String, f64)>,
    /// Each evaluator's own weighted part of `downstream`, where there are several: V is
    /// bilinear, so the products can be logged apart.
    pub parts: Vec<(String, GradVector<I>)>,
}

/// Where the designer's direction comes from. It returns no loss that a learner could descend.
pub trait Feedback<T: PredictiveTask, I: Backend>: Stateful {
    /// The direction at `learner`, from the next labelled batch.
    ///
    /// # Errors
    /// Whatever keeps a labelled batch from being made.
    fn direction(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<Direction<I>, CoreError>;

    /// g_down of one more labelled batch, for the noise of V.
    ///
    /// # Errors
    /// Whatever keeps a labelled batch from being made.
    fn resample(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<GradVector<I>, CoreError>;
}

impl<T, I, F> Feedback<T, I> for Box<F>
where
    I: Backend,
    T: PredictiveTask,
    F: Feedback<T, I> + ?Sized,
{
    fn direction(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<Direction<I>, CoreError> {
        (**self).direction(learner, subset)
    }

    fn resample(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<GradVector<I>, CoreError> {
        (**self).resample(learner, subset)
    }
}

/// The true downstream gradient: Σ_i α_i ∇ L_down,i (eq. 12, A.8).
pub struct Downstream<T: PredictiveTask, I: Backend> {
    evaluators: Vec<(f64, Box<dyn Evaluator<T, I>>)>,
}

impl<T: PredictiveTask, I: Backend> Downstream<T, I> {
    /// No evaluator: for runs whose cadence never asks for a direction.
    pub fn none() -> Self {
        Self { evaluators: vec![] }
    }

    /// One evaluator, weight 1.
    pub fn new(evaluator: impl Evaluator<T, I> + 'static) -> Self {
        Self {
            evaluators: vec![(1.0, Box::new(evaluator))],
        }
    }

    /// One more evaluator with its weight α.
    #[must_use]
    pub fn and(mut self, weight: f64, evaluator: impl Evaluator<T, I> + 'static) -> Self {
        self.evaluators.push((weight, Box::new(evaluator)));
        self
    }

    /// The first evaluator's weight replaced.
    #[must_use]
    pub fn weighted(mut self, weight: f64) -> Self {
        if let Some(first) = self.evaluators.first_mut() {
            first.0 = weight;
        }
        self
    }
}

impl<T, I> Downstream<T, I>
where
    I: Backend,
    T: On<Autodiff<I>>,
{
    /// g_down of the next labelled batches.
    fn gradient(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<Direction<I>, CoreError> {
        let tracked = subset.track::<Autodiff<I>, _>(crate::lift(learner));
        let mut parts = Vec::with_capacity(self.evaluators.len());
        let mut losses = Vec::with_capacity(self.evaluators.len());
        for (weight, evaluator) in &mut self.evaluators {
            let loss = evaluator.loss(&tracked)?;
            let name = evaluator.name().to_owned();
            losses.push((name.clone(), loss.clone().inner().into_scalar().elem()));
            let gradient = GradVector::take(&mut loss.backward(), &tracked, subset);
            let gradient = if *weight == 1.0 {
                gradient
            } else {
                gradient.scaled(*weight)
            };
            parts.push((name, gradient));
        }
        let mut gradients = parts.iter().map(|(_, gradient)| gradient);
        let first = gradients.next().cloned();
        let sum = first.map(|first| gradients.fold(first, |sum, g| sum.add_scaled(g, 1.0)));
        let downstream = sum.unwrap_or_else(|| GradVector::of(learner, subset).scaled(0.0));
        if parts.len() == 1 {
            parts.clear();
        }
        Ok(Direction {
            steer: downstream.clone(),
            downstream,
            losses,
            parts,
        })
    }
}

impl<T, I> Feedback<T, I> for Downstream<T, I>
where
    I: Backend,
    T: On<Autodiff<I>>,
{
    fn direction(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<Direction<I>, CoreError> {
        for (_, evaluator) in &mut self.evaluators {
            evaluator.prepare(learner)?;
        }
        self.gradient(learner, subset)
    }

    fn resample(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<GradVector<I>, CoreError> {
        Ok(self.gradient(learner, subset)?.downstream)
    }
}

impl<T: PredictiveTask, I: Backend> Stateful for Downstream<T, I> {
    fn state(&self) -> serde_json::Value {
        self.evaluators
            .iter()
            .map(|(_, evaluator)| evaluator.state())
            .collect()
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let states: Vec<serde_json::Value> = from_state(state)?;
        if states.len() != self.evaluators.len() {
            return Err(CoreError::State {
                message: format!(
                    "evaluators: {} in the state, {} here",
                    states.len(),
                    self.evaluators.len()
                ),
            });
        }
        for ((_, evaluator), state) in self.evaluators.iter_mut().zip(states) {
            evaluator.restore(state)?;
        }
        Ok(())
    }
}

/// A fresh Gaussian direction of g_down's own length in place of g_down (Table 4).
///
/// g_down is still computed: its length scales the draw and V is logged against it.
pub struct RandomDirection<F> {
    truth: F,
    generator: ChaCha8Rng,
}

impl<F> RandomDirection<F> {
    /// Random directions drawn from `generator` in place of those of `truth`.
    pub fn new(truth: F, generator: ChaCha8Rng) -> Self {
        Self { truth, generator }
    }
}

impl<T, I, F> Feedback<T, I> for RandomDirection<F>
where
    I: Backend,
    T: On<Autodiff<I>>,
    F: Feedback<T, I>,
{
    fn direction(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<Direction<I>, CoreError> {
        let truth = self.truth.direction(learner, subset)?;
        let drawn = GradVector::generate(learner, subset, |length| {
            let entry = |_| StandardNormal.sample(&mut self.generator);
            (0..length).map(entry).collect()
        });
        let scale = truth.downstream.norm() / drawn.norm();
        Ok(Direction {
            steer: drawn.scaled(scale),
            ..truth
        })
    }

    fn resample(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<GradVector<I>, CoreError> {
        self.truth.resample(learner, subset)
    }
}

impl<F: Stateful> Stateful for RandomDirection<F> {
    fn state(&self) -> serde_json::Value {
        to_state(&(self.truth.state(), &self.generator))
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let (truth, generator) = from_state(state)?;
        self.generator = generator;
        self.truth.restore(truth)
    }
}

/// −g_down in place of g_down: what should do harm if the value means anything. V is logged against
/// g_down itself.
pub struct Negated<F>(pub F);

impl<T, I, F> Feedback<T, I> for Negated<F>
where
    I: Backend,
    T: On<Autodiff<I>>,
    F: Feedback<T, I>,
{
    fn direction(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<Direction<I>, CoreError> {
        let truth = self.0.direction(learner, subset)?;
        Ok(Direction {
            steer: truth.downstream.scaled(-1.0),
            ..truth
        })
    }

    fn resample(
        &mut self,
        learner: &LearnerOf<T, I>,
        subset: &ParamSubset,
    ) -> Result<GradVector<I>, CoreError> {
        self.0.resample(learner, subset)
    }
}

impl<F: Stateful> Stateful for Negated<F> {
    fn state(&self) -> serde_json::Value {
        self.0.state()
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.0.restore(state)
    }
}
