//! Attention among all tokens of an image.

use super::config::VitConfig;
use super::rope::Rotation;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::layers::{Linear, narrow, widen};

/// softmax(q·kᵀ/√d)·v in each head.
#[derive(Module, Debug)]
pub struct VitAttention<B: Backend> {
    /// Queries, `[hidden, hidden]`.
    pub q_proj: Linear<B>,
    /// Keys, `[hidden, hidden]`.
    pub k_proj: Linear<B>,
    /// Values, `[hidden, hidden]`.
    pub v_proj: Linear<B>,
    /// Output, `[hidden, hidden]`.
    pub o_proj: Linear<B>,
    heads: usize,
}

impl<B: Backend> VitAttention<B> {
    pub(super) fn unfilled(config: &VitConfig, device: &B::Device) -> Self {
        let square = |bias| Linear::unfilled(config.hidden_size, config.hidden_size, bias, device);
        Self {
            q_proj: square(config.query_bias),
            k_proj: square(config.key_bias),
            v_proj: square(config.value_bias),
            o_proj: square(config.proj_bias),
            heads: config.num_attention_heads,
        }
    }

    /// # Shapes
    /// `[batch, tokens, hidden] → [batch, tokens, hidden]`
    pub(super) fn forward(&self, x: Tensor<B, 3>, rotation: &Rotation<B>) -> Tensor<B, 3> {
        let [batch, tokens, hidden] = x.dims();
        let width = hidden / self.heads;
        let split = |x: Tensor<B, 3>| {
            x.reshape([batch, tokens, self.heads, width])
                .swap_dims(1, 2)
        };
        let q = rotation.turn(self.q_proj.forward(x.clone()));
        let q = split(q.mul_scalar((width as f64).powf(-0.5)));
        let k = split(rotation.turn(self.k_proj.forward(x.clone())));
        let v = split(self.v_proj.forward(x));
        let dtype = q.dtype();
        let scores = widen(q.matmul(k.swap_dims(2, 3)));
        // The softmax divides last, after the product with the values, where rows are shorter.
        let top = scores.clone().detach().max_dim(3);
        let weights = (scores - top).exp();
        let total = narrow(weights.clone().sum_dim(3), dtype);
        let mixed = narrow(weights, dtype).matmul(v) * total.recip();
        self.o_proj
            .forward(mixed.swap_dims(1, 2).reshape([batch, tokens, hidden]))
    }
}
