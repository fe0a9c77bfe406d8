//! `vpt merge`

use super::{BackendArgs, ConfigArgs};
use clap::Args;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt merge --model Qwen2.5-0.5B --adapter runs/mine --out merged   a run's adapters
  vpt merge --model base --adapter peft-adapter --out merged        adapters that PEFT made";

/// `vpt merge`
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The folder of the merged model.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}
