//! Runs side by side: methods × seeds under one budget, each against the baseline on the same test
//! images.

mod summary;
#[cfg(test)]
pub(crate) mod synthetic;
mod table;

pub use summary::{BASELINE, MethodSummary, Probed, Summary, read_runs, summarise, summarise_runs};
