//! Why tensors could not be read.

use std::path::{Path, PathBuf};

/// Why tensors could not be read, with the file and the tensor at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// The file is not what its name says.
    #[error("{}: malformed: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor that is asked for is not there.
    #[error("{}: no tensor `{key}`", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// The tensor.
        key: String,
    },
    /// A tensor has another shape than is asked for.
    #[error("{}: `{key}` has shape {found:?}, the model needs {expected:?}", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The tensor.
        key: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that is asked for.
        expected: Vec<usize>,
    },
    /// A tensor's element type is not F32, F16 or BF16.
    #[error("{}: `{key}` is stored as {dtype}, not as F32, F16 or BF16", file.display())]
    Dtype {
        /// The file.
        file: PathBuf,
        /// The tensor.
        key: String,
        /// Its element type.
        dtype: String,
    },
    /// A tensor holds NaN or an infinity.
    #[error("{}: `{key}` is not finite at element {index}", file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// The tensor.
        key: String,
        /// The first such element, in row-major order.
        index: usize,
    },
}

impl WeightsError {
    pub(super) fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }
}
