//! `vpt train`

use super::{BackendArgs, ConfigArgs, VerbosityArgs, at_least_one};
use clap::Args;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt train                                          the embedded demo, steered by value
  vpt train --set method=ntp --set seed=1            its baseline, another seed
  vpt train --config my.toml --out runs/mine         your own data and settings
  vpt train --stop-after 100 --out runs/mine         a part of it ...
  vpt train --resume runs/mine                       ... and the rest, as if never stopped
  vpt train --model Qwen/Qwen2.5-0.5B --init-from runs/mine/model   another start for the weights
  vpt train --set lora.rank=16 --set train.lr=1e-3   adapters alone learn, beside a fixed base
  vpt train --set modality=image --out runs/views    learned views of drawn scenes
  vpt train --json --quiet | jq .loss                events, one JSON object a line";

/// `vpt train`
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The run folder [default: runs/METHOD-sSEED].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with the run in this folder from its last checkpoint, with its own config.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "init_from"])]
    pub(crate) resume: Option<PathBuf>,
    /// Take the weights, and nothing else, from this model folder or GGUF file.
    #[arg(long, value_name = "DIR")]
    pub(crate) init_from: Option<PathBuf>,
    /// End after this learner step, with a checkpoint to go on from.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) stop_after: Option<usize>,
    #[command(flatten)]
    pub(crate) verbosity: VerbosityArgs,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}
