//! The draw of dropout masks: a seed in each batch.

use crate::task::TextTask;
use burn::tensor::backend::Backend;
use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use vpt_core::{CoreError, Source, Stateful, StepData, from_state, to_state};

/// A source whose micro-batches carry a seed for the adapters' dropout masks, where there is
/// dropout. The learner's step, the value and both sides of a difference see the same masks, since
/// they see the same batch.
pub(super) struct Seeded<S> {
    pub(super) inner: S,
    pub(super) draws: Option<ChaCha8Rng>,
}

impl<I: Backend, S: Source<TextTask, I>> Source<TextTask, I> for Seeded<S> {
    fn next_step(&mut self) -> Result<StepData<TextTask, I>, CoreError> {
        let mut data = self.inner.next_step()?;
        if let Some(draws) = &mut self.draws {
            for batch in &mut data.batches {
                batch.dropout = Some(draws.next_u64());
            }
        }
        Ok(data)
    }
}

impl<S: Stateful> Stateful for Seeded<S> {
    fn state(&self) -> serde_json::Value {
        match &self.draws {
            Some(draws) => to_state(&(self.inner.state(), draws)),
            None => self.inner.state(),
        }
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        if self.draws.is_none() {
            return self.inner.restore(state);
        }
        let (inner, draws) = from_state(state)?;
        self.inner.restore(inner)?;
        self.draws = Some(draws);
        Ok(())
    }
}
