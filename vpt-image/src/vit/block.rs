//! One block: attention and MLP, each behind a norm and scaled onto the residual stream.

use super::attention::VitAttention;
use super::config::{HiddenAct, VitConfig};
use super::rope::Rotation;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::layers::{LayerNorm, Linear, gelu, silu, unfilled};

/// x · λ, a factor for each channel.
#[derive(Module, Debug)]
pub struct LayerScale<B: Backend> {
    /// λ, `[hidden]`.
    pub lambda1: Param<Tensor<B, 1>>,
}

impl<B: Backend> LayerScale<B> {
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        x * self.lambda1.val().unsqueeze()
    }
}

/// down(act(up(x))), or down(act(gate(x)) · up(x)) where there is a gate.
#[derive(Module, Debug)]
pub struct VitMlp<B: Backend> {
    /// `[intermediate, hidden]`, in gated ones.
    pub gate_proj: Option<Linear<B>>,
    /// `[intermediate, hidden]`
    pub up_proj: Linear<B>,
    /// `[hidden, intermediate]`
    pub down_proj: Linear<B>,
    #[module(skip)]
    act: HiddenAct,
}

impl<B: Backend> VitMlp<B> {
    fn unfilled(config: &VitConfig, device: &B::Device) -> Self {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let wide = || Linear::unfilled(hidden, inner, config.mlp_bias, device);
        Self {
            gate_proj: config.use_gated_mlp.then(wide),
            up_proj: wide(),
            down_proj: Linear::unfilled(inner, hidden, config.mlp_bias, device),
            act: config.hidden_act,
        }
    }

    /// # Shapes
    /// `[batch, tokens, hidden] → [batch, tokens, hidden]`
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let act = |x| match self.act {
            HiddenAct::Gelu => gelu(x),
            HiddenAct::Silu => silu(x),
        };
        let up = self.up_proj.forward(x.clone());
        self.down_proj.forward(match &self.gate_proj {
            Some(gate) => act(gate.forward(x)) * up,
            None => act(up),
        })
    }
}

/// h = x + λ₁·Attn(norm(x)); h + λ₂·MLP(norm(h)).
#[derive(Module, Debug)]
pub struct VitBlock<B: Backend> {
    /// Norm before attention.
    pub norm1: LayerNorm<B>,
    /// Attention.
    pub attention: VitAttention<B>,
    /// λ₁.
    pub layer_scale1: LayerScale<B>,
    /// Norm before the MLP.
    pub norm2: LayerNorm<B>,
    /// The MLP.
    pub mlp: VitMlp<B>,
    /// λ₂.
    pub layer_scale2: LayerScale<B>,
}

impl<B: Backend> VitBlock<B> {
    pub(super) fn unfilled(config: &VitConfig, device: &B::Device) -> Self {
        let width = config.hidden_size;
        let norm = || LayerNorm::unfilled(width, config.layer_norm_eps, device);
        let scale = || LayerScale {
            lambda1: unfilled([width], device),
        };
        Self {
            norm1: norm(),
            attention: VitAttention::unfilled(config, device),
            layer_scale1: scale(),
            norm2: norm(),
            mlp: VitMlp::unfilled(config, device),
            layer_scale2: scale(),
        }
    }

    /// # Shapes
    /// `[batch, tokens, hidden] → [batch, tokens, hidden]`
    pub(super) fn forward(&self, x: Tensor<B, 3>, rotation: &Rotation<B>) -> Tensor<B, 3> {
        let h = self.norm1.forward(x.clone());
        let x = x + self
            .layer_scale1
            .forward(self.attention.forward(h, rotation));
        let h = self.norm2.forward(x.clone());
        x + self.layer_scale2.forward(self.mlp.forward(h))
    }
}
