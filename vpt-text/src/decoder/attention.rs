//! Causal attention inside documents, with grouped key/value heads.

use super::cache::LayerCache;
use super::config::DecoderConfig;
use super::layers::{Linear, narrow, widen};
use super::rope::Rotation;
use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{FloatDType, Int, Tensor, backend::Backend};

/// Added to a score that must not count: after the softmax its weight is exactly 0.
const MASKED: f64 = -1e30;

/// What every block of one forward shares: rotations and mask.
#[derive(Clone, Debug)]
pub(crate) struct Context<B: Backend> {
    pub(crate) rotation: Rotation<B>,
    /// 0 where attention is allowed, −1e30 elsewhere, `[batch, 1, seq, seen]`.
    pub(crate) mask: Tensor<B, 4>,
}

/// The mask of queries against keys: query i sees key j iff j is not later and both are in the
/// same document. The queries are the last of the keys.
///
/// # Shapes
/// queries `[batch, seq]`, keys `[batch, seen]`, result `[batch, 1, seq, seen]`
pub(crate) fn document_mask<B: Backend, const D: usize>(
    queries: &Tensor<B, 2, Int>,
    keys: &Tensor<B, 2, Int>,
    like: &Tensor<B, D>,
) -> Tensor<B, 4> {
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
        .unsqueeze_dim(1)
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
        let split = |x: Tensor<B, 3>, heads| x.reshape([batch, seq, heads, width]);
        let turn = |x| context.rotation.turn(x);

        let q = turn(split(self.q_proj.forward(x.clone()), heads)).swap_dims(1, 2);
        let k = turn(split(self.k_proj.forward(x.clone()), kv)).swap_dims(1, 2);
        let v = split(self.v_proj.forward(x), kv).swap_dims(1, 2);
        let (k, v) = match cache {
            Some(cache) => cache.append(k, v),
            None => (k, v),
        };
        let seen = k.dims()[2];

        // The query heads of one group are stacked as more rows against their shared keys:
        // nothing is repeated (burn's `repeat_dim` has a wrong gradient, and copies).
        let stack = |x: Tensor<B, 4>, width| match heads == kv {
            true => x,
            false => x.reshape([batch, kv, heads / kv * seq, width]),
        };
        let unstack = |x: Tensor<B, 4>, width| match heads == kv {
            true => x,
            false => x.reshape([batch, heads, seq, width]),
        };
        let q = stack(q.mul_scalar((width as f64).powf(-0.5)), width);
        let dtype = q.dtype();
        let scores = widen(unstack(q.matmul(k.swap_dims(2, 3)), seen)) + context.mask.clone();
        let weights = stack(narrow(softmax(scores, 3), dtype), seen);
        let mixed = unstack(weights.matmul(v), width).swap_dims(1, 2);
        self.o_proj
            .forward(mixed.reshape([batch, seq, heads * width]))
    }
}
