//! Runs side by side: methods × seeds under one budget, and what may be concluded from them.
//!
//! Nothing here trains. `statistics` compares two methods seed by seed and item by item; [`Beside`] does so
//! for one figure of one method, and [`Measured`] is what comes of it. What the figures are is a modality's
//! own matter.

mod arm;
mod correlation;
mod error;
mod measures;
mod statistics;
mod table;

pub use arm::{Arm, methods, run_folders, run_name};
pub use correlation::Correlation;
pub use error::ExperimentError;
pub use measures::{Beside, Measured};
pub use statistics::{Cell, Difference, RESAMPLES, mean_by_seed, paired_difference};
pub use table::{align, figure, signed};
