//! Every method of an experiment against next-token prediction: figures of language over
//! [`vpt_core::experiment`].
//!
//! A finished run leaves a folder ([`artefacts`](crate::artefacts)); `summary` compares every method with
//! the baseline on the same items and writes `summary.json`.

mod measures;
mod probed;
mod summary;
#[cfg(test)]
pub(crate) mod synthetic;
mod table;

pub use measures::GainParts;
pub use probed::Probed;
pub use summary::{BASELINE, MethodSummary, Summary, read_runs, summarise, summarise_runs};
