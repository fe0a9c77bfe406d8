//! What a language learner sees and says.

use super::{SoftTarget, TextBatch};
use crate::decoder::Decoder;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{Modality, NoParameters, ViewGenerator};

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
    /// Whether the head's gradient is asked for.
    #[module(skip)]
    pub head_learns: bool,
}

impl Modality for Text {
    type Learner<B: Backend> = Decoder<B>;
    type Batch<B: Backend> = TextBatch<B>;
    type Views<B: Backend> = TextBatch<B>;
    type Prediction<B: Backend> = Hidden<B>;
    type Target<B: Backend> = SoftTarget<B>;

    fn predict<B: Backend>(learner: &Decoder<B>, views: &TextBatch<B>) -> Hidden<B> {
        let hidden = learner.hidden_dropping(&views.input, views.dropout);
        let [batch, seq, width] = hidden.dims();
        let hidden = hidden.reshape([batch * seq, width]);
        Hidden {
            hidden: hidden.select(0, views.rows.clone()),
            head: learner.head_weight(),
            embedding: learner.embed_tokens.weight.val(),
            head_learns: learner.head_learns(),
        }
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
