//! L_down of a labelled set: the mean NLL of its answers.

use crate::data::{FeedbackSet, FeedbackState, fold};
use crate::decoder::Decoder;
use crate::task::{Text, TextBatch, TextTask, label_loss};
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{CoreError, Evaluator, Modality, Stateful, from_state, to_state};

/// Answers of a labelled set, in mini-batches without replacement.
pub(super) struct AnswerLoss<I: Backend> {
    pub(super) set: FeedbackSet,
    pub(super) batch: usize,
    pub(super) device: I::Device,
}

impl<I: Backend> Evaluator<TextTask, I> for AnswerLoss<I> {
    fn name(&self) -> &str {
        "answers"
    }

    fn loss(
        &mut self,
        learner: &Decoder<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, CoreError> {
        let documents = self.set.next_batch(self.batch);
        let chosen = documents.into_iter();
        let packed = fold(chosen.map(|index| &self.set.documents()[index]));
        let answers = packed.answer_tokens().max(1) as f64;
        let views = TextBatch::<Autodiff<I>>::new(&packed, answers, &self.device);
        Ok(label_loss(Text::predict(learner, &views), &views))
    }
}

impl<I: Backend> Stateful for AnswerLoss<I> {
    fn state(&self) -> serde_json::Value {
        to_state(&self.set.state())
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let state: FeedbackState = from_state(state)?;
        self.set.restore(state).map_err(CoreError::data)
    }
}
