//! `vpt data`

use super::{ConfigArgs, VerbosityArgs, named};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use vpt_text::decontaminate::{Candidates, Numbers, Punctuation, Within};

/// `vpt data`
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show packed sequences of the stream as a run would get them, and what the stream holds.
    #[command(after_help = "\
Examples:
  vpt data inspect                                     the demo's stream: prompts dim, answers plain
  vpt data inspect --sequences 0 --set data.corpus=shards/    totals of your own files alone
  vpt data inspect --set data.open_rows=16 --set data.seq_len=1024 --sequences 4
  vpt data inspect --json | jq .padding")]
    Inspect(DataInspectArgs),
    /// Take near-duplicates of test items out of a stream, with a report of what and why.
    #[command(after_help = "\
Examples:
  vpt data decontaminate --data numina.parquet --against gsm8k=gsm8k-test.jsonl --item-column question \\
    --against math=math-test.jsonl --out clean.jsonl.zst --report removed.json
  vpt data decontaminate --against test=builtin:headline/test.jsonl.gz --dry-run
  vpt data decontaminate --preset gpt3 --against test=test.jsonl --out clean.jsonl --report removed.json
  vpt data decontaminate --candidates all --punctuation operators --numbers zero --against test=test.jsonl --dry-run")]
    Decontaminate(DecontaminateArgs),
}

/// `vpt data inspect`
#[derive(Debug, Args)]
pub(crate) struct DataInspectArgs {
    /// How many sequences to show.
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) sequences: usize,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}

/// `vpt data decontaminate`
#[derive(Debug, Args)]
pub(crate) struct DecontaminateArgs {
    /// The stream: files, folders or patterns, read in this order [default: data.corpus].
    #[arg(long, value_name = "STREAM", num_args = 1..)]
    pub(crate) data: Vec<String>,
    /// A test set that the stream must not hold; may be repeated.
    #[arg(long, value_name = "NAME=FILE", required = true, value_parser = named_file)]
    pub(crate) against: Vec<(String, String)>,
    /// Where the test sets keep the problem [default: data.columns.problem].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) item_column: Option<String>,
    /// What stays of the stream: .jsonl, .jsonl.gz or .jsonl.zst.
    #[arg(long, value_name = "CLEAN.jsonl", required_unless_present = "dry_run")]
    pub(crate) out: Option<PathBuf>,
    /// Every removed record, the item it is like, and the measures, as JSON.
    #[arg(long, value_name = "REPORT.json", required_unless_present = "dry_run")]
    pub(crate) report: Option<PathBuf>,
    /// Only say what would be removed.
    #[arg(long, conflicts_with = "out")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) verbosity: VerbosityArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}

/// What counts as a near-duplicate. A problem with the very words of an item always does.
#[derive(Debug, Args)]
#[command(next_help_heading = "Near-duplicates")]
pub(crate) struct RuleArgs {
    /// Where the settings below start from: the paper's MinHash LSH and n-gram similarity with
    /// containment, or GPT-3's common 13-gram.
    #[arg(long, value_enum, value_name = "NAME", default_value = "paper")]
    pub(crate) preset: PresetName,
    /// Words in an n-gram [paper: 5, gpt3: 13].
    #[arg(long, value_name = "N")]
    pub(crate) ngram: Option<usize>,
    /// Least Jaccard similarity of problem and item, or off [paper: 0.7, gpt3: off].
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) jaccard: Option<Share>,
    /// Least share of an item's n-grams in the record, or off; 0: a single one is enough [paper: 0.8,
    /// gpt3: 0].
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) containment: Option<Share>,
    /// Where items are looked for: record (problem and solution) or problem [default: record].
    #[arg(long, value_name = "PART", value_parser = named::<Within>)]
    pub(crate) within: Option<Within>,
    /// Characters that are no letters or digits: separate words, stay if they are operators, or
    /// delete [paper: separate, gpt3: delete].
    #[arg(long, value_name = "separate|operators|delete", value_parser = named::<Punctuation>)]
    pub(crate) punctuation: Option<Punctuation>,
    /// keep, or zero: problems that differ in numbers alone are the same [default: keep].
    #[arg(long, value_name = "keep|zero", value_parser = named::<Numbers>)]
    pub(crate) numbers: Option<Numbers>,
    /// Pairs whose Jaccard similarity is measured: those that MinHash LSH proposes, or all that share
    /// an n-gram [default: lsh].
    #[arg(long, value_name = "lsh|all", value_parser = named::<Candidates>)]
    pub(crate) candidates: Option<Candidates>,
    /// Hash functions of a MinHash signature [default: 256].
    #[arg(long, value_name = "N")]
    pub(crate) permutations: Option<usize>,
    /// Weight of missed pairs when signatures are divided into bands, from 0 to 1 [default: 0.95].
    #[arg(long, value_name = "SHARE")]
    pub(crate) miss_weight: Option<f64>,
}

impl RuleArgs {
    /// Whether anything is said of how pairs are found.
    pub(crate) fn finds_candidates(&self) -> bool {
        self.candidates.is_some() || self.permutations.is_some() || self.miss_weight.is_some()
    }
}

/// Named settings of a decontamination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetName {
    /// Near-duplicates, as the paper's section 4.5.
    Paper,
    /// A common 13-gram, as GPT-3.
    Gpt3,
}

/// A share, or none for `off`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share(pub(crate) Option<f64>);

fn named_file(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.into(), file.into()))
        }
        _ => Err("expected NAME=FILE".into()),
    }
}

fn share(text: &str) -> Result<Share, String> {
    match text.parse() {
        _ if text == "off" => Ok(Share(None)),
        Ok(share) => Ok(Share(Some(share))),
        Err(_) => Err("neither a share nor `off`".into()),
    }
}
