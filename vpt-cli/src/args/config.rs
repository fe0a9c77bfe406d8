//! `vpt config`

use super::{BackendArgs, ConfigArgs};
use crate::modality::ModalityName;
use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt config --print                                  every key, its default and its meaning
  vpt config --modality image --print                 the keys of vision
  vpt config --print --set train.steps=500 > my.toml  the same with a change, ready for --config
  vpt config --check --config my.toml                 refuse now what a run would refuse";

/// `vpt config`
#[derive(Debug, Args)]
pub(crate) struct ConfigCommandArgs {
    /// Print the whole resolved config with a comment on each key (what it does without a flag too).
    #[arg(long, conflicts_with = "check")]
    pub(crate) print: bool,
    /// Only say whether it can be run.
    #[arg(long)]
    pub(crate) check: bool,
    /// Whose keys: text or image (sets modality) [default: text, or what the config says].
    #[arg(long, value_enum, value_name = "NAME", hide_possible_values = true)]
    pub(crate) modality: Option<ModalityName>,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}
