//! What reports are made of: curves, colours, figures with their intervals, and the page.
//!
//! A report is one file that loads nothing else. What it says is a modality's own matter.

mod colour;
mod curves;
mod number;
mod page;
mod plot;
mod reproduce;
mod results;

pub use colour::{Palette, Rgb, css};
pub use curves::{Curve, Points, Reference, curves, legend, scatter};
pub use number::rough;
pub use page::page;
pub use plot::{Line, Plot, Stroke};
pub use reproduce::{Reproducible, reproduce};
pub use results::{arm, measured};

use crate::CoreError;
use thiserror::Error;

/// A report that cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] CoreError),
    /// A curve cannot be drawn.
    #[error("the curve of {curve} cannot be drawn: {message}")]
    Plot {
        /// What it shows.
        curve: String,
        /// Why.
        message: String,
    },
}
