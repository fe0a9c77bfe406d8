//! What a sweep must satisfy before a trial is run.

use super::{Range, Sweep};
use crate::run::{ConfigError, require};

impl Sweep {
    /// Refuses what can be refused from the file alone.
    ///
    /// # Errors
    /// The first key that cannot be run.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(self.trials >= 1, "trials", || "must be at least 1".into())?;
        require(self.batch >= 1, "batch", || "must be at least 1".into())?;
        require(!self.objectives.is_empty(), "objective", || {
            "names no figure".into()
        })?;
        require(!self.keys.is_empty(), "keys", || "names no key".into())?;
        for (key, range) in &self.keys {
            let message = |said: &str| format!("{key}: {said}");
            require(key != "seed" && key != "modality", "keys", || {
                message("is not for a sweep to vary")
            })?;
            let (low, high) = range.interval();
            match range {
                Range::Choice(values) => {
                    require(!values.is_empty(), "keys", || message("offers no choice"))?;
                }
                Range::Uniform(_) => {
                    require((high - low).is_finite() && low < high, "keys", || {
                        message("is not a range from low to high")
                    })?;
                }
                Range::LogUniform(_) => {
                    require((high - low).is_finite() && low < high, "keys", || {
                        message("is not a range from low to high above 0")
                    })?;
                }
            }
        }
        Ok(())
    }
}
