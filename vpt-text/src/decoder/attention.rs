//! Causal attention inside documents, with grouped key/value heads.

use super::cache::LayerCache;
use super::config::DecoderConfig;
use super::model::DecoderInput;
use super::rope::{Rotary, Rotation};
use burn::module::Module;
use burn::tensor::{FloatDType, Int, Tensor, backend::Backend};
use vpt_core::layers::{Linear, narrow, widen};

/// Added to a score that must not count: after the softmax its weight is exactly 0.
const MASKED: f64 = -1e30;

/// What every block of one forward shares: rotations and mask.
#[derive(Clone, Debug)]
pub(crate) struct Context<B: Backend> {
    pub(crate) rotation: Rotation<B>,
    /// 0 where attention is allowed, −1e30 elsewhere, `[1, batch · group · seq · seen]`: one row,
    /// added to the scores of every key/value head.
    pub(crate) mask: Tensor<B, 2>,
    /// The seed of the adapters' dropout masks; none outside training.
    pub(crate) dropout: Option<u64>,
}

impl<B: Backend> Context<B> {
    /// Of `input`, whose tokens are the last of those in the documents `seen`, in the type of
    /// `like`.
    ///
    /// # Shapes
    /// input `[batch, seq]`, documents `[batch, seen]`
    pub(crate) fn new<const D: usize>(
        rotary: &Rotary<B>,
        input: &DecoderInput<B>,
        seen: &Tensor<B, 2, Int>,
        like: &Tensor<B, D>,
    ) -> Self {
        Self {
            rotation: rotary.at(&input.positions, like),
            mask: document_mask(&input.documents, seen, rotary.group(), like),
            dropout: None,
        }
    }
}

/// The mask of queries against keys: query i sees key j iff j is not later and both are in the
/// same document. The queries are the last of the keys.
///
/// # Shapes
/// queries `[batch, seq]`, keys `[batch, seen]`, result `[1, batch · group · seq · seen]`
fn document_mask<B: Backend, const D: usize>(
    queries: &Tensor<B, 2, Int>,
    keys: &Tensor<B, 2, Int>,
    group: usize,
    like: &Tensor<B, D>,
) -> Tensor<B, 2> {
    let ([batch, seq], [_, seen]) = (queries.dims(), keys.dims());
    let device = queries.device();
    let index = |from: usize| Tensor::<B, 1, Int>::arange(from as i64..seen as i64, &device);
    let later = index(0)
        .reshape([1, 1, seen])
        .expand([batch, seq, seen])
        .greater(
            index(seen - seq)
                .reshape([1, seq, 1])
                .expand([batch, seq, seen]),
        );
    let elsewhere = queries
        .clone()
        .reshape([batch, seq, 1])
        .expand([batch, seq, seen])
        .not_equal(
            keys.clone()
                .reshape([batch, 1, seen])
                .expand([batch, seq, seen]),
        );
    let dtype = match like.dtype().into() {
        FloatDType::F64 => FloatDType::F64,
        _ => FloatDType::F32,
    };
    let zeros = Tensor::<B, 3>::zeros([batch, seq, seen], &device).cast(dtype);
    zeros
        .mask_fill(later.bool_or(elsewhere), MASKED)
        .reshape([batch, 1, seq * seen])
        .expand([batch, group, seq * seen])
        .reshape([1, batch * group * seq * seen])
}

/// Grouped-query attention: query head h reads key/value head h / (heads / kv heads).
#[derive(Module, Debug)]
pub struct SelfAttention<B: Backend> {
    /// Queries, `[heads · head_dim, hidden]`.
    pub q_proj: Linear<B>,
    /// Keys, `[kv heads · head_dim, hidden]`.
    pub k_proj: Linear<B>,
    /// Values, `[kv heads · head_dim, hidden]`.
    pub v_proj: Linear<B>,
    /// Output, `[hidden, heads · head_dim]`.
    pub o_proj: Linear<B>,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

impl<B: Backend> SelfAttention<B> {
    pub(crate) fn unfilled(config: &DecoderConfig, device: &B::Device) -> Self {
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let (hidden, head_dim) = (config.hidden_size, config.head_dim());
        let bias = config.qkv_bias();
        Self {
            q_proj: Linear::unfilled(hidden, heads * head_dim, bias, device),
            k_proj: Linear::unfilled(hidden, kv_heads * head_dim, bias, device),
            v_proj: Linear::unfilled(hidden, kv_heads * head_dim, bias, device),
            o_proj: Linear::unfilled(heads * head_dim, hidden, config.output_bias(), device),
            heads,
            kv_heads,
            head_dim,
        }
    }

    /// With a `cache`, the keys and values seen so far are put before this call's and kept.
    ///
    /// # Shapes
    /// `[batch, seq, hidden] → [batch, seq, hidden]`
    pub(crate) fn forward(
        &self,
        x: Tensor<B, 3>,
        context: &Context<B>,
        cache: Option<&mut LayerCache<B>>,
    ) -> Tensor<B, 3> {
        let [batch, seq, _] = x.dims();
        let (heads, kv, width) = (self.heads, self.kv_heads, self.head_dim);
        let group = heads / kv;
        let split = |x: Tensor<B, 3>| x.reshape([batch, seq, kv, width]).swap_dims(1, 2);

        let project = |linear: &Linear<B>| linear.forward_dropping(x.clone(), context.dropout);
        let q = context.rotation.turn_queries(project(&self.q_proj));
        let k = split(context.rotation.turn_keys(project(&self.k_proj)));
        let v = split(project(&self.v_proj));
        let (k, v) = match cache {
            Some(cache) => cache.append(k, v),
            None => (k, v),
        };
        let seen = k.dims()[2];

        // Key/value heads come first, so that the mask is one row that all of them share, and the
        // query heads of one group are stacked as more rows against their keys: nothing is
        // repeated (burn's `repeat_dim` has a wrong gradient, and copies).
        let (k, v) = (k.swap_dims(0, 1), v.swap_dims(0, 1));
        let q = q
            .mul_scalar((width as f64).powf(-0.5))
            .reshape([batch, seq, kv, group, width])
            .permute([2, 0, 3, 1, 4])
            .reshape([kv, batch, group * seq, width]);
        let dtype = q.dtype();
        let scores = widen(q.matmul(k.swap_dims(2, 3))).reshape([kv, batch * group * seq * seen])
            + context.mask.clone();
        let scores = scores.reshape([kv, batch, group * seq, seen]);
        // The softmax divides last, after the product with the values, where rows are shorter.
        let top = scores.clone().detach().max_dim(3);
        let weights = (scores - top).exp();
        let total = narrow(weights.clone().sum_dim(3), dtype);
        let mixed = narrow(weights, dtype).matmul(v) * total.recip();
        let mixed = mixed
            .reshape([kv, batch, group, seq, width])
            .permute([1, 3, 0, 2, 4])
            .reshape([batch, seq, heads * width]);
        self.o_proj.forward_dropping(mixed, context.dropout)
    }
}
