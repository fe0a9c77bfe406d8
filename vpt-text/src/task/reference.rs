//! What a target may know of the learner.

use burn::module::Module;
use burn::tensor::{Int, Tensor, backend::Backend};

/// The learner's own view of each position, made without a tape from the step's prediction, and the
/// halves of its gradient that no target changes.
///
/// `n` positions, `k` candidates; slots are the label first, then the candidates.
#[derive(Module, Debug)]
pub struct Candidates<B: Backend> {
    /// The label, then the learner's best tokens, best first. `[n, 1 + k]`
    pub ids: Tensor<B, 2, Int>,
    /// Their log-probabilities. `[n, 1 + k]`
    pub log_p: Tensor<B, 2>,
    /// log Σ exp of the logits. `[n]`
    pub log_sum_exp: Tensor<B, 1>,
    /// E_t = Σ_v p_tv W_v. `[n, width]`
    pub expected: Tensor<B, 2>,
    /// Σ_t w_t p_tv h_t, unless the head does not learn. `[vocab, width]`
    pub head_gradient: Option<Tensor<B, 2>>,
    /// The learner's token embeddings. `[vocab, width]`
    pub embedding: Tensor<B, 2>,
    /// The states that enter the lowest block that the value is on, where it is not on the
    /// embedding. `[batch, seq, width]`
    pub entering: Option<Tensor<B, 3>>,
    /// c(t, slot), the value of each slot along the feedback's direction, where it is known.
    /// `[n, 1 + k]`
    pub values: Option<Tensor<B, 2>>,
    /// σ, beside `values`. `[1]`
    pub scale: Option<Tensor<B, 1>>,
}

impl<B: Backend> Candidates<B> {
    /// k.
    pub fn count(&self) -> usize {
        self.ids.dims()[1] - 1
    }

    /// Without the halves of the gradient, which are larger than all the rest, the kept states and
    /// the embeddings: what targets that are made of values need.
    pub(crate) fn without_gradients(self) -> Self {
        let nothing = Tensor::zeros([0, 0], (&self.log_p.device(), self.log_p.dtype()));
        Self {
            expected: nothing.clone(),
            head_gradient: None,
            entering: None,
            embedding: nothing,
            ..self
        }
    }

    /// Whether no position is asked about. Backends disagree on what reductions over nothing are.
    pub fn is_empty(&self) -> bool {
        self.ids.dims()[0] == 0
    }

    /// The columns of the candidates, the label's left out. `[n, 1 + k] → [n, k]`
    pub(super) fn without_label(&self, slots: &Tensor<B, 2>) -> Tensor<B, 2> {
        slots.clone().narrow(1, 1, self.count())
    }
}
