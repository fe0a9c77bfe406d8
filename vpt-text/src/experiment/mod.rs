//! Runs side by side: methods × seeds under one budget, and what may be concluded from them.
//!
//! Nothing here trains. A finished run leaves a folder ([`artefacts`](crate::artefacts)); `statistics` compares two
//! methods seed by seed and item by item; `summary` does so for every method against next-token
//! prediction and writes `summary.json`.

mod correlation;
mod error;
mod measures;
mod probed;
mod statistics;
mod summary;
#[cfg(test)]
pub(crate) mod synthetic;
mod table;

pub use correlation::Correlation;
pub use error::ExperimentError;
pub use measures::{GainParts, Measured};
pub use probed::Probed;
pub use statistics::{Cell, Difference, Grid, RESAMPLES, mean_by_seed, paired_difference};
pub use summary::{BASELINE, MethodSummary, Summary, read_runs, summarise, summarise_runs};

pub(crate) use table::{figure, signed};
