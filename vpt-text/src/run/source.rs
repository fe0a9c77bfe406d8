//! The unlabelled stream as steps.

use crate::data::{PackedBatch, Prefetch, StreamState};
use crate::task::{TextBatch, TextTask};
use burn::tensor::backend::Backend;
use vpt_core::{CoreError, Source, Stateful, StepData, from_state, to_state};

/// A packed stream in steps of `accumulation` micro-batches.
pub(super) struct PackedSource<I: Backend> {
    pub(super) stream: Prefetch,
    pub(super) accumulation: usize,
    pub(super) device: I::Device,
}

impl<I: Backend> Source<TextTask, I> for PackedSource<I> {
    fn next_step(&mut self) -> Result<StepData<TextTask, I>, CoreError> {
        let packed: Vec<PackedBatch> = (0..self.accumulation)
            .map(|_| self.stream.next_batch())
            .collect::<Result<_, _>>()
            .map_err(CoreError::data)?;
        let denominator: usize = packed.iter().map(PackedBatch::answer_tokens).sum();
        let tokens: usize = packed.iter().map(|batch| batch.batch * batch.seq).sum();
        let batches = packed
            .iter()
            .map(|batch| TextBatch::new(batch, denominator.max(1) as f64, &self.device));
        Ok(StepData {
            batches: batches.collect(),
            tokens: tokens as u64,
        })
    }
}

impl<I: Backend> Stateful for PackedSource<I> {
    fn state(&self) -> serde_json::Value {
        to_state(&self.stream.state())
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let state: StreamState = from_state(state)?;
        self.stream.restore(state).map_err(CoreError::data)
    }
}
