//! What can be wrong with a set.

use crate::images::ImageError;
use std::path::PathBuf;
use thiserror::Error;

/// A set, or a sample of it, that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetError {
    /// An image cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A folder or file of the set is missing or cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without what it should hold.
    #[error("{path}: holds no {what}")]
    Empty {
        /// The folder or file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// Labels or depths of another size than their image.
    #[error(
        "{path}: {} x {} pixels (height x width), its image has {} x {}",
        found[0], found[1], expected[0], expected[1]
    )]
    Size {
        /// The labels or depths.
        path: PathBuf,
        /// Their `[height, width]`.
        found: [usize; 2],
        /// The image's.
        expected: [usize; 2],
    },
    /// A label that is no class.
    #[error("{path}: label {label} at row {row}, column {column}; labels go up to {last}")]
    Label {
        /// The label map.
        path: PathBuf,
        /// The label.
        label: u8,
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// The greatest label there is.
        last: u8,
    },
    /// A line of a list that is not as the lines should be.
    #[error("{path}:{line}: {message}")]
    Line {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A file of the set's own format that does not hold what it should.
    #[error("{path}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// No sample of a whole epoch could be used.
    #[error("none of {samples} samples can be used; the last: {last}")]
    NothingReadable {
        /// Samples of an epoch.
        samples: usize,
        /// What was wrong with the last one.
        last: Box<SetError>,
    },
}

impl SetError {
    /// Whether one sample is at fault and others may be usable: an image, its size or its labels.
    pub fn is_of_one_sample(&self) -> bool {
        matches!(
            self,
            Self::Image(_) | Self::Size { .. } | Self::Label { .. }
        )
    }

    /// For `map_err` on what a file should hold.
    pub(super) fn content(path: impl Into<PathBuf>) -> impl FnOnce(String) -> Self {
        let path = path.into();
        move |message| Self::Content { path, message }
    }
}
