//! `vpt inspect`

use super::{BackendArgs, ConfigArgs};
use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt inspect                                          the base that ships
  vpt inspect --model Qwen/Qwen1.5-0.5B                a model on the Hub, fetched into its cache
  vpt inspect --model runs/value-s0 --json
  vpt inspect --model dinov3-vits16                    a folder with a DINOv3 model
  vpt inspect --model SmolLM2.Q4_1.gguf                a GGUF file";

/// `vpt inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}
