//! What a language learner sees and says.

use super::{SoftTarget, TextBatch};
use crate::decoder::Decoder;
use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{Cut, Modality, NoParameters, ViewGenerator};

/// Causal language modelling.
pub struct Text;

/// ŷ before the softmax: its logits are `hidden · headᵀ`, which are never held as a whole.
#[derive(Module, Debug)]
pub struct Hidden<B: Backend> {
    /// The final normalised state at the positions asked about. `[n, width]`
    pub hidden: Tensor<B, 2>,
    /// `[vocab, width]`
    pub head: Tensor<B, 2>,
    /// The learner's token embeddings, for designers to read. `[vocab, width]`
    pub embedding: Tensor<B, 2>,
    /// The states that enter the lowest block that the value is on, where it is not on the
    /// embedding. `[batch, seq, width]`
    pub entering: Option<Tensor<B, 3>>,
    /// Whether the head's gradient is asked for.
    #[module(skip)]
    pub head_learns: bool,
    /// Whether this prediction can be differentiated in the head.
    #[module(skip)]
    pub head_tracked: bool,
    /// Whether the value is on the head.
    #[module(skip)]
    pub head_valued: bool,
}

impl<B: Backend> Hidden<B> {
    /// What `learner` says of `views` with these final states.
    pub(super) fn of(
        learner: &Decoder<B>,
        views: &TextBatch<B>,
        hidden: Tensor<B, 3>,
        entering: Option<Tensor<B, 3>>,
    ) -> Self {
        let [batch, seq, width] = hidden.dims();
        let hidden = hidden.reshape([batch * seq, width]);
        Self {
            hidden: hidden.select(0, views.rows.clone()),
            head: learner.head_weight(),
            embedding: learner.embed_tokens.weight.val(),
            entering,
            head_learns: learner.head_learns(),
            head_tracked: learner.head_tracked(),
            head_valued: learner.reach().head,
        }
    }
}

impl Modality for Text {
    type Learner<B: Backend> = Decoder<B>;
    type Batch<B: Backend> = TextBatch<B>;
    type Views<B: Backend> = TextBatch<B>;
    type Prediction<B: Backend> = Hidden<B>;
    type Target<B: Backend> = SoftTarget<B>;

    fn predict<B: Backend>(learner: &Decoder<B>, views: &TextBatch<B>) -> Hidden<B> {
        let (hidden, entering) = learner.hidden_keeping(&views.input, views.dropout);
        Hidden::of(learner, views, hidden, entering)
    }

    fn predict_cut<I: Backend>(
        learner: &Decoder<Autodiff<I>>,
        views: &TextBatch<Autodiff<I>>,
    ) -> (Hidden<Autodiff<I>>, Vec<Cut<I>>) {
        if learner.segments() < 2 {
            return (Self::predict(learner, views), vec![]);
        }
        let (hidden, entering, cuts) = learner.hidden_cut(&views.input, views.dropout);
        (Hidden::of(learner, views, hidden, entering), cuts)
    }
}

/// The fixed view of language modelling: x_c = w_{<t}, x_t = w_t (§2.1).
pub struct Unaltered;

impl ViewGenerator<Text> for Unaltered {
    type Designer<B: Backend> = NoParameters;

    fn views<B: Backend>(&self, _: &NoParameters, batch: &TextBatch<B>) -> TextBatch<B> {
        batch.clone()
    }

    fn unshaped_views<B: Backend>(&self, batch: &TextBatch<B>) -> TextBatch<B> {
        batch.clone()
    }
}
