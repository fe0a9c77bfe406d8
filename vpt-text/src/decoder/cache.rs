//! Keys and values of the tokens seen so far, so that generation runs each token once.

use super::attention::Context;
use super::model::{Decoder, DecoderInput};
use burn::tensor::{Int, Tensor, backend::Backend};

/// One block's keys and values, `[batch, seen, kv heads · head_dim]` each.
#[derive(Clone, Debug)]
pub(crate) struct LayerCache<B: Backend>(Option<(Tensor<B, 3>, Tensor<B, 3>)>);

impl<B: Backend> LayerCache<B> {
    /// Appends, and returns all keys and values including the new ones.
    pub(crate) fn append(
        &mut self,
        keys: Tensor<B, 3>,
        values: Tensor<B, 3>,
    ) -> (Tensor<B, 3>, Tensor<B, 3>) {
        let all = match self.0.take() {
            Some((k, v)) => (
                Tensor::cat(vec![k, keys], 1),
                Tensor::cat(vec![v, values], 1),
            ),
            None => (keys, values),
        };
        self.0 = Some(all.clone());
        all
    }

    fn keep_rows(&mut self, rows: &Tensor<B, 1, Int>) {
        let select = |x: Tensor<B, 3>| x.select(0, rows.clone());
        self.0 = self.0.take().map(|(k, v)| (select(k), select(v)));
    }
}

/// The past of a batch of texts under generation.
#[derive(Clone, Debug)]
pub struct KvCache<B: Backend> {
    layers: Vec<LayerCache<B>>,
    /// Document ids of the tokens seen, `[batch, seen]`.
    documents: Option<Tensor<B, 2, Int>>,
}

impl<B: Backend> KvCache<B> {
    /// An empty past for `decoder`.
    pub fn new(decoder: &Decoder<B>) -> Self {
        Self {
            layers: vec![LayerCache(None); decoder.layers.len()],
            documents: None,
        }
    }

    /// Tokens seen so far in each row, padding included.
    pub fn seen(&self) -> usize {
        self.documents
            .as_ref()
            .map_or(0, |documents| documents.dims()[1])
    }

    /// Keeps these rows of the batch, in this order; a row that is named more than once is copied.
    pub fn keep_rows(&mut self, rows: &Tensor<B, 1, Int>) {
        self.layers
            .iter_mut()
            .for_each(|layer| layer.keep_rows(rows));
        self.documents = self
            .documents
            .take()
            .map(|documents| documents.select(0, rows.clone()));
    }
}

impl<B: Backend> Decoder<B> {
    /// Final hidden states of the tokens in `input`, which continue those in `cache`; they are
    /// added to it. A token attends to earlier ones, cached or not, of its own document id.
    ///
    /// # Shapes
    /// `[batch, seq] → [batch, seq, hidden]`
    ///
    /// # Panics
    /// If the batch is not the cache's.
    pub fn extend(&self, input: &DecoderInput<B>, cache: &mut KvCache<B>) -> Tensor<B, 3> {
        let x = self.embed(input);
        let documents = match cache.documents.take() {
            Some(seen) => Tensor::cat(vec![seen, input.documents.clone()], 1),
            None => input.documents.clone(),
        };
        let context = Context::new(&self.rotary, input, &documents, &x);
        cache.documents = Some(documents);
        let layers = self.layers.iter().zip(&mut cache.layers);
        let x = layers.fold(x, |x, (block, cache)| {
            block.forward(x, &context, Some(cache))
        });
        self.norm.forward(x)
    }
}
