//! L_down of a labelled set: the mean NLL of its answers.

use crate::data::{Document, FeedbackSet, FeedbackState, fold};
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
        let chosen = self.set.next_batch(self.batch).into_iter();
        let documents = self.set.documents();
        Ok(mean_loss(
            learner,
            chosen.map(|index| &documents[index]),
            &self.device,
        ))
    }
}

/// The same batch of answers at every call.
pub(super) struct ProbeBatch<I: Backend> {
    pub(super) documents: Vec<Document>,
    pub(super) device: I::Device,
}

impl<I: Backend> Evaluator<TextTask, I> for ProbeBatch<I> {
    fn name(&self) -> &str {
        "probe"
    }

    fn loss(
        &mut self,
        learner: &Decoder<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, CoreError> {
        Ok(mean_loss(learner, &self.documents, &self.device))
    }
}

impl<I: Backend> Stateful for ProbeBatch<I> {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}

/// Mean NLL of the answers of `documents`. `[1]`
fn mean_loss<'a, I: Backend>(
    learner: &Decoder<Autodiff<I>>,
    documents: impl IntoIterator<Item = &'a Document>,
    device: &I::Device,
) -> Tensor<Autodiff<I>, 1> {
    let packed = fold(documents);
    let answers = packed.answer_tokens().max(1) as f64;
    let views = TextBatch::<Autodiff<I>>::new(&packed, answers, device);
    label_loss(Text::predict(learner, &views), &views)
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
