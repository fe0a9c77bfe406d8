//! What the command line may say: a file for each command.

mod bench;
mod completions;
mod config;
mod data;
mod eval;
mod experiment;
mod features;
mod generate;
mod inspect;
mod merge;
mod score;
mod sweep;
mod train;

pub(crate) use bench::{
    BenchArgs, BenchCommand, BenchCommonArgs, OverheadArgs, ScalingArgs, SoakArgs,
};
pub(crate) use completions::CompletionsArgs;
pub(crate) use config::ConfigCommandArgs;
pub(crate) use data::{
    DataArgs, DataCommand, DataInspectArgs, DecontaminateArgs, PresetName, RuleArgs,
};
pub(crate) use eval::EvalArgs;
pub(crate) use experiment::{Experiment, ExperimentArgs};
pub(crate) use features::FeaturesArgs;
pub(crate) use generate::GenerateArgs;
pub(crate) use inspect::InspectArgs;
pub(crate) use merge::MergeArgs;
pub(crate) use score::ScoreArgs;
pub(crate) use sweep::SweepArgs;
pub(crate) use train::TrainArgs;

use crate::backend::BackendName;
use crate::modality::ModalityName;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::de::value::Error as NameError;
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::path::PathBuf;

/// Value-based pretraining: continued pretraining steered by downstream feedback.
#[derive(Debug, Parser)]
#[command(name = "vpt", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Continue the pretraining of a model: one run.
    #[command(after_help = train::EXAMPLES)]
    Train(TrainArgs),
    /// Run methods × seeds under one budget, and report the comparison.
    #[command(after_help = experiment::EXAMPLES)]
    Experiment(ExperimentArgs),
    /// Search settings over trials, and report which no other beats.
    #[command(after_help = sweep::EXAMPLES)]
    Sweep(SweepArgs),
    /// Score a model on a labelled file (losses, and greedy Pass@1) or on an evaluation task.
    #[command(after_help = eval::EXAMPLES)]
    Eval(EvalArgs),
    /// Score given texts: the log-probability of every token, and with feedback its value.
    #[command(after_help = score::EXAMPLES)]
    Score(ScoreArgs),
    /// Continue prompts, greedily or by draws.
    #[command(after_help = generate::EXAMPLES)]
    Generate(GenerateArgs),
    /// Compute the features of images by a DINOv3 model: class tokens and patches.
    #[command(after_help = features::EXAMPLES)]
    Features(FeaturesArgs),
    /// Load a model, check it, and list what it holds.
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(InspectArgs),
    /// Merge LoRA adapters into their model.
    #[command(after_help = merge::EXAMPLES)]
    Merge(MergeArgs),
    /// Look at data, or clean it.
    Data(DataArgs),
    /// Measure what the value costs beside a plain step, on random weights and tokens.
    Bench(BenchArgs),
    /// Print or check the resolved config of a run.
    #[command(after_help = config::EXAMPLES)]
    Config(ConfigCommandArgs),
    /// Print completions for a shell.
    #[command(after_help = completions::EXAMPLES)]
    Completions(CompletionsArgs),
}

/// The layers of a config, from low to high: defaults, --config, --set, flags of their own.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Config")]
pub(crate) struct ConfigArgs {
    /// TOML laid over the defaults; `vpt config --print` shows every key.
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Set one key, as `designer.alpha_max=0.3`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The model to start from: a folder, a GGUF file, owner/name or owner/name@revision on the Hub, or
    /// builtin:NAME (sets model.path).
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// LoRA adapters to put on it: a folder in PEFT's layout, or a run folder (sets model.adapter).
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<String>,
}

impl ConfigArgs {
    /// As `--set modality=NAME` before every other.
    pub(crate) fn set_modality(&mut self, name: ModalityName) {
        let named = name.to_possible_value();
        let set = named.map(|value| format!("modality={}", value.get_name()));
        self.set.splice(0..0, set);
    }
}

/// Where tensors live.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct BackendArgs {
    /// Which of the backends that were compiled in to run on [default: the first of flex, cuda, wgpu,
    /// tch, ndarray].
    #[arg(long, value_enum, value_name = "NAME", hide_possible_values = true)]
    pub(crate) backend: Option<BackendName>,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct VerbosityArgs {
    /// Show no progress.
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Print events and results as JSON, one object a line, and no progress.
    #[arg(long)]
    pub(crate) json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number".into()),
    }
}

fn named<T: DeserializeOwned>(name: &str) -> Result<T, NameError> {
    T::deserialize(name.into_deserializer())
}
