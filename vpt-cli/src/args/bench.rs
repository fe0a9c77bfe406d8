//! `vpt bench`

use super::{BackendArgs, at_least_one, named};
use clap::{Args, Subcommand};
use vpt_text::run::bench::{self, Arm, Axis};

/// `vpt bench`
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// The paper's Table 3: step time, tokens a second, peak memory and the value updates' share, with and
    /// without value, in turn in one run.
    #[command(after_help = "\
Examples:
  vpt bench overhead                                   SmolLM2-135M's shapes: minutes
  vpt bench overhead --preset h100 --backend cuda      Table 3's own: 32,768 tokens a step
  vpt bench overhead --resident                        without the stream: batches stay on the device
  vpt bench overhead --set value.update_every=5 --set designer.steps=4
  vpt bench overhead --preset tiny --json | jq .step_time_ratio")]
    Overhead(OverheadArgs),
    /// Cost against sequence length, K, feedback batch, subset depth and vocabulary, with exponents.
    #[command(after_help = "\
Examples:
  vpt bench scaling
  vpt bench scaling --axes vocabulary,subset-depth --rounds 9
  vpt bench scaling --preset cpu --axes top-k --json")]
    Scaling(ScalingArgs),
    /// Resident memory over many steps with a value update in each.
    #[command(after_help = "\
Examples:
  vpt bench soak
  vpt bench soak --steps 1000 --preset small --json")]
    Soak(SoakArgs),
}

/// `vpt bench overhead`
#[derive(Clone, Debug, Args)]
pub(crate) struct OverheadArgs {
    /// Shapes and settings: tiny, small, cpu, h100 or h100-4b.
    #[arg(long, value_name = "NAME", default_value = "cpu", value_parser = named::<bench::PresetName>)]
    pub(crate) preset: bench::PresetName,
    /// Windows that are measured.
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    pub(crate) windows: usize,
    /// Value updates in a window.
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub(crate) updates: usize,
    /// Value updates before the first window.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) warmup: usize,
    /// Keep a few batches on the device, so that the stream is not part of a step.
    #[arg(long)]
    pub(crate) resident: bool,
    /// The peak of memory of this loop alone, as JSON: what the whole asks a process of its own for.
    #[arg(long, value_name = "baseline|value", value_parser = named::<Arm>, hide = true)]
    pub(crate) peak_of: Option<Arm>,
    #[command(flatten)]
    pub(crate) common: BenchCommonArgs,
}

/// `vpt bench scaling`
#[derive(Debug, Args)]
pub(crate) struct ScalingArgs {
    /// The shapes that sizes are varied from: tiny, small, cpu, h100 or h100-4b.
    #[arg(long, value_name = "NAME", default_value = "small", value_parser = named::<bench::PresetName>)]
    pub(crate) preset: bench::PresetName,
    /// What to vary [default: all five].
    #[arg(long, value_name = "AXES", value_delimiter = ',', value_parser = named::<Axis>)]
    pub(crate) axes: Vec<Axis>,
    /// Value updates at each size.
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    pub(crate) rounds: usize,
    #[command(flatten)]
    pub(crate) common: BenchCommonArgs,
}

/// `vpt bench soak`
#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// Shapes and settings: tiny, small, cpu, h100 or h100-4b.
    #[arg(long, value_name = "NAME", default_value = "tiny", value_parser = named::<bench::PresetName>)]
    pub(crate) preset: bench::PresetName,
    /// Steps, with a value update in each.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one)]
    pub(crate) steps: usize,
    /// How often memory is looked at.
    #[arg(long, value_name = "N", default_value = "20", value_parser = at_least_one)]
    pub(crate) looks: usize,
    #[command(flatten)]
    pub(crate) common: BenchCommonArgs,
}

/// What all of them measure with.
#[derive(Clone, Debug, Args)]
pub(crate) struct BenchCommonArgs {
    /// Set one key of the runs' config over the preset's, as `designer.top_k=16`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
}
