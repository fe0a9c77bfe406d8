//! `vpt eval`

use super::{BackendArgs, ConfigArgs, at_least_one};
use clap::Args;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt eval                                             the base that ships, on the demo's test set
  vpt eval --model runs/value-s0 --data my.jsonl       a run's learner on your own file
  vpt eval --model runs/value-s0 --json | jq .pass_at_1
  vpt eval --completions answers.jsonl                 ready completions, as lm-evaluation-harness scores GSM8K
  vpt eval --list                                      the tasks that ship
  vpt eval --task gsm8k --data test.jsonl --shots train.jsonl --model DIR --out gsm8k.json
  vpt eval --task gsm8k-paper --data test.jsonl --samples 16 --temperature 0.7 --top-p 0.95   Pass@k
  vpt eval --task omega-explorative --data test_in=in.jsonl --data test_out=out.jsonl
  vpt eval --task mmlu --num-shots 5 --shots dev.jsonl --data test.jsonl";

/// `vpt eval`
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The labelled file, JSONL [default: data.test]; with --task, the items of each split.
    #[arg(long, value_name = "[SPLIT=]FILE")]
    pub(crate) data: Vec<String>,
    /// Score ready completions instead, without a model: JSONL with `completion` and `answer`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "task", "config", "set", "model", "adapter", "backend"])]
    pub(crate) completions: Option<PathBuf>,
    /// List the tasks that ship.
    #[arg(long, conflicts_with_all = ["data", "completions", "task", "config", "set", "model", "adapter", "backend"])]
    pub(crate) list: bool,
    /// Print one JSON object, with every item.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
    #[command(flatten)]
    pub(crate) task: TaskArgs,
}

/// What `vpt eval --task` is told.
#[derive(Debug, Args)]
#[command(next_help_heading = "Task")]
pub(crate) struct TaskArgs {
    /// Score the model on a task: one that ships (see --list), or a TOML file.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub(crate) task: Option<String>,
    /// The file that few-shot examples come from, JSONL.
    #[arg(long, value_name = "FILE", requires = "task")]
    pub(crate) shots: Option<String>,
    /// How many examples a prompt shows [default: the task's].
    #[arg(long, value_name = "N", requires = "task")]
    pub(crate) num_shots: Option<usize>,
    /// Ask only the first items of each file.
    #[arg(long, value_name = "N", requires = "task", value_parser = at_least_one)]
    pub(crate) limit: Option<usize>,
    /// Completions of each prompt; several give Pass@k for k = 1, 2, 4, 8, 16 up to their number.
    #[arg(long, value_name = "N", requires = "task", value_parser = at_least_one)]
    pub(crate) samples: Option<usize>,
    /// Temperature of the draws; 0: the most likely token, always [default: the task's].
    #[arg(long, value_name = "T", requires = "task")]
    pub(crate) temperature: Option<f64>,
    /// Draw from the smallest set of tokens of at least this probability [default: the task's].
    #[arg(long, value_name = "P", requires = "task")]
    pub(crate) top_p: Option<f64>,
    /// The longest completion, in tokens [default: the task's].
    #[arg(long, value_name = "N", requires = "task", value_parser = at_least_one)]
    pub(crate) max_new_tokens: Option<usize>,
    /// Keep whole prompts in the result, not only their hashes.
    #[arg(long, requires = "task")]
    pub(crate) log_prompts: bool,
    /// Write the result, with every item, to this file; interrupted, the same command goes on.
    #[arg(long, value_name = "FILE.json", requires = "task")]
    pub(crate) out: Option<PathBuf>,
}
