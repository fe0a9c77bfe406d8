//! What a vision run is told: every key, its default and its limits.
//!
//! `default.toml` beside this file is the one place where defaults and their comments stand.

mod check;
mod names;
mod parts;

pub(crate) use check::SCENES;
pub use names::{
    Blocks, CentringKind, ClipBy, DataKind, DesignerKind, EstimatorKind, HeadKind, Method,
    ModalityName, ObjectiveKind, TargetName,
};
pub use vpt_core::run::ConfigError;

use serde::{Deserialize, Serialize};

/// The annotated defaults of every key.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// One run, every key present.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct RunConfig {
    pub modality: ModalityName,
    pub method: Method,
    pub seed: u64,
    pub model: ModelConfig,
    pub objective: ObjectiveConfig,
    pub data: DataConfig,
    pub crops: CropConfig,
    pub designer: DesignerConfig,
    pub value: ValueConfig,
    pub probe: ProbeConfig,
    pub train: TrainConfig,
    pub guard: GuardConfig,
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
}

/// `[objective]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct ObjectiveConfig {
    pub kind: ObjectiveKind,
    pub hidden: usize,
    pub bottleneck: usize,
    pub outputs: usize,
    pub batch_norm: bool,
    pub norm_last_layer: bool,
    pub centring: CentringKind,
    pub centre_momentum: f64,
    pub sinkhorn_iterations: usize,
    pub student_temperature: f64,
    pub teacher_temperature: f64,
    pub teacher_temperature_from: f64,
    pub teacher_temperature_steps: usize,
    pub momentum: f64,
    pub momentum_end: f64,
    pub last_layer_freeze: usize,
    pub head_burn_in: usize,
    pub target: TargetName,
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct DataConfig {
    pub kind: DataKind,
    pub path: String,
    pub size: usize,
    pub count: usize,
    pub unreadable: crate::loader::Unreadable,
    pub threads: usize,
    pub segmentation: String,
    pub classes: usize,
    pub reduce_zero_label: bool,
    pub depth: String,
    pub pictures: String,
    pub head_images: usize,
    pub meta_images: usize,
    pub validation_images: usize,
    pub probe_images: usize,
    pub test_images: usize,
}

/// `[crops]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct CropConfig {
    pub global: usize,
    pub local: usize,
    pub locals: usize,
    pub global_scale: [f64; 2],
    pub local_scale: [f64; 2],
    pub flip: f64,
    pub jitter: f64,
    pub grayscale: f64,
    pub blur: [f64; 3],
    pub blur_sigma: [f64; 2],
    pub solarise: f64,
}

/// `[designer]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct DesignerConfig {
    pub kind: DesignerKind,
    pub base: usize,
    pub depth: usize,
    pub patch: usize,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub masked: crate::designer::MaskedCrops,
    pub keep: f64,
    pub cell: usize,
    pub sparsity: f64,
    pub tv: f64,
    pub lr: f64,
    pub beta_1: f64,
    pub beta_2: f64,
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
    pub subset: Blocks,
    pub meta_batch: usize,
    pub feedback_batch: usize,
    pub alpha_seg: f64,
    pub alpha_depth: f64,
    pub head_steps: usize,
    pub head_refresh: usize,
    pub head_batch: usize,
    pub head_lr: f64,
    pub curvature: f64,
    pub noise_batches: usize,
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
    pub images: usize,
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct TrainConfig {
    pub parameters: Blocks,
    pub steps: usize,
    pub batch_size: usize,
    pub grad_accum: usize,
    pub lr: f64,
    pub min_lr_ratio: f64,
    pub warmup: usize,
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    pub weight_decay_end: f64,
    pub clip: f64,
    pub clip_by: ClipBy,
    pub checkpoint_every: usize,
    pub eval_every: usize,
}

/// `[guard]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each key's meaning stands once, in default.toml"
)]
pub struct GuardConfig {
    pub watch: bool,
    pub neighbours: usize,
    pub tolerance: f64,
    pub patience: usize,
    pub ruin: f64,
    pub collapse: usize,
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
    pub head: HeadKind,
    pub steps: usize,
    pub head_batch: usize,
    pub lr: f64,
    pub figures: usize,
    pub references: bool,
}
