//! L_down: what the learner should become good at (§3.1, eq. 12).

use crate::{CoreError, PredictiveTask, Stateful};
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};

/// A labelled set with a differentiable loss.
pub trait Evaluator<T: PredictiveTask, I: Backend>: Stateful {
    /// Its name in logs.
    fn name(&self) -> &str;

    /// L_down of the next labelled batch, drawn by the evaluator's own generator. `[1]`
    ///
    /// # Errors
    /// Whatever keeps the batch from being made.
    fn loss(
        &mut self,
        learner: &T::Learner<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, CoreError>;
}
