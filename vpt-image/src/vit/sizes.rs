//! The configurations that were published, and a tiny one.

use super::config::{HiddenAct, VitConfig};

/// A published size of DINOv3, as `facebook/dinov3-*-pretrain-lvd1689m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VitSize {
    /// `vits16`, 21 M parameters.
    S,
    /// `vits16plus`, 29 M.
    SPlus,
    /// `vitb16`, 86 M.
    B,
    /// `vitl16`, 300 M.
    L,
    /// `vith16plus`, 840 M.
    HPlus,
    /// `vit7b16`, 6,716 M.
    SevenB,
}

impl Default for VitConfig {
    /// What Transformers fills absent fields with: size S without registers.
    fn default() -> Self {
        Self {
            patch_size: 16,
            image_size: 224,
            hidden_size: 384,
            intermediate_size: 1536,
            num_hidden_layers: 12,
            num_attention_heads: 6,
            num_register_tokens: 0,
            hidden_act: HiddenAct::Gelu,
            use_gated_mlp: false,
            query_bias: true,
            key_bias: false,
            value_bias: true,
            proj_bias: true,
            mlp_bias: true,
            layer_norm_eps: 1e-5,
            rope_theta: 100.0,
            layerscale_value: 1.0,
            initializer_range: 0.02,
            pos_embed_shift: None,
            pos_embed_jitter: None,
            pos_embed_rescale: Some(2.0),
        }
    }
}

impl VitConfig {
    /// A published one.
    pub fn of(size: VitSize) -> Self {
        let (hidden_size, intermediate_size, num_hidden_layers, num_attention_heads) = match size {
            VitSize::S | VitSize::SPlus => (384, 1536, 12, 6),
            VitSize::B => (768, 3072, 12, 12),
            VitSize::L => (1024, 4096, 24, 16),
            VitSize::HPlus => (1280, 5120, 32, 20),
            VitSize::SevenB => (4096, 8192, 40, 32),
        };
        let gated = matches!(size, VitSize::SPlus | VitSize::HPlus | VitSize::SevenB);
        let biased = size != VitSize::SevenB;
        Self {
            hidden_size,
            intermediate_size,
            num_hidden_layers,
            num_attention_heads,
            num_register_tokens: 4,
            hidden_act: if gated {
                HiddenAct::Silu
            } else {
                HiddenAct::Gelu
            },
            use_gated_mlp: gated,
            query_bias: biased,
            value_bias: biased,
            ..Self::default()
        }
    }

    /// One for small images on a small machine: four blocks of width 96 with three heads, one
    /// register, 0.5 M parameters. Fresh layer scales hold 0.1, so that every block begins as a
    /// small correction.
    pub fn tiny(image_size: usize, patch_size: usize) -> Self {
        Self {
            patch_size,
            image_size,
            hidden_size: 96,
            intermediate_size: 384,
            num_hidden_layers: 4,
            num_attention_heads: 3,
            num_register_tokens: 1,
            layerscale_value: 0.1,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts of Meta's README, in millions.
    #[test]
    fn the_published_sizes_have_the_published_numbers_of_parameters() {
        for (size, millions) in [
            (VitSize::S, 21),
            (VitSize::SPlus, 29),
            (VitSize::B, 86),
            (VitSize::L, 300),
            (VitSize::HPlus, 840),
            (VitSize::SevenB, 6716),
        ] {
            let config = VitConfig::of(size);
            config.check().unwrap();
            let found = config.parameter_count() as f64 / 1e6;
            let expected = f64::from(millions);
            let rounded = (found - expected).abs() < 1.0 || (found / expected - 1.0).abs() < 0.012;
            assert!(rounded, "{size:?}: {found}");
        }
        VitConfig::tiny(64, 8).check().unwrap();
    }
}
