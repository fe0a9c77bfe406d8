//! What the command line may say.

use crate::backend::BackendName;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::de::value::Error as NameError;
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::path::{Path, PathBuf};
use vpt_image::features::FeatureSize;
use vpt_text::config::Method;
use vpt_text::decontaminate::{Candidates, Numbers, Punctuation, Within};
use vpt_text::run::bench::{self, Arm, Axis};

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
    #[command(after_help = "\
Examples:
  vpt train                                          the embedded demo, steered by value
  vpt train --set method=ntp --set seed=1            its baseline, another seed
  vpt train --config my.toml --out runs/mine         your own data and settings
  vpt train --stop-after 100 --out runs/mine         a part of it ...
  vpt train --resume runs/mine                       ... and the rest, as if never stopped
  vpt train --model Qwen/Qwen2.5-0.5B --init-from runs/mine/model   another start for the weights
  vpt train --set lora.rank=16 --set train.lr=1e-3   adapters alone learn, beside a fixed base
  vpt train --json --quiet | jq .loss                events, one JSON object a line")]
    Train(TrainArgs),
    /// Run methods × seeds under one budget, and report the comparison.
    #[command(after_help = "\
Examples:
  vpt experiment headline                                   what value feedback does, in minutes
  vpt experiment headline --seeds 5 --methods ntp,value     more seeds, fewer methods
  vpt experiment headline --set train.steps=400 --out runs/longer
  vpt experiment configs/smollm2.toml --minutes 0           a released model, on sets that scripts/fetch-smollm2 brings

Run it again with the same --out to go on after an interruption: finished runs are kept.")]
    Experiment(ExperimentArgs),
    /// Score a model on a labelled file (losses, and greedy Pass@1) or on an evaluation task.
    #[command(after_help = "\
Examples:
  vpt eval                                             the base that ships, on the demo's test set
  vpt eval --model runs/value-s0 --data my.jsonl       a run's learner on your own file
  vpt eval --model runs/value-s0 --json | jq .pass_at_1
  vpt eval --completions answers.jsonl                 ready completions, as lm-evaluation-harness scores GSM8K
  vpt eval --list                                      the tasks that ship
  vpt eval --task gsm8k --data test.jsonl --shots train.jsonl --model DIR --out gsm8k.json
  vpt eval --task gsm8k-paper --data test.jsonl --samples 16 --temperature 0.7 --top-p 0.95   Pass@k
  vpt eval --task omega-explorative --data test_in=in.jsonl --data test_out=out.jsonl
  vpt eval --task mmlu --num-shots 5 --shots dev.jsonl --data test.jsonl")]
    Eval(EvalArgs),
    /// Score given texts: the log-probability of every token, and with feedback its value.
    #[command(after_help = "\
Examples:
  vpt score --tokens ids.json                          [[1, 2, 3]] -> {\"logprobs\": [[...]]}
  vpt score \"Once upon a time\" | jq .logprobs          a text as it stands
  vpt score --data my.jsonl --out scores.safetensors   the answers of labelled records
  vpt score --data my.jsonl --feedback feedback.jsonl --out values.json
                                                       also what each token is worth to the feedback
  vpt score --data my.jsonl --feedback feedback.jsonl --feedback-batch 64 --set value.subset=last:2")]
    Score(ScoreArgs),
    /// Continue prompts, greedily or by draws.
    #[command(after_help = "\
Examples:
  vpt generate \"What is 3+4-2?\"                       a problem, put into the template
  vpt generate --model runs/value-s0 --raw \"Once upon\" text as it stands
  vpt generate --temperature 0.7 --top-p 0.95 --samples 4 --seed 1 \"What is 3+4-2?\"
  vpt generate --stop \"####\" --stop \"Question:\" \"What is 3+4-2?\"
  vpt generate --model SmolLM2.Q4_1.gguf --raw \"Once\"  a GGUF file")]
    Generate(GenerateArgs),
    /// Compute the features of images by a DINOv3 model: class tokens and patches.
    #[command(after_help = "\
Examples:
  vpt features --model facebook/dinov3-vits16-pretrain-lvd1689m photo.jpg --out photo.safetensors
  vpt features --model DIR images/*.jpg --batch 32 --out features.safetensors
  vpt features --model DIR street.png --size native --out street.safetensors   at the image's own size
  vpt features --model DIR a.png b.png --out ab.safetensors --json | jq .patches")]
    Features(FeaturesArgs),
    /// Load a model, check it, and list what it holds.
    #[command(after_help = "\
Examples:
  vpt inspect                                          the base that ships
  vpt inspect --model Qwen/Qwen1.5-0.5B                a model on the Hub, fetched into its cache
  vpt inspect --model runs/value-s0 --json
  vpt inspect --model dinov3-vits16                    a folder with a DINOv3 model
  vpt inspect --model SmolLM2.Q4_1.gguf                a GGUF file")]
    Inspect(InspectArgs),
    /// Merge LoRA adapters into their model.
    #[command(after_help = "\
Examples:
  vpt merge --model Qwen2.5-0.5B --adapter runs/mine --out merged   a run's adapters
  vpt merge --model base --adapter peft-adapter --out merged        adapters that PEFT made")]
    Merge(MergeArgs),
    /// Look at data, or clean it.
    Data(DataArgs),
    /// Measure what the value costs beside a plain step, on random weights and tokens.
    Bench(BenchArgs),
    /// Print or check the resolved config of a run.
    #[command(after_help = "\
Examples:
  vpt config --print                                  every key, its default and its meaning
  vpt config --print --set train.steps=500 > my.toml  the same with a change, ready for --config
  vpt config --check --config my.toml                 refuse now what a run would refuse")]
    Config(ConfigCommandArgs),
    /// Print completions for a shell.
    #[command(after_help = "\
Examples:
  vpt completions bash > ~/.local/share/bash-completion/completions/vpt
  vpt completions zsh > ~/.zfunc/_vpt
  vpt completions fish > ~/.config/fish/completions/vpt.fish")]
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

/// What an experiment's runs are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Experiment {
    /// The defaults: value feedback on the data in the repository.
    Headline,
    /// The config in this file.
    File(PathBuf),
}

/// `vpt experiment`
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// headline, or the config that the runs share.
    #[arg(value_name = "headline|FILE.toml", value_parser = experiment)]
    pub(crate) name: Experiment,
    /// Seeds 0, 1, ... N - 1 of each method.
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub(crate) seeds: usize,
    /// The methods to compare.
    #[arg(long, value_name = "METHODS", value_delimiter = ',', default_value = "ntp,value,random",
          value_parser = named::<Method>)]
    pub(crate) methods: Vec<Method>,
    /// Runs side by side [default: 2, or 1 on a single core].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) jobs: Option<usize>,
    /// Leave out runs of `random`, the control, that would end after this many minutes; 0: none.
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) minutes: u64,
    /// The experiment's folder [default: runs/headline, or runs/ and the file's name].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) verbosity: VerbosityArgs,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}

impl ExperimentArgs {
    /// The experiment's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        let name = match &self.name {
            Experiment::Headline => None,
            Experiment::File(file) => file.file_stem(),
        };
        let named = Path::new("runs").join(name.unwrap_or("headline".as_ref()));
        self.out.clone().unwrap_or(named)
    }
}

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
    /// Write the result, with every item, to this file.
    #[arg(long, value_name = "FILE.json", requires = "task")]
    pub(crate) out: Option<PathBuf>,
}

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

/// `vpt features`
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    /// Images, JPEG or PNG.
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
    /// The model: a folder, owner/name or owner/name@revision on the Hub.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,
    /// Write here: cls [images, width] and patches [images, rows x columns, width] after the final norm.
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) out: PathBuf,
    /// processor: resize as the model's preprocessor_config.json says; native: keep an image's own size
    /// where both sides are multiples of the patch.
    #[arg(long, value_name = "SIZE", default_value = "processor", value_parser = named::<FeatureSize>)]
    pub(crate) size: FeatureSize,
    /// Images at once.
    #[arg(long, value_name = "N", default_value = "8", value_parser = at_least_one)]
    pub(crate) batch: usize,
    /// Print what was written as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
}

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

/// `vpt config`
#[derive(Debug, Args)]
pub(crate) struct ConfigCommandArgs {
    /// Print the whole resolved config with a comment on each key (what it does without a flag too).
    #[arg(long, conflicts_with = "check")]
    pub(crate) print: bool,
    /// Only say whether it can be run.
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}

/// `vpt completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: Shell,
}

fn experiment(text: &str) -> Result<Experiment, String> {
    match text {
        "headline" => Ok(Experiment::Headline),
        file if file.ends_with(".toml") => Ok(Experiment::File(file.into())),
        _ => Err("neither 'headline' nor a TOML file".into()),
    }
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
