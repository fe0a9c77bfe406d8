//! `vpt score`

use super::{BackendArgs, ConfigArgs, at_least_one};
use clap::{ArgGroup, Args};
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt score --tokens ids.json                          [[1, 2, 3]] -> {\"logprobs\": [[...]]}
  vpt score \"Once upon a time\" | jq .logprobs          a text as it stands
  vpt score --data my.jsonl --out scores.safetensors   the answers of labelled records
  vpt score --data my.jsonl --feedback feedback.jsonl --out values.json
                                                       also what each token is worth to the feedback
  vpt score --data my.jsonl --feedback feedback.jsonl --feedback-batch 64 --set value.subset=last:2";

/// `vpt score`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("given").required(true).args(["texts", "tokens", "data"]))]
pub(crate) struct ScoreArgs {
    /// Texts as they stand: every token but the first is scored.
    #[arg(value_name = "TEXT")]
    pub(crate) texts: Vec<String>,
    /// Token ids in place of texts: a JSON list of lists.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) tokens: Option<PathBuf>,
    /// Labelled records, JSONL, put into data.prompt and data.answer: the answers are scored.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<String>,
    /// Labelled records that stand for the downstream task: also give c(t, k), V and the oracle, on
    /// value.subset with designer.top_k candidates and designer.alpha_max.
    #[arg(long, value_name = "FILE")]
    pub(crate) feedback: Option<String>,
    /// Take g_down on this many records of the feedback, drawn by the seed [default: all].
    #[arg(long, value_name = "N", requires = "feedback", value_parser = at_least_one)]
    pub(crate) feedback_batch: Option<usize>,
    /// Write here, as .json or .safetensors [default: JSON on stdout].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}
