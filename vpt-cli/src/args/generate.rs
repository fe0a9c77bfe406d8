//! `vpt generate`

use super::{BackendArgs, ConfigArgs, at_least_one};
use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt generate \"What is 3+4-2?\"                       a problem, put into the template
  vpt generate --model runs/value-s0 --raw \"Once upon\" text as it stands
  vpt generate --temperature 0.7 --top-p 0.95 --samples 4 --seed 1 \"What is 3+4-2?\"
  vpt generate --stop \"####\" --stop \"Question:\" \"What is 3+4-2?\"
  vpt generate --model SmolLM2.Q4_1.gguf --raw \"Once\"  a GGUF file";

/// `vpt generate`
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Problems, put into data.prompt.
    #[arg(required = true, value_name = "PROMPT")]
    pub(crate) prompts: Vec<String>,
    /// Take the prompts as they stand.
    #[arg(long)]
    pub(crate) raw: bool,
    /// The longest completion, in tokens [default: eval.max_new_tokens].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) max_new_tokens: Option<usize>,
    /// Draw tokens at this temperature; 0: take the most likely one.
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    pub(crate) temperature: f64,
    /// Draw among the most likely tokens that reach this probability together; 1: among all.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(crate) top_p: f64,
    /// Draw among this many of the most likely tokens; 0: among all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub(crate) top_k: usize,
    /// Completions of each prompt.
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub(crate) samples: usize,
    /// Seeds the draws; each prompt and sample has its own [default: seed].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// End a completion before this text; may be repeated.
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Drop the start of a prompt that leaves no room for the longest completion.
    #[arg(long)]
    pub(crate) truncate: bool,
    /// Print one JSON object a completion.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}
