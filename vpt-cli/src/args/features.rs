//! `vpt features`

use super::{BackendArgs, at_least_one, named};
use clap::Args;
use std::path::PathBuf;
use vpt_image::features::FeatureSize;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt features --model facebook/dinov3-vits16-pretrain-lvd1689m photo.jpg --out photo.safetensors
  vpt features --model DIR images/*.jpg --batch 32 --out features.safetensors
  vpt features --model DIR street.png --size native --out street.safetensors   at the image's own size
  vpt features --model DIR a.png b.png --out ab.safetensors --json | jq .patches";

/// `vpt features`
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    /// Images, JPEG or PNG.
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
    /// The model: a folder, owner/name or owner/name@revision on the Hub.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,
    /// Write here: cls [images, width] and patches [images, rows x columns, width] after the final norm.
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) out: PathBuf,
    /// processor: resize as the model's preprocessor_config.json says; native: keep an image's own size
    /// where both sides are multiples of the patch.
    #[arg(long, value_name = "SIZE", default_value = "processor", value_parser = named::<FeatureSize>)]
    pub(crate) size: FeatureSize,
    /// Images at once.
    #[arg(long, value_name = "N", default_value = "8", value_parser = at_least_one)]
    pub(crate) batch: usize,
    /// Print what was written as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
}
