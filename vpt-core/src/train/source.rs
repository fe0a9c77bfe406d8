//! Where the unlabelled batches come from.

use crate::{CoreError, PredictiveTask, Stateful};
use burn::tensor::backend::Backend;

/// The unlabelled data of one learner step.
pub struct StepData<T: PredictiveTask, I: Backend> {
    /// Micro-batches whose weights already hold the denominator of all of them together, so that
    /// accumulation 1 × 4 and 4 × 1 have the same loss.
    pub batches: Vec<T::Batch<I>>,
    /// Unlabelled tokens (or patches) processed: batch · length · accumulation (A.7).
    pub tokens: u64,
}

impl<T: PredictiveTask, I: Backend> StepData<T, I> {
    /// A step of one micro-batch.
    pub fn single(batch: T::Batch<I>, tokens: u64) -> Self {
        Self {
            batches: vec![batch],
            tokens,
        }
    }
}

/// An endless, seeded stream of unlabelled steps; its state is the position, the packer's remainder,
/// buffers and generators.
pub trait Source<T: PredictiveTask, I: Backend>: Stateful {
    /// The next step's data.
    ///
    /// # Errors
    /// Whatever keeps the data from being read.
    fn next_step(&mut self) -> Result<StepData<T, I>, CoreError>;

    /// Micro-batches for the step's value update alone, where it has its own (A.2's meta-SSL
    /// batch), with weights of their own whole. With none it takes the step's.
    ///
    /// # Errors
    /// Whatever keeps the data from being read.
    fn next_meta(&mut self) -> Result<Option<Vec<T::Batch<I>>>, CoreError> {
        Ok(None)
    }
}
