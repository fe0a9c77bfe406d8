//! Predictions whose tape is cut, so that little of it is held at a time.

use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};

/// A place where a prediction's tape was cut: nothing below it was kept, and it is computed again when
/// the gradient arrives (activation checkpointing).
pub struct Cut<I: Backend> {
    /// The states at the cut as the part above it read them: the leaf in which its gradient ends.
    /// `[batch, length, width]`
    pub above: Tensor<Autodiff<I>, 3>,
    /// The same states again, on the tape of the part below.
    pub below: Box<dyn FnOnce() -> Tensor<Autodiff<I>, 3>>,
}
