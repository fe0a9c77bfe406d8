//! Causal attention inside documents, with grouped key/value heads.

use super::cache::LayerCache;
use super::config::DecoderConfig;
use super::model::DecoderInput;
use super::rope::Rotary;
use burn::module::Module;
use burn::tensor::{Int, Tensor, backend::Backend};
use vpt_core::kernels::{AttentionMask, Rotation, attention};
use vpt_core::layers::Linear;

/// What every block of one forward shares: rotations and mask.
#[derive(Clone, Debug)]
pub(crate) struct Context<B: Backend> {
    pub(crate) rotation: Rotation<B>,
    pub(crate) mask: AttentionMask<B>,
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
        let [_, seq] = input.tokens.dims();
        Self {
            rotation: rotary.at(&input.positions, like),
            mask: AttentionMask::causal(seen, seq, rotary.group(), like),
            dropout: None,
        }
    }
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
        let project = |linear: &Linear<B>| linear.forward_dropping(x.clone(), context.dropout);
        let q = context.rotation.turn(project(&self.q_proj));
        let k = context.rotation.turn(project(&self.k_proj));
        let v = project(&self.v_proj);
        let (k, v) = match cache {
            Some(cache) => cache.append(k, v),
            None => (k, v),
        };
        let mixed = attention([q, k, v], [self.heads, self.kv_heads], &context.mask);
        self.o_proj.forward_dropping(mixed, context.dropout)
    }
}
