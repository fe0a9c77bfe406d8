//! Task designers for vision: masks that are made for each image (A.2).
//!
//! m_φ(x) ∈ [0, 1] at the resolution of the pixels, by a small [`UNet`] or a small transformer
//! ([`Sit`]), times the normalised pixels. [`LearnedMasks`] is the view generator for every task of
//! [`objective`](crate::objective); its baselines are [`Drawn`](crate::objective::Drawn) with the
//! masks of [`RandomMask`] in the batch, and [`Whole`](crate::objective::Whole). Everything here
//! can be differentiated any number of times.

mod config;
mod convolution;
mod init;
mod mask;
mod random;
mod sit;
mod unet;
mod views;

pub use config::{Architecture, DesignerError, MaskedCrops};
pub use mask::{MaskPenalty, kept_share, total_variation};
pub use random::RandomMask;
pub use sit::{Sit, SitConfig};
pub use unet::{UNet, UNetConfig};
pub use views::{LearnedMasks, mask_measures};

use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use rand::Rng;

/// φ: m_φ(x) for each image, or crop, by itself.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a run holds one or two")]
pub enum MaskDesigner<B: Backend> {
    /// By a [`UNet`].
    UNet(UNet<B>),
    /// By a [`Sit`].
    Sit(Sit<B>),
}

impl<B: Backend> MaskDesigner<B> {
    /// With values drawn from `rng`, and masks near `keep` at first.
    ///
    /// # Panics
    /// If the settings are not [checked](Architecture::check), or `keep` is not in (0, 1).
    pub fn init<R: Rng + ?Sized>(
        architecture: Architecture,
        keep: f64,
        rng: &mut R,
        device: &B::Device,
    ) -> Self {
        match architecture {
            Architecture::UNet(config) => Self::UNet(UNet::init(config, keep, rng, device)),
            Architecture::Sit(config) => Self::Sit(Sit::init(config, keep, rng, device)),
        }
    }

    /// m_φ(x).
    ///
    /// # Shapes
    /// normalised pixels `[masks, 3, h, w]` → `[masks, 1, h, w]` in [0, 1]
    ///
    /// # Panics
    /// If a side is not a multiple of what [`Architecture::check`] asks for.
    pub fn mask(&self, pixels: Tensor<B, 4>) -> Tensor<B, 4> {
        mask::soft(match self {
            Self::UNet(network) => network.logits(pixels),
            Self::Sit(network) => network.logits(pixels),
        })
    }
}
