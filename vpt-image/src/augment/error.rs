//! What can be wrong with the settings of views.

use thiserror::Error;

/// A setting that no view can be drawn by.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// A number is outside its range.
    #[error("{key} = {value} must be {range}")]
    OutOfRange {
        /// The setting.
        key: String,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A range whose ends are in the wrong order or outside what it may hold.
    #[error("{key} = [{low}, {high}] must be {range}")]
    Range {
        /// The setting.
        key: String,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
        /// What it may be.
        range: &'static str,
    },
}

impl AugmentError {
    /// `value` must be a probability.
    pub(super) fn probability(key: &str, value: f64) -> Result<(), Self> {
        Self::ensure(key, value, (0.0..=1.0).contains(&value), "in [0, 1]")
    }

    pub(super) fn ensure(
        key: &str,
        value: f64,
        holds: bool,
        range: &'static str,
    ) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        let key = key.into();
        Err(Self::OutOfRange { key, value, range })
    }

    /// `[low, high]` must be ordered, and both within what `holds` says.
    pub(super) fn ordered(
        key: &str,
        [low, high]: [f64; 2],
        holds: impl Fn(f64) -> bool,
        range: &'static str,
    ) -> Result<(), Self> {
        if low <= high && holds(low) && holds(high) {
            return Ok(());
        }
        let key = key.into();
        Err(Self::Range {
            key,
            low,
            high,
            range,
        })
    }
}
