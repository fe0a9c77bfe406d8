//! What a designer of masks is made of, as a config file says it.

use super::{SitConfig, UNetConfig};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A network from pixels to the logits of a mask (A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Architecture {
    /// A small U-Net.
    UNet(UNetConfig),
    /// A small transformer over patches.
    Sit(SitConfig),
}

impl Default for Architecture {
    fn default() -> Self {
        Self::UNet(UNetConfig::default())
    }
}

/// Which of the student's views carry a mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskedCrops {
    /// The global views alone, the paper's default.
    #[default]
    Global,
    /// Local ones too.
    All,
}

/// A setting of a designer or of its masks that cannot be.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{key}: {value} is not {wanted}")]
pub struct DesignerError {
    /// The setting.
    pub key: &'static str,
    /// What was given.
    pub value: f64,
    /// What would do.
    pub wanted: String,
}

impl DesignerError {
    pub(super) fn ensure(
        holds: bool,
        key: &'static str,
        value: f64,
        wanted: impl Into<String>,
    ) -> Result<(), Self> {
        let wanted = wanted.into();
        (holds.then_some(())).ok_or(Self { key, value, wanted })
    }
}

impl Architecture {
    /// Whether it can be built, and run on square views of every side in `sides`.
    ///
    /// # Errors
    /// The first setting or side that does not fit.
    pub fn check(&self, sides: &[usize]) -> Result<(), DesignerError> {
        let multiple = match self {
            Self::UNet(config) => config.check()?,
            Self::Sit(config) => config.check()?,
        };
        sides.iter().try_for_each(|side| {
            let holds = *side > 0 && side.is_multiple_of(multiple);
            let wanted = format!("a multiple of {multiple}, as the designer of masks needs it");
            DesignerError::ensure(holds, "size", *side as f64, wanted)
        })
    }
}
