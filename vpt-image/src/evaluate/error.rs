//! What keeps features from being judged.

use crate::sets::SetError;
use thiserror::Error;

/// A set, a sample or a setting that an evaluation cannot use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The set or one of its files.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A pixel's label that the head has no class for.
    #[error(
        "sample {index}: label {label} at row {row}, column {column}; there are {classes} classes, from 0"
    )]
    Label {
        /// The sample.
        index: usize,
        /// The label.
        label: u8,
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// Classes of the head.
        classes: usize,
    },
    /// A picture's class that the head does not have.
    #[error("sample {index}: class {class}; there are {classes}, from 0")]
    Class {
        /// The sample.
        index: usize,
        /// Its class.
        class: usize,
        /// Classes of the head.
        classes: usize,
    },
    /// A sample that says nothing: all of it is ignored or not known.
    #[error("sample {index}: no pixel is labelled, or its depth known")]
    Unlabelled {
        /// The sample.
        index: usize,
    },
    /// An image that does not fit the backbone or the others of its batch.
    #[error(
        "sample {index}: {height} x {width} pixels (height x width) after processing; {needed}"
    )]
    Size {
        /// The sample.
        index: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// What the size must be.
        needed: String,
    },
    /// No sample can be used.
    #[error("none of {samples} samples can be used{}", last.as_ref().map(|last| format!("; the last: {last}")).unwrap_or_default())]
    NothingUsable {
        /// Samples that were tried.
        samples: usize,
        /// What was wrong with the last one.
        last: Option<Box<EvaluateError>>,
    },
    /// A setting is out of range.
    #[error("{key} must be {range}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// What it may be.
        range: String,
    },
    /// A loss that is no number.
    #[error("step {step} of the head: the loss is not finite")]
    NotFinite {
        /// The head's step, from 0.
        step: usize,
    },
}

impl EvaluateError {
    /// Whether one sample is at fault and others may be usable.
    pub fn is_of_one_sample(&self) -> bool {
        match self {
            Self::Set(error) => error.is_of_one_sample(),
            Self::Label { .. } | Self::Class { .. } | Self::Unlabelled { .. } => true,
            _ => false,
        }
    }
}
