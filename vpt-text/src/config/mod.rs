//! What a text run is told: every key, its default and its limits.
//!
//! `default.toml` beside this file is the one place where defaults and their comments stand.

mod check;

pub use vpt_core::run::ConfigError;

use crate::data::{Columns, Filter, FilterError};
use crate::decoder::{LoadOptions, TargetModules};
use serde::{Deserialize, Serialize};

/// The annotated defaults of every key.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// Which kind of run a config is of: this crate's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modality {
    /// Language.
    Text,
}

/// How targets are made (§3.3, §4.5, Table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Learned soft targets that climb V.
    Value,
    /// One-hot next-token targets.
    Ntp,
    /// Learned soft targets along a random direction.
    Random,
    /// Uniform over the learner's top K.
    Smoothing,
    /// The learner's own top K, sharpened.
    SelfDistillation,
    /// p ∝ p_θ · exp(c / σ).
    Oracle,
    /// The target of greatest V.
    OracleHard,
}

impl Method {
    /// Its name in configs, folders and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Ntp => "ntp",
            Self::Random => "random",
            Self::Smoothing => "smoothing",
            Self::SelfDistillation => "self-distillation",
            Self::Oracle => "oracle",
            Self::OracleHard => "oracle-hard",
        }
    }

    /// Whether its targets come from labelled feedback, or from a direction of its length.
    pub fn needs_feedback(self) -> bool {
        !matches!(self, Self::Ntp | Self::Smoothing | Self::SelfDistillation)
    }
}

/// Which additions to A.1 the designer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DesignerForm {
    /// Starts from the learner's own distribution, held near it; c over σ.
    Stabilised,
    /// A.1 as printed.
    Paper,
}

/// How ∇_φ V is taken (eq. 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EstimatorKind {
    /// The loss is linear in its target.
    Linear,
    /// The same with exact values of tokens, by forward-mode differentiation along g_down.
    Tangent,
    /// A central difference along g_down.
    Central,
    /// A tape over the backward pass.
    Nested,
}

/// Where the language-model head comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadSpec {
    /// What the model's configuration says.
    Config,
    /// The embedding.
    Tied,
    /// A weight of its own.
    Stored,
}

impl HeadSpec {
    /// What is decided against the model's configuration.
    pub(crate) fn options(self) -> LoadOptions {
        LoadOptions {
            tie_word_embeddings: match self {
                Self::Config => None,
                Self::Tied => Some(true),
                Self::Stored => Some(false),
            },
        }
    }
}

/// θ_S (§3.2), as written in a config: `all`, `head`, `last:K`, `adapters` or `trainable`. Of each
/// counts what learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SubsetSpec {
    /// Every parameter that learns.
    All,
    /// The language-model head; the embedding where it is tied.
    Head,
    /// The last K blocks and the final norm.
    Last(usize),
    /// The adapters.
    Adapters,
    /// Every parameter that learns: [`All`](Self::All) under its plainer name.
    Trainable,
}

impl TryFrom<String> for SubsetSpec {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "all" => Ok(Self::All),
            "head" => Ok(Self::Head),
            "adapters" => Ok(Self::Adapters),
            "trainable" => Ok(Self::Trainable),
            other => last_blocks(other).map(Self::Last).ok_or_else(|| {
                format!("`{other}` is none of all, head, last:K (K ≥ 1), adapters, trainable")
            }),
        }
    }
}

/// K of `last:K`, at least 1.
fn last_blocks(text: &str) -> Option<usize> {
    let blocks = text.strip_prefix("last:")?.parse().ok()?;
    (blocks > 0).then_some(blocks)
}

impl From<SubsetSpec> for String {
    fn from(spec: SubsetSpec) -> Self {
        match spec {
            SubsetSpec::All => "all".into(),
            SubsetSpec::Head => "head".into(),
            SubsetSpec::Last(k) => format!("last:{k}"),
            SubsetSpec::Adapters => "adapters".into(),
            SubsetSpec::Trainable => "trainable".into(),
        }
    }
}

/// What of θ learns, as written in a config: `auto`, `all`, `last:K` or `adapters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TrainableSpec {
    /// The adapters where there are some, else every parameter.
    Auto,
    /// Every parameter.
    All,
    /// The last K blocks and the final norm.
    Last(usize),
    /// The adapters.
    Adapters,
}

impl TryFrom<String> for TrainableSpec {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "all" => Ok(Self::All),
            "adapters" => Ok(Self::Adapters),
            other => last_blocks(other)
                .map(Self::Last)
                .ok_or_else(|| format!("`{other}` is none of auto, all, last:K (K ≥ 1), adapters")),
        }
    }
}

impl From<TrainableSpec> for String {
    fn from(spec: TrainableSpec) -> Self {
        match spec {
            TrainableSpec::Auto => "auto".into(),
            TrainableSpec::All => "all".into(),
            TrainableSpec::Last(k) => format!("last:{k}"),
            TrainableSpec::Adapters => "adapters".into(),
        }
    }
}

/// One run, every key present.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct RunConfig {
    pub modality: Modality,
    pub method: Method,
    pub seed: u64,
    pub model: ModelConfig,
    pub lora: LoraKeys,
    pub data: DataConfig,
    pub designer: DesignerConfig,
    pub value: ValueConfig,
    pub probe: ProbeConfig,
    pub target: TargetConfig,
    pub train: TrainConfig,
    pub eval: EvalConfig,
}

/// `[model]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct ModelConfig {
    pub path: String,
    pub from_scratch: bool,
    pub head: HeadSpec,
    pub end_of_text: String,
    pub adapter: String,
}

/// `[lora]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct LoraKeys {
    pub rank: usize,
    pub alpha: f64,
    pub rslora: bool,
    pub dropout: f64,
    pub targets: TargetModules,
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct DataConfig {
    pub corpus: String,
    pub feedback: String,
    pub validation: String,
    pub test: String,
    pub off_target: String,
    pub prompt: String,
    pub answer: String,
    pub filter: String,
    pub seq_len: usize,
    pub shuffle_buffer: usize,
    pub open_rows: usize,
    pub prefetch: usize,
    pub cache: String,
    pub columns: Columns,
}

impl DataConfig {
    /// Which records of the corpus are taken; none takes all.
    ///
    /// # Errors
    /// `filter` is no filter.
    pub fn filter(&self) -> Result<Option<Filter>, ConfigError> {
        if self.filter.trim().is_empty() {
            return Ok(None);
        }
        let parsed = self
            .filter
            .parse()
            .map_err(|error: FilterError| ConfigError {
                key: "data.filter",
                message: error.to_string(),
            });
        parsed.map(Some)
    }
}

/// `[designer]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct DesignerConfig {
    pub form: DesignerForm,
    pub alpha_max: f64,
    pub top_k: usize,
    pub steps: usize,
    pub layers: usize,
    pub width: usize,
    pub heads: usize,
    pub lr: f64,
    pub beta_1: f64,
    pub beta_2: f64,
    pub kl: f64,
    pub gate_penalty: f64,
}

/// `[value]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct ValueConfig {
    pub update_every: usize,
    pub burn_in: usize,
    pub estimator: EstimatorKind,
    pub subset: SubsetSpec,
    pub feedback_batch: usize,
    pub curvature: f64,
    pub noise_batches: usize,
    pub probe_every: usize,
}

/// `[probe]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct ProbeConfig {
    pub every: usize,
    pub items: usize,
}

/// `[target]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct TargetConfig {
    pub alpha: f64,
    pub temperature: f64,
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct TrainConfig {
    pub parameters: TrainableSpec,
    pub steps: usize,
    pub batch_size: usize,
    pub grad_accum: usize,
    pub segments: usize,
    pub lr: f64,
    pub min_lr_ratio: f64,
    pub warmup: usize,
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    pub clip: f64,
    pub checkpoint_every: usize,
    pub eval_every: usize,
}

/// `[eval]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct EvalConfig {
    pub batch: usize,
    pub pass_items: usize,
    pub final_pass_items: usize,
    pub max_new_tokens: usize,
}
