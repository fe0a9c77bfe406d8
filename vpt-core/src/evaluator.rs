//! L_down: what the learner should become good at (§3.1, eq. 12).

use crate::{CoreError, PredictiveTask, Stateful};
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};

/// A labelled set with a differentiable loss.
pub trait Evaluator<T: PredictiveTask, I: Backend>: Stateful {
    /// Its name in logs.
    fn name(&self) -> &str;

    /// Brings the evaluator up to `learner` before a value update: a head on its features is fitted
    /// here, with the learner frozen. Further batches at the same learner, which are drawn to
    /// measure noise, go without.
    ///
    /// # Errors
    /// Whatever keeps it from being done.
    fn prepare(&mut self, _learner: &T::Learner<I>) -> Result<(), CoreError> {
        Ok(())
    }

    /// L_down of the next labelled batch, drawn by the evaluator's own generator. `[1]`
    ///
    /// # Errors
    /// Whatever keeps the batch from being made.
    fn loss(
        &mut self,
        learner: &T::Learner<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, CoreError>;
}
