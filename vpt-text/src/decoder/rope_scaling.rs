//! Scalings of the rotary frequencies, for contexts longer than a model was first trained on.

use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use vpt_core::pretrained::{ConfigError, invalid};

/// How the rotary frequencies are scaled; the fields carry the names of `config.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "lowercase")]
pub enum RopeScaling {
    /// Not at all.
    #[default]
    Default,
    /// All by the same factor: position interpolation.
    Linear {
        /// What they are divided by.
        factor: f64,
    },
    /// Llama 3.1's and 3.2's: the slow ones by a factor, the fast ones not at all, those between
    /// by a part of it.
    Llama3 {
        /// What the slow ones are divided by.
        factor: f64,
        /// Wavelengths above `original_max_position_embeddings / low_freq_factor` are slow.
        low_freq_factor: f64,
        /// Wavelengths below `original_max_position_embeddings / high_freq_factor` are fast.
        high_freq_factor: f64,
        /// Positions of the first training.
        original_max_position_embeddings: usize,
    },
}

impl RopeScaling {
    /// The angle per position, in radians, that `frequency` becomes. With λ = 2π / frequency and
    /// s = (original / λ − low) / (high − low), `Llama3` takes (1 − s)·frequency / factor +
    /// s·frequency for s clamped to [0, 1].
    pub(super) fn scale(self, frequency: f64) -> f64 {
        match self {
            Self::Default => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
            } => {
                let turns = original as f64 * frequency / TAU;
                let share = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - share) * frequency / factor + share * frequency
            }
        }
    }

    /// Whether the figures can be meant.
    pub(super) fn check(self) -> Result<(), ConfigError> {
        let positive = |field, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(invalid(field, value, "must be positive and finite")),
        };
        match self {
            Self::Default => Ok(()),
            Self::Linear { factor } => positive("factor", factor),
            Self::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
            } => {
                positive("factor", factor)?;
                positive("low_freq_factor", low)?;
                positive("high_freq_factor", high)?;
                positive("original_max_position_embeddings", original as f64)?;
                if high <= low {
                    let reason = format!("must exceed low_freq_factor = {low}");
                    return Err(invalid("high_freq_factor", high, reason));
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three cases of the definition, spelt out with wavelengths.
    #[test]
    fn the_slow_are_divided_the_fast_are_not() {
        let llama = RopeScaling::Llama3 {
            factor: 32.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        };
        for (wavelength, divisor) in [(100.0, 1.0), (2047.0, 1.0), (8193.0, 32.0), (1e6, 32.0)] {
            let frequency = TAU / wavelength;
            let found = llama.scale(frequency);
            assert!((found * divisor - frequency).abs() < 1e-12 * frequency);
        }
        // 8192 / 4096 = 2 turns: a third of the way from 1 to 4.
        let frequency = TAU / 4096.0;
        let expected = 2.0 / 3.0 * frequency / 32.0 + frequency / 3.0;
        assert!((llama.scale(frequency) - expected).abs() < 1e-15);
    }
}
