//! Choices by name, as a config writes them.

use crate::objective::TargetForm;
use serde::{Deserialize, Serialize};

/// The first key of every config of a vision run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModalityName {
    /// Vision.
    Image,
}

/// What the learner's crops carry, and what steers it (§3.3, Table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Plain crops.
    Baseline,
    /// Learned masks that climb V.
    Value,
    /// Random masks of the same keep ratio.
    RandomMasks,
    /// Learned masks along a random direction.
    Random,
    /// Learned masks along −g_down.
    Negated,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Baseline,
        Self::Value,
        Self::RandomMasks,
        Self::Random,
        Self::Negated,
    ];

    /// Its name in configs, folders and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Value => "value",
            Self::RandomMasks => "random-masks",
            Self::Random => "random",
            Self::Negated => "negated",
        }
    }

    /// Whether a designer learns, along labelled feedback or a direction of its length.
    pub fn needs_feedback(self) -> bool {
        matches!(self, Self::Value | Self::Random | Self::Negated)
    }
}

/// The pretraining loss (§2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveKind {
    /// Self-distillation.
    Dino,
    /// Latent regression.
    Latent,
    /// Masked reconstruction.
    Reconstruction,
}

/// What keeps DINO's teacher from saying the same of every image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CentringKind {
    /// A moving average of its logits.
    Ema,
    /// Sinkhorn and Knopp's balancing.
    Sinkhorn,
}

/// What reconstruction is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetName {
    /// x ⊙ (1 − m) everywhere.
    Soft,
    /// The pixels of hidden patches.
    Hidden,
    /// The same, each patch by its own moments.
    Normalised,
}

impl TargetName {
    /// As the objective has it.
    pub fn form(self) -> TargetForm {
        match self {
            Self::Soft => TargetForm::Soft,
            Self::Hidden => TargetForm::Hidden { normalised: false },
            Self::Normalised => TargetForm::Hidden { normalised: true },
        }
    }
}

/// Where unlabelled images come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// They are drawn.
    Scenes,
    /// From a folder.
    Folder,
}

/// Which network makes masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DesignerKind {
    /// A small U-Net.
    Unet,
    /// A small transformer.
    Sit,
}

/// How ∇_φ V is taken (eq. 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EstimatorKind {
    /// A tape over the backward pass.
    Nested,
    /// The same above the cut below S.
    Split,
    /// A central difference along g_down.
    Central,
    /// The same above the cut.
    SplitCentral,
    /// Forward-mode differentiation along g_down.
    Tangent,
}

impl EstimatorKind {
    /// Whether it cuts the backbone below S.
    pub fn is_split(self) -> bool {
        matches!(self, Self::Split | Self::SplitCentral)
    }
}

/// How a gradient is clipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipBy {
    /// By its norm over all parameters.
    Global,
    /// By each parameter's.
    Tensor,
}

/// The head that an evaluation reads a backbone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKind {
    /// Batch norm and a 1 × 1 convolution.
    Linear,
    /// Two 3 × 3 convolutions before it.
    Decoder,
}

/// Blocks of the backbone, as written in a config: `all` or `last:K`. The final norm goes with the
/// last K.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Blocks {
    /// The whole backbone.
    All,
    /// The last K blocks and the final norm.
    Last(usize),
}

impl TryFrom<String> for Blocks {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let last = |count: &str| count.parse().ok().filter(|count| *count > 0);
        match text.strip_prefix("last:").and_then(last) {
            Some(count) => Ok(Self::Last(count)),
            None if text == "all" => Ok(Self::All),
            None => Err(format!("`{text}` is neither all nor last:K (K ≥ 1)")),
        }
    }
}

impl From<Blocks> for String {
    fn from(blocks: Blocks) -> Self {
        match blocks {
            Blocks::All => "all".into(),
            Blocks::Last(count) => format!("last:{count}"),
        }
    }
}
