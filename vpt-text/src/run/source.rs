//! The unlabelled stream as steps, and packed batches on the device.

use crate::data::{PackedBatch, StreamState, TextStream};
use crate::decoder::DecoderInput;
use crate::task::{TextBatch, TextTask};
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use vpt_core::{CoreError, Source, Stateful, StepData, from_state, to_state};

/// `packed` on the device; `denominator` is the number of answer tokens in the whole step.
pub(super) fn upload<B: Backend>(
    packed: &PackedBatch,
    denominator: f64,
    device: &B::Device,
) -> TextBatch<B> {
    let grid = |values: &[i32]| -> Tensor<B, 2, Int> {
        let data = TensorData::new(values.to_vec(), [packed.batch, packed.seq]);
        Tensor::from_data(data, device)
    };
    let asked = packed.answer_mask.iter().enumerate();
    let rows: Vec<i32> = asked
        .filter(|(_, is_answer)| **is_answer)
        .map(|(row, _)| row as i32)
        .collect();
    let labels: Vec<i32> = rows.iter().map(|&r| packed.targets[r as usize]).collect();
    let n = rows.len();
    let line = |values: Vec<i32>| Tensor::from_data(TensorData::new(values, [n]), device);
    let weights = vec![1.0 / denominator; n];
    TextBatch {
        input: DecoderInput {
            tokens: grid(&packed.inputs),
            positions: grid(&packed.positions),
            documents: grid(&packed.documents),
        },
        next: grid(&packed.targets),
        rows: line(rows),
        labels: line(labels),
        weights: Tensor::from_data(TensorData::new(weights, [n]), device),
    }
}

/// A packed stream in steps of `accumulation` micro-batches of `sequences` sequences.
pub(super) struct PackedSource<I: Backend> {
    pub(super) stream: TextStream,
    pub(super) sequences: usize,
    pub(super) accumulation: usize,
    pub(super) device: I::Device,
}

impl<I: Backend> Source<TextTask, I> for PackedSource<I> {
    fn next_step(&mut self) -> Result<StepData<TextTask, I>, CoreError> {
        let packed: Vec<PackedBatch> = (0..self.accumulation)
            .map(|_| self.stream.next_batch(self.sequences))
            .collect();
        let denominator: usize = packed.iter().map(PackedBatch::answer_tokens).sum();
        let tokens: usize = packed.iter().map(|batch| batch.batch * batch.seq).sum();
        let batches = packed
            .iter()
            .map(|batch| upload(batch, denominator.max(1) as f64, &self.device));
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
