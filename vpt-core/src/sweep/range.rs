//! What a key may be.

use serde::{Deserialize, Serialize};

/// The values a key may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Range {
    /// One of these, whatever the key takes.
    Choice(Vec<Setting>),
    /// A number between low and high, every one as likely.
    Uniform([f64; 2]),
    /// The same of its logarithm.
    LogUniform([f64; 2]),
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// `true` or `false`.
    Switch(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

impl std::fmt::Display for Setting {
    /// As TOML writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Switch(on) => write!(f, "{on}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Word(word) => write!(f, "{word:?}"),
        }
    }
}

/// How many points of a continuous range a grid has.
const GRID: usize = 3;

impl Range {
    /// The interval on which the range is sampled: indices of a choice, numbers, logarithms.
    pub(super) fn interval(&self) -> (f64, f64) {
        match self {
            Self::Choice(values) => (0.0, values.len() as f64),
            Self::Uniform([low, high]) => (*low, *high),
            Self::LogUniform([low, high]) => (low.ln(), high.ln()),
        }
    }

    /// The value at a point of that interval.
    pub(super) fn at(&self, point: f64) -> Setting {
        match self {
            Self::Choice(values) => {
                let index = (point.max(0.0) as usize).min(values.len() - 1);
                values[index].clone()
            }
            Self::Uniform([low, high]) => number(point, *low, *high),
            Self::LogUniform([low, high]) => number(point.exp(), *low, *high),
        }
    }

    /// The points of a grid: every choice, or both ends of a continuous range and its middle.
    pub(super) fn grid(&self) -> Vec<f64> {
        let (low, high) = self.interval();
        match self {
            Self::Choice(values) => (0..values.len()).map(|index| index as f64).collect(),
            Self::Uniform(_) | Self::LogUniform(_) => {
                let step = (high - low) / (GRID - 1) as f64;
                (0..GRID).map(|index| low + index as f64 * step).collect()
            }
        }
    }
}

/// To six digits, which is all that a setting is worth and what a reader can copy.
fn number(value: f64, low: f64, high: f64) -> Setting {
    let short = format!("{value:.5e}").parse().unwrap_or(value);
    Setting::Number(short.clamp(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_values() {
        let words = Range::Choice(vec![
            Setting::Word("unet".into()),
            Setting::Word("sit".into()),
        ]);
        assert_eq!(words.at(1.7).to_string(), "\"sit\"");
        assert_eq!(words.grid(), [0.0, 1.0]);
        let rates = Range::LogUniform([1e-4, 1e-2]);
        let found: Vec<String> = rates
            .grid()
            .iter()
            .map(|at| rates.at(*at).to_string())
            .collect();
        assert_eq!(found, ["0.0001", "0.001", "0.01"]);
        assert_eq!(Range::Uniform([2.0, 4.0]).at(3.0).to_string(), "3.0");
    }
}
