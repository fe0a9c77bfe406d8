//! One block: attention and gated layer, each behind a norm and on top of the residual stream.

use super::attention::{Context, SelfAttention};
use super::cache::LayerCache;
use super::config::DecoderConfig;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::kernels::swiglu;
use vpt_core::layers::{Linear, RmsNorm};

/// down(silu(gate(x)) · up(x)).
#[derive(Module, Debug)]
pub struct Mlp<B: Backend> {
    /// `[intermediate, hidden]`
    pub gate_proj: Linear<B>,
    /// `[intermediate, hidden]`
    pub up_proj: Linear<B>,
    /// `[hidden, intermediate]`
    pub down_proj: Linear<B>,
}

impl<B: Backend> Mlp<B> {
    fn unfilled(config: &DecoderConfig, device: &B::Device) -> Self {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let bias = config.gated_bias();
        Self {
            gate_proj: Linear::unfilled(hidden, inner, bias, device),
            up_proj: Linear::unfilled(hidden, inner, bias, device),
            down_proj: Linear::unfilled(inner, hidden, bias, device),
        }
    }

    /// # Shapes
    /// `[batch, seq, hidden] → [batch, seq, hidden]`
    pub(crate) fn forward(&self, x: Tensor<B, 3>, context: &Context<B>) -> Tensor<B, 3> {
        let seed = context.dropout;
        let gate = self.gate_proj.forward_dropping(x.clone(), seed);
        let up = self.up_proj.forward_dropping(x, seed);
        self.down_proj.forward_dropping(swiglu(gate, up), seed)
    }
}

/// h = x + Attn(RMS(x)); h + MLP(RMS(h)).
#[derive(Module, Debug)]
pub struct Block<B: Backend> {
    /// Norm before attention.
    pub input_layernorm: RmsNorm<B>,
    /// Attention.
    pub self_attn: SelfAttention<B>,
    /// Norm before the gated layer.
    pub post_attention_layernorm: RmsNorm<B>,
    /// The gated layer.
    pub mlp: Mlp<B>,
}

impl<B: Backend> Block<B> {
    pub(crate) fn unfilled(config: &DecoderConfig, device: &B::Device) -> Self {
        let norm = || RmsNorm::unfilled(config.hidden_size, config.rms_norm_eps, device);
        Self {
            input_layernorm: norm(),
            self_attn: SelfAttention::unfilled(config, device),
            post_attention_layernorm: norm(),
            mlp: Mlp::unfilled(config, device),
        }
    }

    /// Whether anything of it is on a tape.
    pub(super) fn is_tracked(&self) -> bool {
        let (attention, mlp) = (&self.self_attn, &self.mlp);
        let norms = [&self.input_layernorm, &self.post_attention_layernorm];
        let linears = [
            &attention.q_proj,
            &attention.k_proj,
            &attention.v_proj,
            &attention.o_proj,
            &mlp.gate_proj,
            &mlp.up_proj,
            &mlp.down_proj,
        ];
        norms.iter().any(|norm| norm.weight.val().is_require_grad())
            || linears.iter().any(|linear| linear.is_tracked())
    }

    /// # Shapes
    /// `[batch, seq, hidden] → [batch, seq, hidden]`
    pub(crate) fn forward(
        &self,
        x: Tensor<B, 3>,
        context: &Context<B>,
        cache: Option<&mut LayerCache<B>>,
    ) -> Tensor<B, 3> {
        let h = self.input_layernorm.forward(x.clone());
        let x = x + self.self_attn.forward(h, context, cache);
        let h = self.post_attention_layernorm.forward(x.clone());
        x + self.mlp.forward(h, context)
    }
}
